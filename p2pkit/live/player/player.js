// 17 of 17. The player: puts it all together, takes messages from Python, and paints.
//
// Read the modules in the order of their numbers, or from here backwards. A picture is painted only
// when it would be another one: while something moves, or after something was done.

import { Clock } from "./clock.js";
import { Head } from "./head.js";
import { listen } from "./pointer.js";
import { elements, observe } from "./room.js";
import { linkKey } from "./state.js";
import { Timeline } from "./timeline.js";
import { sentence, write } from "./words.js";

const PANEL_EVERY = 120; // milliseconds between two updates of what is around the stage
const INSPECT_EVERY = 300; // and between two questions about the node under the pointer
const LONGEST = 0.1; // seconds that pass between two pictures, at most, however long it took
const EMPTY = { type: "stage", title: "", mode: "replay", time: 0, nodes: [], links: [], kinds: [], speed: 1 };

// Build a player inside an element. `post` sends an object to Python, or is null.
export function mount(element, post) {
  return new Player(element, post);
}

class Player {
  constructor(element, post) {
    this.post = post ?? null;
    this.frames = 0;
    this.isSeen = true;
    Object.assign(this, elements(this.actions()));
    this.root.player = this;
    element.append(this.root);
    this.observer = observe(this);
    this.listen();
    this.reset(EMPTY);
    this.clock.playing = false;
    this.post?.({ type: "ready" });
  }

  // What the controls and menus do.
  actions() {
    const act = (does) => (...values) => this.act(() => does(...values));
    return {
      toggle: act(() => this.toggle()),
      step: act(() => this.step()),
      seek: act((time) => this.seek(time)),
      speed: act((speed) => this.clock.setSpeed(speed)),
      live: act(() => this.clock.goLive()),
      follow: act((text) => this.timeline.follow(text)),
      fit: act(() => (this.stage.view.isOwn = false)),
      send: (verb, nodes, more) => this.post?.({ type: "do", verb, nodes, ...more }),
    };
  }

  listen() {
    listen(this.stage.canvas, {
      hover: (x, y) => this.hover(x, y),
      leave: () => this.hover(-1e6, -1e6),
      click: (x, y) => this.click(x, y),
      drag: (dx, dy) => this.act(() => this.stage.view.drag(dx, dy)),
      zoom: (x, y, factor) => this.act(() => this.stage.view.zoom(x, y, factor)),
      mayZoom: (event) => this.mayZoom(event),
    });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.root.addEventListener("pointerdown", (event) => {
      if (!this.menu.element.contains(event.target)) this.menu.close();
    });
  }

  // Messages from Python

  receive(message) {
    if (message.type === "stage") this.reset(message);
    if (message.type === "events") this.hear(message);
    if (message.type === "said") this.said.show(message.text);
    if (message.type === "node") this.states.set(message.node, message.state);
    const isIdle = message.type === "events" && !message.events?.length;
    this.isStale ||= !isIdle;
    this.wake();
  }

  reset(stage) {
    this.timeline = new Timeline(stage);
    this.head = new Head(this.timeline);
    this.clock = new Clock(this.head);
    this.states = new Map(); // by name of a node: its state, as Python told last
    this.asked = 0;
    this.stage.forget();
    this.menu.close();
    this.card.hide();
  }

  hear(message) {
    this.timeline.add(message);
    this.clock.hear(message);
    if (message.closed) this.menu.close();
  }

  // What the watcher can do

  // Do something, and paint what comes of it.
  act(does) {
    does();
    this.isStale = true;
    this.panelAt = 0;
    this.wake();
  }

  toggle() {
    if (this.clock.playing) this.clock.pause();
    else this.clock.play();
  }

  step() {
    const event = this.clock.step();
    if (event) this.said.show(sentence(event, this.head));
  }

  seek(time) {
    this.clock.seek(time);
  }

  press(event) {
    if (event.target.closest("input, select, button, textarea")) return;
    const does = { " ": () => this.toggle(), "ArrowRight": () => this.step() }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    this.act(does);
  }

  // In a page with more than the player, the wheel scrolls, until the player was clicked.
  mayZoom(event) {
    const isAlone = this.root.parentElement?.classList.contains("p2pkit-full");
    return isAlone || event.ctrlKey || event.metaKey || this.root.contains(document.activeElement);
  }

  // Whether there is somebody who does what is asked.
  get isServed() {
    return this.post !== null && this.clock.mode !== "replay" && this.timeline.stage.verbs?.length > 0;
  }

  hover(x, y) {
    this.stage.hovered = this.stage.nodeAt(x, y);
    this.pointer = [x, y];
    const isLink = this.isServed && this.stage.hovered < 0 && this.stage.linkAt(x, y);
    this.stage.canvas.style.cursor = this.stage.hovered >= 0 || isLink ? "pointer" : "";
    this.act(() => {});
  }

  click(x, y) {
    this.root.focus({ preventScroll: true });
    if (!this.isServed) return;
    const { nodes, cuts } = this.head.state;
    const node = nodes[this.stage.nodeAt(x, y)];
    const { verbs, tells = [] } = this.timeline.stage;
    this.card.hide();
    if (node) return this.menu.openNode(x, y, node, { verbs, tells });
    const link = this.stage.linkAt(x, y);
    if (link) this.menu.openLink(x, y, nodes[link[0]], nodes[link[1]], cuts.has(linkKey(...link)), { verbs });
  }

  // Painting

  wake() {
    if (this.request || this.isGone || document.hidden || !this.isSeen) return;
    this.request = requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    this.request = 0;
    const passed = Math.min((now - (this.last ?? now)) / 1000, LONGEST);
    const before = this.head.number;
    this.clock.advance(passed);
    if (this.isStale || this.stage.isMoving || before !== this.head.number) {
      this.isStale = false;
      this.frames += 1;
      this.stage.paint(this.head, this.clock);
    }
    if (now - this.panelAt >= PANEL_EVERY || !this.clock.isMoving) this.paintPanel(now);
    this.last = this.clock.isMoving ? now : null;
    if (this.clock.isMoving) this.wake();
  }

  paintPanel(now) {
    this.panelAt = now;
    const { timeline, head, clock } = this;
    this.controls.update(clock, timeline);
    this.follow.update(timeline);
    this.curve.paint(head);
    this.log.update(head, clock.speed);
    this.legend.update(head);
    write(this.title, timeline.stage.title);
    write(this.note, timeline.note);
    this.fit.hidden = !this.stage.view.isOwn;
    const summary = `${head.state.nodes.length} nodes, ${head.state.links.size} connections`;
    this.stage.canvas.setAttribute("aria-label", summary);
    this.paintCard(now);
  }

  paintCard(now) {
    const number = this.stage.hovered;
    const node = this.head.state.nodes[number];
    if (!this.menu.element.hidden) return this.card.hide();
    if (!node) return this.paintMessage();
    const isNow = this.isServed && this.clock.playing;
    const state = (isNow ? this.states.get(node.name) : null) ?? node.look?.state ?? this.states.get(node.name) ?? [];
    const problem = node.look?.error ? [["look", node.look.error]] : []; // of a function for its looks
    this.card.show(...this.pointer, node, [...problem, ...state], this.head.hasIt(number));
    if (!this.isServed || now - this.asked < INSPECT_EVERY) return;
    this.asked = now;
    this.post({ type: "inspect", node: node.name });
  }

  paintMessage() {
    const flight = this.pointer && this.stage.flightAt(...this.pointer);
    if (flight) this.card.showLine(...this.pointer, sentence(flight, this.head));
    else this.card.hide();
  }

  // For tests and benchmarks, and the end

  get time() {
    return this.head.time;
  }

  get end() {
    return this.timeline.end;
  }

  get playing() {
    return this.clock.playing;
  }

  counts() {
    return this.head.counts();
  }

  status(name) {
    return this.head.state.nodes.find((node) => node.name === name)?.status ?? null;
  }

  destroy() {
    this.isGone = true;
    cancelAnimationFrame(this.request);
    this.request = 0;
    this.observer.stop();
    this.said.hide();
    this.root.remove();
  }
}
