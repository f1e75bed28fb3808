// 10 of 17. The stage: the picture of the network at the time that the clock shows.
//
// Connections seldom change, so they are drawn on a sheet of their own, which is copied below what
// moves: glowing links, messages on their way, nodes, names.

import {
  along, drawCrosses, drawCuts, drawDots, drawGlows, drawLinks, drawNames, drawNodes, drawPulses, drawRing,
} from "./draw.js";
import { moving } from "./flights.js";
import { linkKey } from "./state.js";
import { View, distanceToLine, gapOf } from "./view.js";
import { squeeze } from "./words.js";

const MANY = 200; // nodes above which links are drawn only if there are few
const MANY_LINKS = 600;
const NAMED = 60; // nodes up to which each has its name on it
const ROOMY = 44; // pixels between nodes from which on they have, however many they are
const NAME_LETTERS = 24; // of a name
const MOVE = 0.5; // seconds of the watcher's that a node takes to its new place
const [LEAST, MOST] = [3, 13]; // pixels: the radius of nodes

export class Stage {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "p2p-canvas";
    this.canvas.setAttribute("role", "img");
    this.sheet = document.createElement("canvas");
    this.view = new View();
    this.forget();
  }

  forget() {
    this.spots = []; // nodes as they are drawn: {x, y, r, color, status, name}
    this.dots = []; // messages as they are drawn: {x, y, r, kind, flight}
    this.links = []; // links as they are drawn: [a, b], numbers of nodes
    this.hovered = -1; // the node under the pointer
    this.drawn = "";
    this.layout = 0;
    this.isMoving = false; // whether the next picture will differ, though nothing happens
    this.view.isOwn = false;
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.sheet]) {
      canvas.width = Math.max(Math.round(width * ratio), 1);
      canvas.height = Math.max(Math.round(height * ratio), 1);
    }
    Object.assign(this.view, { width, height, ratio });
  }

  paint(head, clock) {
    const ctx = this.canvas.getContext("2d");
    const { ratio = 1 } = this.view;
    this.place(head, clock);
    this.drawSheet(head.state);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.drawImage(this.sheet, 0, 0);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.motion = moving(head, clock.shown, clock.speed, clock.settled);
    this.drawMotion(ctx, head.state.cuts, this.motion);
    drawNodes(ctx, this.spots);
    const hovered = this.spots[this.hovered];
    if (hovered) drawRing(ctx, hovered);
    drawNames(ctx, this.isNamed ? this.spots : hovered ? [hovered] : []);
  }

  // Work out where each node is on the stage, and what it looks like.
  place(head, clock) {
    const { nodes, layout } = head.state;
    const since = nodes.map((node) => (clock.shown - node.moved) / (MOVE * clock.speed));
    const places = nodes.map((node, number) => placeOf(node, since[number]));
    this.isShifting = since.some((share) => share < 1);
    if (layout !== this.layout) this.gap = gapOf(nodes);
    this.layout = layout;
    this.view.fit(places);
    const usual = Math.min(Math.max(0.3 * this.view.scale * this.gap, LEAST), MOST);
    const sizes = sizesOf(nodes);
    this.isNamed = nodes.length <= NAMED || this.view.scale * this.gap > ROOMY;
    this.spots = nodes.map((node, number) => {
      const [x, y] = this.view.toPixels(places[number]);
      const color = head.timeline.colors.of(node.look, head.hasIt(number));
      const name = squeeze(node.look?.label ?? node.name, NAME_LETTERS);
      return { x, y, r: usual * sizes[number], color, status: node.status, name };
    });
  }

  // Draw the links, if they are not on the sheet already.
  drawSheet(state) {
    const key = `${state.wiring} ${this.view.key}`;
    if (key === this.drawn && !this.isShifting) return;
    this.drawn = this.isShifting ? "" : key;
    const uncut = [...state.links].filter(([link]) => !state.cuts.has(link)).map(([, pair]) => pair);
    const isFull = state.nodes.length > MANY && uncut.length > MANY_LINKS;
    const cuts = [...state.cuts.values()];
    this.links = [...cuts, ...(isFull ? [] : uncut)];
    const ctx = this.sheet.getContext("2d");
    const { ratio = 1 } = this.view;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.sheet.width, this.sheet.height);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!isFull) drawLinks(ctx, this.ends(uncut));
    drawCuts(ctx, this.ends(cuts));
  }

  ends(pairs) {
    return pairs.filter(([a, b]) => this.spots[a] && this.spots[b]).map(([a, b]) => [this.spot(a), this.spot(b)]);
  }

  spot(number) {
    const { x, y } = this.spots[number];
    return [x, y];
  }

  drawMotion(ctx, cuts, { dots, crosses, glows, pulses }) {
    const isThere = (flight) => this.spots[flight.from] && this.spots[flight.to];
    const small = this.spots.length > MANY ? 2.5 : 4;
    const at = ([flight, share]) => {
      const [x, y] = along(this.spot(flight.from), this.spot(flight.to), share);
      return { x, y, r: small, kind: flight.kind };
    };
    const shown = glows.filter(([flight]) => isThere(flight) && !cuts.has(linkKey(flight.from, flight.to)));
    drawGlows(ctx, shown.map(([{ from, to, kind }, strength]) => [this.spot(from), this.spot(to), kind, strength]));
    const rings = pulses.filter(([event]) => this.spots[event.node]);
    drawPulses(ctx, rings.map(([{ node, kind }, age]) => ({ ...this.spots[node], kind, age })));
    this.dots = dots.filter(([flight]) => isThere(flight)).map((dot) => ({ ...at(dot), flight: dot[0] }));
    drawDots(ctx, this.dots);
    const lost = crosses.filter(([flight]) => isThere(flight));
    drawCrosses(ctx, lost.map((cross) => ({ ...at(cross), strength: cross[2] })));
    this.isMoving = this.isShifting || glows.length + pulses.length > 0;
  }

  // The node at a place on the stage, by its number, or -1.
  nodeAt(x, y) {
    let [nearest, least] = [-1, Infinity];
    this.spots.forEach((spot, number) => {
      const distance = Math.hypot(spot.x - x, spot.y - y) - spot.r;
      if (distance < Math.min(least, 4)) [nearest, least] = [number, distance];
    });
    return nearest;
  }

  // The message at a place on the stage, as the event of its sending, or null.
  flightAt(x, y) {
    return this.dots.find((dot) => Math.hypot(dot.x - x, dot.y - y) < dot.r + 4)?.flight ?? null;
  }

  // The link at a place on the stage, as the numbers of its nodes, or null.
  linkAt(x, y) {
    return this.links.find(([a, b]) => distanceToLine([x, y], this.spot(a), this.spot(b)) < 5) ?? null;
  }
}

function placeOf(node, share) {
  if (!node.from || share >= 1) return [node.x, node.y];
  const eased = share <= 0 ? 0 : share * share * (3 - 2 * share);
  return along(node.from, [node.x, node.y], eased);
}

// Factors for the radii. Areas are to each other as the sizes that were asked for, within limits.
function sizesOf(nodes) {
  const sizes = nodes.map((node) => Number(node.look?.size ?? NaN));
  const known = sizes.filter(Number.isFinite);
  const mean = known.reduce((sum, size) => sum + size, 0) / known.length || 1;
  return sizes.map((size) => (Number.isFinite(size) ? Math.sqrt(Math.min(Math.max(size / mean, 0.25), 6)) : 1));
}
