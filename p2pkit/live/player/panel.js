// 14 of 17. The panel: the message that is followed, the event log, the legend.
//
// All of it is written anew from the head when it has changed, a few times a second at most.

import { QUIET, ORANGE, VIRIDIS, kindColor } from "./palette.js";
import { logLines, make, seconds, shorten } from "./words.js";

const MOST_KINDS = 14; // in the legend

// The select of the message to follow.
export class Follow {
  constructor(onChange) {
    this.select = make("select", { "class": "p2p-select", "aria-label": "Message to follow" });
    this.select.addEventListener("change", () => onChange(Number(this.select.value)));
    this.element = make("label", { class: "p2p-follow" }, make("span", {}, "Who has it:"), this.select);
  }

  update(timeline) {
    const texts = [...timeline.reached.keys()];
    const key = [timeline.stage.title, timeline.followed, timeline.isColored, ...texts].join(" ");
    if (key === this.key) return;
    this.key = key;
    const nothing = texts.length ? "choose a message" : "no message yet";
    const entries = texts.map((text) => [String(text), timeline.text(text)]);
    this.offer(texts.length && !timeline.isColored ? entries : [["-1", nothing], ...entries]);
    this.select.value = String(timeline.followed);
  }

  // Only what is new comes, and what is old goes: the list may be open just now.
  offer(entries) {
    const wanted = new Map(entries);
    for (const option of [...this.select.options]) {
      if (option.title !== wanted.get(option.value)) option.remove();
      else wanted.delete(option.value);
    }
    for (const [value, text] of wanted) {
      this.select.append(make("option", { value, title: text }, shorten(text, 60)));
    }
  }
}

export class Log {
  constructor() {
    this.element = make("ol", { "class": "p2p-log", "aria-label": "Event log", "tabindex": "0" });
  }

  update(head, speed) {
    const lines = logLines(head);
    const key = [lines.at(-1)?.number, lines.at(-1)?.count, lines[0]?.number, lines.length].join(" ");
    if (key === this.key) return;
    this.key = key;
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - 20;
    const items = lines.map(({ time, text, level }) => make("li", { class: `p2p-${level}` },
      make("span", { class: "p2p-when" }, seconds(time, speed)), make("span", {}, text)));
    this.element.replaceChildren(...items);
    if (isAtEnd) this.element.scrollTop = this.element.scrollHeight;
  }
}

function entry(look, text, color) {
  const swatch = make("span", { class: `p2p-swatch ${look}` });
  if (color) swatch.style.backgroundColor = color;
  return make("span", { class: "p2p-entry" }, swatch, text);
}

export class Legend {
  constructor() {
    this.element = make("div", { class: "p2p-legend" });
  }

  update(head) {
    const { timeline } = head;
    const { words, least, greatest } = timeline.colors;
    const seen = contentsOf(head);
    const key = JSON.stringify([timeline.kinds, seen, [...words], least, greatest]);
    if (key === this.key) return;
    this.key = key;
    const looks = [...this.colors(timeline.colors, seen), ...this.states(seen)];
    const groups = [this.kinds(timeline.kinds), looks];
    this.element.replaceChildren(...groups.map((each) => make("span", { class: "p2p-group" }, ...each)));
  }

  kinds(kinds) {
    const shown = kinds.slice(0, MOST_KINDS);
    const entries = shown.map((kind, number) => entry("p2p-dot", kind, kindColor(number)));
    if (kinds.length > MOST_KINDS) entries.push(entry("", `and ${kinds.length - MOST_KINDS} more`));
    return entries;
  }

  states({ paused, down, cut }) {
    return [
      ...(paused ? [entry("p2p-node p2p-paused", "paused")] : []),
      ...(down ? [entry("p2p-node p2p-down", "down")] : []),
      ...(cut ? [entry("p2p-cut", "cut")] : []),
    ];
  }

  // What the colours of nodes mean: whether they have the message, words, numbers.
  colors(colors, { plain }) {
    const entries = [];
    if (plain) entries.push(entry("p2p-node", "has it", ORANGE), entry("p2p-node", "not yet", QUIET));
    for (const [word, color] of colors.words) entries.push(entry("p2p-node", shorten(word, 40), color));
    if (colors.least <= colors.greatest) {
      const bar = make("span", { class: "p2p-scale" });
      bar.style.background = `linear-gradient(to right, ${VIRIDIS.join(", ")})`;
      entries.push(make("span", { class: "p2p-entry" }, round(colors.least), bar, round(colors.greatest)));
    }
    return entries;
  }
}

// What there is to explain.
function contentsOf({ state: { nodes, cuts }, timeline }) {
  const some = (test) => nodes.some(test);
  return {
    plain: !timeline.isColored,
    paused: some((node) => node.status === "paused"),
    down: some((node) => node.status === "down"),
    cut: cuts.size > 0,
  };
}

function round(number) {
  return String(Number(number.toPrecision(4)));
}
