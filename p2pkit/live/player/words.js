// 6 of 17. Words: events as sentences, for the event log, and what is written on the elements around.

import { cause, isReceivers } from "./state.js";

const MOST_LINES = 200;
const MOST_LETTERS = 400; // of a line

// Make an element: make("button", {class: "p2p-button", title: "Play"}, "a text, or more elements").
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children); // strings become text, whatever is in them
  return element;
}

// Set an element's text if it is another: what does not change is not laid out again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A time in seconds, with as many digits as are told apart at this speed.
export function seconds(time, speed) {
  const digits = Math.min(Math.max(Math.ceil(1.5 - Math.log10(speed)), 1), 6);
  return time.toFixed(digits);
}

export function shorten(text, most = MOST_LETTERS) {
  const whole = String(text);
  return whole.length <= most ? whole : whole.slice(0, most - 1) + "…";
}

// Leave out the middle of a name: names that are long often differ at their end.
export function squeeze(text, most) {
  const whole = String(text);
  const half = Math.floor(most / 2);
  return whole.length <= most ? whole : `${whole.slice(0, half)}…${whole.slice(half + 1 - most)}`;
}

const MESSAGE_SENTENCES = {
  "s": (event, name, what) => `${name(event.from)} → ${name(event.to)}: ${what}`,
  "r": (event, name, what) => event.from < 0
    ? `${name(event.node)} is told ${what}`
    : `${name(event.node)} receives ${what} from ${name(event.from)}`,
  "d": (event, name, what) => `${wayOf(event).map(name).join(" → ")}: ${what} is dropped: ${event.reason}`,
};

const SENTENCES = {
  "c": (event, name) => `${name(event.a)} is connected to ${name(event.b)}`,
  "x": (event, name) => `${name(event.a)} has lost ${name(event.b)}` + (event.reason ? `: ${event.reason}` : ""),
  "+": (event, name) => `${name(event.node)} starts`,
  "-": (event, name) => (event.how === "leave" ? `${name(event.node)} leaves` : `${name(event.node)} crashes`),
  "p": (event, name) => `${name(event.node)} is paused`,
  "q": (event, name) => `${name(event.node)} is resumed`,
  "l": (event, name) => `${name(event.node)}: ${event.line}`,
  "e": (event, name) => `${name(event.node)}: ${event.line}`,
  "u": (event, name) => `${name(event.node)}: ${event.line}`,
  "w": (event, name) => `${name(event.node)} has changed`,
  "n": (event) => `${event.name} is new`,
  "m": (event) => `${event.places.length} nodes move`,
  "k": (event, name) => `the link between ${name(event.a)} and ${name(event.b)} is ${event.isCut ? "cut" : "mended"}`,
};

// Who sent what was dropped, and to whom, as far as is known.
function wayOf({ node, other, reason }) {
  if (other < 0) return [node];
  return isReceivers(reason) ? [other, node] : [node, other];
}

// An event as a sentence.
export function sentence(event, head) {
  const { timeline, state } = head;
  const name = (number) => state.nodes[number]?.name ?? "?";
  const what = timeline.text(event.text) || timeline.kinds[event.kind] || "a message";
  const say = MESSAGE_SENTENCES[event.code] ?? SENTENCES[event.code];
  return shorten(say(event, name, what));
}

const LEVELS = { e: "error", u: "warning", d: "quiet", l: "plain" };

// What is one line if it happens many times in a row: it would push out all else.
const GROUPS = {
  d: (event) => `messages are dropped: ${cause(event.reason)}`,
  k: (event) => `links are ${event.isCut ? "cut" : "mended"}`,
};

// The last lines of the log at the head, oldest first: {time, text, level, number, group, count}.
export function logLines(head) {
  const { timeline } = head;
  const lines = [];
  for (let at = countBelow(timeline.notable, head.number) - 1; at >= 0 && lines.length < MOST_LINES; at--) {
    const number = timeline.notable[at];
    const event = timeline.at(number);
    if (!event || (event.code === "+" && isFirstStart(head, event))) continue;
    const group = GROUPS[event.code]?.(event);
    const next = lines.at(-1);
    if (group && next?.group === group) {
      next.count += 1;
      next.text = `${next.count} ${group}`;
    } else {
      const level = LEVELS[event.code] ?? "event";
      lines.push({ time: event.time, text: sentence(event, head), level, number, group, count: 1 });
    }
  }
  return lines.reverse();
}

// Fifty nodes that start with the network are no news.
function isFirstStart({ timeline }, event) {
  return event.time <= timeline.stage.time;
}

// How many of these numbers, in order, are below this one.
function countBelow(numbers, limit) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
