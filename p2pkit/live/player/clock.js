// 5 of 17. The clock: moves the head along the time line while the watcher's time passes.
//
// `speed` is how many seconds of the network are shown in a second. At the end of what is known the
// picture runs on a little, so that dots on their last way are seen to arrive, and then it rests.

const DELAY = 0.25; // seconds that the head stays behind a live network: arrivals are known when shown
const TAIL = 0.8; // seconds of the watcher's that the picture runs on at the end
const LEAP = 1; // seconds behind or ahead of a live network from which on the head jumps
const WHOLE = 15; // seconds that a replay takes, about

export const SPEEDS = [-3, -2, -1, 0, 1]
  .flatMap((power) => [1, 2, 5].map((step) => Number(`${step}e${power}`)))
  .concat(100);

// The nearest speed of the series 1, 2, 5 times a power of ten, not above this one.
function niceSpeed(speed) {
  const power = Math.floor(Math.log10(speed));
  const step = [5, 2, 1].find((each) => each <= (speed / 10 ** power) * 1.001);
  return Number(`${step}e${power}`);
}

export class Clock {
  constructor(head) {
    const { stage } = head.timeline;
    this.head = head;
    this.mode = stage.mode;
    this.isChosen = stage.speed !== null && stage.speed !== undefined;
    this.speed = this.isChosen ? stage.speed : { live: 1, simulated: 0.1, replay: 1 }[stage.mode];
    this.playing = true;
    this.isFollowing = stage.mode === "live" && this.speed === 1; // whether the head stays at what happens now
    this.now = stage.time; // the network's time when it last was heard of
    this.heard = performance.now(); // and the watcher's
    this.place(stage.time);
  }

  // The time that movements are drawn for. It runs on a little when the head is at the end.
  place(time) {
    this.head.seek(time);
    this.shown = this.head.time;
    this.settled = 0; // movements of events before this one are over
    this.isResting = false;
  }

  // More of the time line is known.
  hear({ now, closed }) {
    this.now = now ?? this.now;
    this.heard = performance.now();
    this.isResting = false;
    if (closed) {
      this.mode = "replay";
      this.isFollowing = false;
    }
    if (this.mode === "replay" && !this.isChosen && this.head.number === 0) this.choose();
  }

  choose() {
    const { begin, end } = this.head.timeline;
    if (end > begin) this.speed = niceSpeed((end - begin) / WHOLE);
  }

  // Let so many seconds of the watcher's pass.
  advance(passed) {
    if (!this.playing || this.isResting) return;
    const { head } = this;
    const { begin, end } = head.timeline;
    this.shown = Math.max(this.shown + passed * this.rate(), begin);
    if (this.isFollowing && Math.abs(this.target - this.shown) > LEAP) this.shown = this.target;
    head.seek(Math.min(this.shown, end));
    if (this.shown > end + TAIL * this.speed) this.rest();
    else if (this.mode === "live" && this.shown >= end) this.goLive();
  }

  get target() {
    const now = this.now + (performance.now() - this.heard) / 1000;
    return Math.min(now - DELAY, this.head.timeline.end + 2 * TAIL);
  }

  // A little faster or slower, to stay right behind a live network.
  rate() {
    if (!this.isFollowing) return this.speed;
    return Math.min(Math.max(1 + 2 * (this.target - this.shown), 0), 3);
  }

  rest() {
    this.shown = this.head.time;
    this.settled = this.head.number;
    this.isResting = true;
    if (this.mode === "replay") this.playing = false;
  }

  get isMoving() {
    return this.playing && !this.isResting;
  }

  play() {
    const { begin, end } = this.head.timeline;
    if (this.mode === "replay" && this.head.time >= end) {
      if (!this.isChosen) this.choose();
      this.place(begin);
    }
    this.playing = true;
    this.isResting = false;
  }

  pause() {
    this.playing = false;
    this.isFollowing = false;
  }

  step() {
    this.pause();
    const event = this.head.step();
    if (event) this.shown = this.head.time;
    return event;
  }

  seek(time) {
    this.isFollowing = false;
    this.place(time);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.isChosen = true;
    this.isFollowing &&= speed === 1;
  }

  goLive() {
    if (this.isFollowing) return;
    this.playing = this.isFollowing = true;
    this.speed = 1;
    this.place(this.target);
  }
}
