// 1 of 17. The palette: which colour stands for what.
//
// The colours are Okabe and Ito's, the same as in the project's plots. A node's colour can be given as
// a CSS colour, as a number (then from dark to light, viridis), or as any other word (then the next
// colour that is free, and the legend names it).

export const [INK, EDGE, QUIET, PAPER] = ["#222222", "#8c8c8c", "#d9d9d9", "#ffffff"];
export const [BLUE, ORANGE, SKY] = ["#0072b2", "#e69f00", "#56b4e9"];
export const [VERMILION, GREEN, PURPLE] = ["#d55e00", "#009e73", "#cc79a7"];

const KIND_COLORS = [VERMILION, BLUE, GREEN, PURPLE, SKY, INK, ORANGE];
const WORD_COLORS = [BLUE, ORANGE, SKY, VERMILION, GREEN, PURPLE, INK];
const MOST_WORDS = 40; // colours are told apart up to seven; a legend of more words than this helps nobody

export const VIRIDIS = [
  "#440154", "#482878", "#3e4989", "#31688e", "#26828e",
  "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
];

const parts = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

// The colour of a kind of messages, by its number.
export function kindColor(kind) {
  return kind >= 0 ? KIND_COLORS[kind % KIND_COLORS.length] : EDGE;
}

// Whether white is easier to read on this colour than ink.
export function isDark(color) {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return false;
  const [red, green, blue] = parts(color);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

// Viridis for a share between 0 and 1, in 64 steps: few colours are few paths to draw.
export function viridis(share) {
  const at = (Math.round(share * 63) / 63) * (VIRIDIS.length - 1);
  const low = parts(VIRIDIS[Math.floor(at)]);
  const high = parts(VIRIDIS[Math.ceil(at)]);
  const mixed = low.map((part, i) => Math.round(part + (high[i] - part) * (at % 1)));
  return "#" + mixed.map((part) => part.toString(16).padStart(2, "0")).join("");
}

const PROBE = document.createElement("canvas").getContext("2d");

// What the browser makes of a CSS colour, or null if it is none. A canvas ignores what is no colour,
// so it is one if two different colours both give way to it.
function cssColor(text) {
  const results = ["#000000", "#ffffff"].map((before) => {
    PROBE.fillStyle = before;
    PROBE.fillStyle = text;
    return PROBE.fillStyle;
  });
  return results[0] === results[1] ? results[0] : null;
}

// The colours of the nodes: what numbers and words have been seen, and what they look like.
export class Colors {
  constructor() {
    this.words = new Map(); // word: its colour
    this.plain = new Map(); // CSS colour as it was written: what the browser made of it
    this.least = Infinity;
    this.greatest = -Infinity;
  }

  // Take note of a colour that will be shown: the scale must not depend on where the watcher is.
  see(color) {
    if (Number.isFinite(color)) {
      this.least = Math.min(this.least, color);
      this.greatest = Math.max(this.greatest, color);
    } else if (typeof color === "string" && !this.words.has(color) && !this.plain.has(color)) {
      this.learn(color);
    }
  }

  learn(text) {
    const plain = cssColor(text);
    if (plain !== null) {
      if (this.plain.size > 500) this.plain.clear(); // a colour is looked up again when it is needed
      this.plain.set(text, plain);
    } else if (this.words.size < MOST_WORDS) {
      this.words.set(text, WORD_COLORS[this.words.size % WORD_COLORS.length]);
    }
  }

  // The colour of a node with this look. Without one of its own, it shows whether it was reached.
  of(look, isReached) {
    const color = look?.color;
    if (color === undefined) return isReached ? ORANGE : QUIET;
    if (Number.isFinite(color)) return viridis(this.share(color));
    if (typeof color === "boolean") return color ? ORANGE : QUIET;
    if (typeof color !== "string") return QUIET;
    this.see(color);
    return this.plain.get(color) ?? this.words.get(color) ?? QUIET;
  }

  share(number) {
    const range = this.greatest - this.least;
    return range > 0 ? Math.min(Math.max((number - this.least) / range, 0), 1) : 0.5;
  }
}
