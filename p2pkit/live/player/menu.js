// 15 of 17. The menu on a click, the card on hover, and what is said for some seconds.

import { make, shorten } from "./words.js";

const SAID = 5000; // milliseconds
const MOST_ROWS = 12; // of a node's state

// Put an element that lies over the stage at a place, as far as there is room.
function placeAt(element, x, y) {
  const around = element.parentElement;
  const { offsetWidth, offsetHeight } = element;
  element.style.left = `${Math.max(Math.min(x, around.clientWidth - offsetWidth - 4), 4)}px`;
  element.style.top = `${Math.max(Math.min(y, around.clientHeight - offsetHeight - 4), 4)}px`;
}

export class Menu {
  // `send(verb, nodes, more)` asks Python for what was chosen.
  constructor(send) {
    this.send = send;
    this.element = make("div", { class: "p2p-menu", role: "menu", hidden: "" });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  // Show a title and entries, [text, what it does].
  open(x, y, title, entries) {
    const buttons = entries.map(([text, act]) => {
      const button = make("button", { type: "button", role: "menuitem" }, text);
      button.addEventListener("click", act);
      return button;
    });
    this.show(x, y, make("div", { class: "p2p-title" }, title), ...buttons);
  }

  show(x, y, ...children) {
    this.element.replaceChildren(...children);
    this.element.hidden = false;
    this.at = [x, y];
    placeAt(this.element, x + 12, y + 8);
    this.element.querySelector("input, button")?.focus({ preventScroll: true });
  }

  close() {
    const hadFocus = this.element.contains(document.activeElement);
    if (hadFocus) this.element.closest(".p2pkit-live").focus({ preventScroll: true });
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  openNode(x, y, node, { verbs, tells }) {
    const verb = (name) => [name, () => this.choose(name, [node.name])];
    const fitting = { up: ["crash", "pause"], paused: ["resume", "crash"], down: ["restart"] }[node.status];
    const entries = fitting.filter((name) => verbs.includes(name)).map(verb);
    if (verbs.includes("tell") && node.status !== "down") {
      for (const tell of tells) entries.push([`tell ${tell.kind}…`, () => this.openTell(node, tell)]);
    }
    if (entries.length) this.open(x, y, node.name, entries);
  }

  openLink(x, y, one, other, isCut, { verbs }) {
    const verb = isCut ? "mend" : "cut";
    if (!verbs.includes(verb)) return;
    const entry = [verb, () => this.choose(verb, [one.name, other.name])];
    this.open(x, y, `${one.name} – ${other.name}`, [entry]);
  }

  openTell(node, { kind, fields }) {
    const inputs = fields.map(([name]) => make("input", { "type": "text", "name": name, "autocomplete": "off" }));
    const rows = fields.map(([name, type], at) => make("label", {}, make("span", {}, `${name}: ${type}`), inputs[at]));
    const form = make("form", {}, ...rows, make("button", { "type": "submit", "class": "p2p-button" }, "tell"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
      this.choose("tell", [node.name], { kind, fields: values });
    });
    this.show(...this.at, make("div", { class: "p2p-title" }, `tell ${node.name} ${kind}`), form);
  }

  choose(verb, nodes, more = {}) {
    this.close();
    this.send(verb, nodes, more);
  }
}

// What is known of the node under the pointer.
export class Card {
  constructor() {
    this.element = make("div", { class: "p2p-card", hidden: "" });
  }

  show(x, y, node, state, hasIt) {
    const facts = [node.status, ...(hasIt ? ["has it"] : [])].join(", ");
    const rows = state.slice(0, MOST_ROWS).map(([name, value]) =>
      make("div", { class: "p2p-row" }, make("span", {}, String(name)), make("span", {}, shorten(value, 200))));
    const title = make("div", { class: "p2p-title" }, node.name, make("span", {}, facts));
    this.fill(x, y, title, ...rows);
  }

  showLine(x, y, text) {
    this.fill(x, y, make("div", { class: "p2p-title" }, text));
  }

  fill(x, y, ...parts) {
    this.element.replaceChildren(...parts);
    this.element.hidden = false;
    placeAt(this.element, x + 16, y + 16);
  }

  hide() {
    this.element.hidden = true;
  }
}

// A line that goes away by itself.
export class Said {
  constructor() {
    this.element = make("div", { class: "p2p-said", role: "status", hidden: "" });
  }

  show(text) {
    this.element.textContent = shorten(text);
    this.element.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), SAID);
  }

  hide() {
    clearTimeout(this.timer);
    this.element.hidden = true;
  }
}
