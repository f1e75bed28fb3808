// 4 of 17. The head: where on the time line we are, and the state there.
//
// Forwards it applies events. Backwards it begins anew, from the nearest copy of the state that it
// made on its way: an event cannot be taken back.

const STRIDE = 20_000; // events between two copies: applying that many takes some 10 milliseconds

export class Head {
  constructor(timeline) {
    this.timeline = timeline;
    this.rewind(-Infinity);
  }

  // Go back to the last copy that is not after this time.
  rewind(time) {
    const { timeline } = this;
    const copy = timeline.checkpoints.findLast((checkpoint) => checkpoint.state.time <= time);
    this.state = (copy?.state ?? timeline.base).copy();
    this.number = copy?.number ?? timeline.first; // of the next event
    this.time = this.state.time;
  }

  // Go to a time: all events up to and including it have happened.
  seek(time) {
    const { timeline } = this;
    const there = Math.min(Math.max(time, timeline.begin), timeline.end);
    if (there < this.time || this.number < timeline.first) this.rewind(there);
    while (this.number < timeline.size && timeline.at(this.number).time <= there) this.step();
    this.time = there;
  }

  // Let the next event happen, and return it.
  step() {
    const { timeline } = this;
    if (this.number < timeline.first) this.rewind(-Infinity);
    const event = timeline.at(this.number);
    if (!event) return null;
    this.state.apply(event);
    this.time = event.time;
    this.number += 1;
    const last = timeline.checkpoints.at(-1)?.number ?? timeline.first;
    if (this.number >= last + STRIDE) {
      timeline.checkpoints.push({ number: this.number, state: this.state.copy() });
    }
    return event;
  }

  // Whether a node has the followed message by now.
  hasIt(number) {
    const first = this.timeline.having.get(number);
    return first !== undefined && first[0] < this.number;
  }

  counts() {
    const counts = { up: 0, paused: 0, down: 0 };
    for (const node of this.state.nodes) counts[node.status] += 1;
    return counts;
  }
}
