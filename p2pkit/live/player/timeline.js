// 3 of 17. The time line: the state at its begin, and all events since, as they come in from Python.
//
// It finds out once, when an event comes in, what is to be known about it later: which "s" an "r" or
// "d" belongs to, who had which message first, what belongs into the event log. A network on real
// sockets never ends, so the oldest events are folded into the state at the begin.

import { Colors } from "./palette.js";
import { State, isReceivers, readEvent } from "./state.js";

const MOST_EVENTS = { live: 60_000, simulated: 1_000_000, replay: 2_000_000 };
const MOST_WAITING = 20_000; // flights whose end is yet to come in
const MOST_TEXTS = 50; // messages that can be followed: the last so many
const NOTABLE = "de+-pqluenk"; // codes of events for the log

export class Timeline {
  constructor(stage) {
    this.stage = stage;
    this.base = State.from(stage);
    this.events = [];
    this.first = 0; // number of events that were folded: events are counted from the very first
    this.begin = this.end = stage.time;
    this.kinds = stage.kinds ?? [];
    this.note = stage.note ?? "";
    this.texts = new Map();
    this.textCount = 0;
    this.reached = new Map(); // text: a map from nodes to when they first had it, [event, time]
    this.followed = -1;
    this.isTold = false; // whether what is followed was told from outside
    this.isChosen = false; // whether the watcher chose it
    this.isColored = false; // whether nodes have colours of their own
    this.notable = []; // numbers of the events for the log
    this.waiting = new Map(); // flights without an end, by sender, serial and receiver
    this.started = new Set();
    this.colors = new Colors();
    this.checkpoints = [];
    this.base.nodes.forEach((node, number) => this.meet(node, number));
  }

  meet(node, number) {
    if (node.hasStarted) this.started.add(number);
    this.see(node.look);
  }

  // Where colours mean something else than who has a message, none is followed unless it was told.
  see(look) {
    if (look?.color === undefined) return;
    this.colors.see(look.color);
    this.isColored = true;
    if (!this.isTold && !this.isChosen) this.followed = -1;
  }

  get size() {
    return this.first + this.events.length;
  }

  at(number) {
    return this.events[number - this.first];
  }

  text(number) {
    return this.texts.get(number) ?? "";
  }

  // Take in a batch.
  add({ now, note, kinds, texts = [], events = [] }) {
    this.note = note ?? this.note;
    this.kinds = kinds ?? this.kinds;
    for (const text of texts) this.texts.set(this.textCount++, text);
    for (const raw of events) {
      const event = readEvent(raw);
      if (event) this.append(event);
    }
    this.end = Math.max(this.end, now ?? this.end);
    while (this.events.length > MOST_EVENTS[this.stage.mode]) this.fold();
  }

  append(event) {
    event.time = Math.max(event.time, this.events.at(-1)?.time ?? this.begin);
    this.end = Math.max(this.end, event.time);
    const number = this.size;
    this.events.push(event);
    if (event.code === "s") this.depart(event);
    if (event.code === "r") this.finish(event, event.from, event.node);
    if (event.code === "d") this.drop(event);
    if (event.code === "+") this.started.add(event.node);
    if (event.code === "w") this.see(event.look);
    if (event.code === "s") this.reach(event.text, event.from, number, event.time);
    if (event.code === "r") this.reach(event.text, event.node, number, event.time, event.from < 0);
    if (NOTABLE.includes(event.code) || (event.code === "r" && event.from < 0)) this.notable.push(number);
  }

  // A message leaves: from now on its end is waited for.
  depart(flight) {
    flight.end = Infinity;
    flight.reason = null;
    this.waiting.set(`${flight.from} ${flight.serial} ${flight.to}`, flight);
    if (this.waiting.size > MOST_WAITING) this.waiting.delete(this.waiting.keys().next().value);
  }

  finish(event, from, to) {
    const key = `${from} ${event.serial} ${to}`;
    event.flight = this.waiting.get(key) ?? null;
    if (!event.flight) return;
    this.waiting.delete(key);
    event.flight.end = event.time;
    event.flight.reason = event.reason ?? null;
  }

  drop(event) {
    if (isReceivers(event.reason)) this.finish(event, event.other, event.node);
    else this.finish(event, event.node, event.other);
  }

  // A node has a message, perhaps for the first time. What was told from outside is rather followed
  // than what the nodes say to each other anyway; in a live network what was told last.
  reach(text, node, number, time, isTold = false) {
    if (text < 0) return;
    if (!this.reached.has(text)) this.reached.set(text, new Map());
    const nodes = this.reached.get(text);
    if (!nodes.has(node)) nodes.set(node, [number, time]);
    const isRather = isTold && !this.isChosen && (!this.isTold || this.stage.mode === "live");
    if ((this.followed < 0 && !this.isColored) || isRather) {
      this.followed = text;
      this.isTold = isTold;
    }
    if (this.reached.size > MOST_TEXTS + 1) this.forgetText();
  }

  forgetText() {
    for (const text of this.reached.keys()) {
      if (text !== this.followed) return this.reached.delete(text);
    }
  }

  follow(text) {
    this.followed = text;
    this.isChosen = true;
  }

  // Who had the followed message when: a map from nodes to [event, time].
  get having() {
    return this.reached.get(this.followed) ?? new Map();
  }

  // Fold the oldest fifth of the events into the state at the begin.
  fold() {
    const old = this.events.splice(0, Math.ceil(this.events.length / 5));
    for (const event of old) this.base.apply(event);
    this.first += old.length;
    this.begin = this.base.time;
    this.notable = this.notable.filter((number) => number >= this.first);
    this.checkpoints = [];
    const used = new Set([...this.events.map((event) => event.text), ...this.reached.keys()]);
    for (const text of this.texts.keys()) if (!used.has(text)) this.texts.delete(text);
  }
}
