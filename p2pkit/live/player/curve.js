// 12 of 17. The spread curve: the share of the nodes that have the followed message, over time.

import { BLUE, INK, QUIET } from "./palette.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [38, 12, 18, 34]; // pixels around the curve

export class Curve {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "p2p-curve";
    this.canvas.setAttribute("role", "img");
  }

  resize(width, height) {
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(Math.round(width * this.ratio), 1);
    this.canvas.height = Math.max(Math.round(height * this.ratio), 1);
    Object.assign(this, { width, height });
  }

  paint(head) {
    this.canvas.hidden = head.timeline.isColored && head.timeline.followed < 0;
    if (!this.width || this.canvas.hidden) return;
    const ctx = this.canvas.getContext("2d");
    const { having, started } = head.timeline;
    const times = [...having.values()].map(([, time]) => time).sort((a, b) => a - b);
    const reached = [...having.values()].filter(([number]) => number < head.number).length;
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    const begin = times[0] ?? head.timeline.begin;
    const range = niceRange((times.at(-1) ?? begin) - begin);
    const all = Math.max(started.size, times.length, 1);
    const x = (time) => LEFT + ((this.width - LEFT - RIGHT) * (time - begin)) / range;
    const y = (count) => this.height - BOTTOM - ((this.height - TOP - BOTTOM) * count) / all;
    this.drawAxes(ctx, range, x(begin), all, y);
    if (!times.length) return;
    const cursor = Math.min(Math.max(x(head.time), LEFT), this.width - RIGHT);
    this.drawSteps(ctx, times, cursor, x, y);
    this.drawCursor(ctx, cursor, `${reached} of ${all} nodes`);
    this.canvas.setAttribute("aria-label", `Spread curve: ${reached} of ${all} nodes have the message`);
  }

  drawAxes(ctx, range, left, all, y) {
    ctx.font = "11px system-ui, sans-serif";
    ctx.fillStyle = INK;
    ctx.strokeStyle = QUIET;
    ctx.lineWidth = 0.6;
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    for (const percent of [0, 50, 100]) {
      const at = y((all * percent) / 100);
      ctx.fillText(`${percent}%`, LEFT - 6, at);
      line(ctx, [LEFT, at], [this.width - RIGHT, at]);
    }
    const [unit, text] = range < 0.5 ? [1000, "ms"] : [1, "s"];
    const width = this.width - LEFT - RIGHT;
    for (const share of [0, 0.5, 1]) {
      ctx.textAlign = ["center", "center", "right"][2 * share];
      const label = share === 1 ? `${trim(range * unit)} ${text}` : trim(range * share * unit);
      ctx.fillText(label, left + share * width + (share === 1 ? RIGHT : 0), this.height - BOTTOM + 10);
      line(ctx, [left + share * width, TOP], [left + share * width, this.height - BOTTOM]);
    }
    ctx.textAlign = "center";
    ctx.fillText("since the first node had it", LEFT + width / 2, this.height - 8);
  }

  // What has happened by now in blue, what will happen in grey.
  drawSteps(ctx, times, cursor, x, y) {
    const right = this.width - RIGHT;
    ctx.lineJoin = "round";
    for (const [color, from, to] of [[QUIET, cursor, right], [BLUE, 0, cursor]]) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(from, 0, Math.max(to - from, 0), this.height);
      ctx.clip();
      ctx.beginPath();
      ctx.moveTo(x(times[0]), y(0));
      times.forEach((time, count) => {
        ctx.lineTo(x(time), y(count));
        ctx.lineTo(x(time), y(count + 1));
      });
      ctx.lineTo(right, y(times.length));
      ctx.strokeStyle = color;
      ctx.lineWidth = 2;
      ctx.stroke();
      ctx.restore();
    }
  }

  drawCursor(ctx, cursor, text) {
    ctx.strokeStyle = INK;
    ctx.lineWidth = 1;
    line(ctx, [cursor, TOP], [cursor, this.height - BOTTOM]);
    const half = ctx.measureText(text).width / 2;
    ctx.fillStyle = BLUE;
    ctx.textAlign = "center";
    ctx.fillText(text, Math.min(Math.max(cursor, LEFT + half), this.width - half - 2), TOP - 9);
  }
}

function line(ctx, from, to) {
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

// A round number of seconds, a little more than these: the axis seldom changes while the curve grows.
function niceRange(seconds) {
  const wanted = Math.max(seconds * 1.02, 1e-3);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= wanted) * power;
}

function trim(number) {
  return String(Number(number.toPrecision(3)));
}
