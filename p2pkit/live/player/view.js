// 8 of 17. The view: from places in hops to pixels on the stage, and back.
//
// It fits all nodes in, until the watcher zooms or drags; `fit` goes back to that.

const MARGIN = 26; // pixels around the nodes, for names
const [LEAST_ZOOM, MOST_ZOOM] = [0.3, 40]; // times the scale at which everything fits

export class View {
  constructor() {
    this.width = this.height = 1;
    this.scale = 1; // pixels a hop
    this.x = this.y = 0; // pixels at which the place (0, 0) is
    this.isOwn = false; // whether the watcher has zoomed or dragged
    this.fitted = 1;
  }

  // Show all of these places, [x, y], if the watcher has not chosen another part.
  fit(places) {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of places) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
    if (left > right) return;
    const across = (this.width - 2 * MARGIN) / Math.max(right - left, 1e-6);
    const down = (this.height - 2 * MARGIN) / Math.max(high - low, 1e-6);
    this.fitted = Math.max(Math.min(across, down, 120), 1e-3);
    if (this.isOwn) return;
    this.scale = this.fitted;
    this.x = this.width / 2 - (this.scale * (left + right)) / 2;
    this.y = this.height / 2 + (this.scale * (low + high)) / 2;
  }

  toPixels([x, y]) {
    return [this.x + this.scale * x, this.y - this.scale * y];
  }

  // Zoom so that what is under this pixel stays there.
  zoom(x, y, factor) {
    const scale = Math.min(Math.max(this.scale * factor, this.fitted * LEAST_ZOOM), this.fitted * MOST_ZOOM);
    this.x = x + ((this.x - x) * scale) / this.scale;
    this.y = y + ((this.y - y) * scale) / this.scale;
    this.scale = scale;
    this.isOwn = true;
  }

  drag(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isOwn = true;
  }

  // What the picture of the links depends on.
  get key() {
    return [this.width, this.height, this.scale, this.x, this.y].join(" ");
  }
}

// The distance from a node to its nearest neighbour, in hops, where nodes are rather dense: what sets
// the size of the nodes. As in the project's plots, the first thousand nodes are enough.
export function gapOf(nodes) {
  const some = nodes.slice(0, 1000);
  const gaps = some.map((one) => {
    let least = Infinity;
    for (const other of some) {
      if (other !== one) least = Math.min(least, (one.x - other.x) ** 2 + (one.y - other.y) ** 2);
    }
    return Math.sqrt(least);
  });
  gaps.sort((a, b) => a - b);
  return some.length > 1 ? gaps[Math.floor(gaps.length / 4)] : 1;
}

// The distance of a point from the line between two others.
export function distanceToLine([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1);
  const share = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}
