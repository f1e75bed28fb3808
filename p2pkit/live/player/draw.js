// 9 of 17. Drawing: what a node, a link, a dot look like, on a canvas.
//
// Whatever has the same colour is one path: to fill 500 circles at once costs a tenth of filling
// them one by one, which counts where there is no graphics card.

import { EDGE, INK, ORANGE, PAPER, VERMILION, isDark, kindColor } from "./palette.js";

const LETTER = 11; // pixels: the size of names
const TURN = 2 * Math.PI;

// Call `draw` once for each group of items with the same key.
function grouped(items, keyOf, draw) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  for (const [key, group] of groups) draw(key, group);
}

function circles(ctx, spots) {
  ctx.beginPath();
  for (const { x, y, r } of spots) {
    ctx.moveTo(x + r, y);
    ctx.arc(x, y, r, 0, TURN);
  }
}

function lines(ctx, pairs) {
  ctx.beginPath();
  for (const [[ax, ay], [bx, by]] of pairs) {
    ctx.moveTo(ax, ay);
    ctx.lineTo(bx, by);
  }
}

function crosses(ctx, spots) {
  ctx.beginPath();
  for (const { x, y, r } of spots) {
    ctx.moveTo(x - r, y - r);
    ctx.lineTo(x + r, y + r);
    ctx.moveTo(x + r, y - r);
    ctx.lineTo(x - r, y + r);
  }
  ctx.stroke();
}

export function along([ax, ay], [bx, by], share) {
  return [ax + (bx - ax) * share, ay + (by - ay) * share];
}

// Draw connections; the more there are, the fainter.
export function drawLinks(ctx, pairs) {
  ctx.strokeStyle = EDGE;
  ctx.lineWidth = pairs.length > 400 ? 0.7 : 1;
  ctx.globalAlpha = pairs.length > 400 ? 0.45 : 0.75;
  lines(ctx, pairs);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

// Draw cut links: dashed, with a gap in the middle.
export function drawCuts(ctx, pairs) {
  ctx.strokeStyle = VERMILION;
  ctx.lineWidth = 1.6;
  ctx.setLineDash([5, 4]);
  lines(ctx, pairs.flatMap(([a, b]) => [[a, along(a, b, 0.42)], [b, along(b, a, 0.42)]]));
  ctx.stroke();
  ctx.setLineDash([]);
}

// Draw what glows, [from, to, kind, strength]. Four strengths, so that there are few paths.
export function drawGlows(ctx, glows) {
  ctx.lineWidth = glows.length > 100 ? 1.5 : 3;
  grouped(glows, (glow) => 4 * (glow[2] + 1) + Math.ceil(glow[3] * 4) - 1, (key, group) => {
    ctx.strokeStyle = kindColor(group[0][2]);
    ctx.globalAlpha = 0.08 * ((key % 4) + 1);
    lines(ctx, group);
    ctx.stroke();
  });
  ctx.globalAlpha = 1;
}

// Draw dots {x, y, r, kind}.
export function drawDots(ctx, dots) {
  ctx.strokeStyle = PAPER;
  ctx.lineWidth = 1;
  grouped(dots, (dot) => dot.kind, (kind, group) => {
    ctx.fillStyle = kindColor(kind);
    circles(ctx, group);
    ctx.fill();
    ctx.stroke();
  });
}

// Draw crosses {x, y, r, kind, strength} where messages went no further.
export function drawCrosses(ctx, spots) {
  ctx.lineWidth = 1.8;
  for (const spot of spots) {
    ctx.strokeStyle = kindColor(spot.kind);
    ctx.globalAlpha = Math.max(spot.strength, 0);
    crosses(ctx, [spot]);
  }
  ctx.globalAlpha = 1;
}

// Draw pulses {x, y, r, kind, age}: rings that widen and fade.
export function drawPulses(ctx, spots) {
  ctx.lineWidth = 2.5;
  for (const { x, y, r, kind, age } of spots) {
    ctx.strokeStyle = kindColor(kind);
    ctx.globalAlpha = 1 - age;
    circles(ctx, [{ x, y, r: r + 3 + 12 * age }]);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
}

// Draw nodes {x, y, r, color, status}.
export function drawNodes(ctx, spots) {
  const down = spots.filter((spot) => spot.status === "down");
  const alive = spots.filter((spot) => spot.status !== "down");
  ctx.strokeStyle = INK;
  ctx.lineWidth = spots.length > 200 ? 0.5 : 1;
  grouped(alive, (spot) => spot.color, (color, group) => {
    ctx.fillStyle = color;
    circles(ctx, group);
    ctx.fill();
    ctx.stroke();
  });
  drawBars(ctx, alive.filter((spot) => spot.status === "paused"));
  if (down.length) drawDown(ctx, down);
}

// What is down is hollow, with a dashed outline and a cross.
function drawDown(ctx, spots) {
  ctx.fillStyle = PAPER;
  circles(ctx, spots);
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.setLineDash([3, 2]);
  ctx.stroke();
  ctx.setLineDash([]);
  crosses(ctx, spots.map(({ x, y, r }) => ({ x, y, r: 0.4 * r })));
}

function drawBars(ctx, spots) {
  for (const { x, y, r, color } of spots) {
    ctx.fillStyle = isDark(color) ? PAPER : INK;
    const [width, height] = [Math.max(0.24 * r, 1.2), 0.9 * r];
    ctx.fillRect(x - 1.6 * width, y - height / 2, width, height);
    ctx.fillRect(x + 0.6 * width, y - height / 2, width, height);
  }
}

export function drawRing(ctx, { x, y, r }) {
  ctx.strokeStyle = ORANGE;
  ctx.lineWidth = 2.5;
  circles(ctx, [{ x, y, r: r + 3.5 }]);
  ctx.stroke();
}

// Write names on nodes {x, y, r, color, status, name}: inside where there is room, else below.
export function drawNames(ctx, spots) {
  ctx.font = `${LETTER}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  ctx.strokeStyle = PAPER;
  ctx.lineWidth = 3;
  for (const { x, y, r, color, status, name } of spots) {
    const isInside = status === "up" && name.length * LETTER * 0.62 < 1.9 * r;
    const below = isInside ? y + 0.5 : y + r + 0.75 * LETTER;
    if (!isInside) ctx.strokeText(name, x, below);
    ctx.fillStyle = isInside && isDark(color) ? PAPER : INK;
    ctx.fillText(name, x, below);
  }
}
