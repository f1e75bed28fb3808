// 2 of 17. The state: what a network looks like at one moment, and what each event does to it.
//
// Everything that the player shows follows from the state at the start and the events since. So to
// look at another moment is to apply events to a state, and nothing else.

// The fields of an event, after its time and its code. Nodes, kinds and texts are numbers.
const FIELDS = {
  "s": ["from", "to", "kind", "serial", "text"], // a message leaves
  "r": ["node", "from", "kind", "serial", "text"], // it arrives; from -1: told from outside
  "d": ["node", "other", "kind", "serial", "text", "reason"], // it went no further
  "c": ["a", "b"], // a connection is up; each end says so
  "x": ["a", "b", "reason"], // a connection is gone; likewise
  "+": ["node"], // a node starts, or starts again
  "-": ["node", "how"], // a node goes: crash or leave
  "p": ["node"], // paused
  "q": ["node"], // resumed
  "l": ["node", "line"], // log
  "e": ["node", "line"], // an error in its code
  "u": ["node", "line"], // an address that could not be reached
  "w": ["node", "look"], // what is to be seen of it has changed
  "n": ["node", "name", "x", "y"], // a new node
  "m": ["places"], // nodes move
  "k": ["a", "b", "isCut"], // a link is cut, or mended
};

const MOST_OPEN = 2000; // flights of which no end has been told; some never are, as when a process is killed

// Turn a list from Python into an object with named fields; null if its code is unknown.
export function readEvent(raw) {
  const fields = FIELDS[raw[1]];
  if (!fields) return null;
  const event = { time: raw[0], code: raw[1] };
  for (let at = 0; at < fields.length; at++) event[fields[at]] = raw[at + 2];
  return event;
}

export const linkKey = (a, b) => Math.min(a, b) * 1e6 + Math.max(a, b);

// What stands before the colon in the reason of a drop.
export const cause = (reason) => String(reason).split(":")[0];

// Whether a drop for this reason is the receiver's to record: all others are the sender's.
export const isReceivers = (reason) => ["not understood", "nobody asked"].includes(cause(reason));

let stamps = 0; // two states with the same stamp have the same links, or the same places

export class State {
  constructor(time, nodes) {
    this.time = time;
    this.nodes = nodes; // by number: {name, x, y, status, look, hasStarted, from, moved}
    this.links = new Map(); // key: [a, b]
    this.cuts = new Map(); // key: [a, b, whether Python said so]; else it was seen from a drop
    this.open = new Set(); // flights: messages that have left and not arrived, which are their "s" events
    this.wiring = ++stamps;
    this.layout = ++stamps;
  }

  static from(stage) {
    const nodes = stage.nodes.map(([name, x, y, status, look]) => newNode(name, x, y, status, look));
    const state = new State(stage.time, nodes);
    for (const [a, b] of stage.links) state.links.set(linkKey(a, b), [a, b]);
    return state;
  }

  copy() {
    const state = new State(this.time, this.nodes.map((node) => ({ ...node })));
    state.links = new Map(this.links);
    state.cuts = new Map(this.cuts);
    state.open = new Set(this.open);
    state.wiring = this.wiring;
    state.layout = this.layout;
    return state;
  }

  apply(event) {
    this.time = event.time;
    if (event.node >= 0 && event.code !== "n" && !this.nodes[event.node]) return; // of a node unheard of
    APPLY[event.code]?.(this, event);
  }

  connect(a, b) {
    this.links.set(linkKey(a, b), [a, b]);
    this.uncut(a, b);
    this.wiring = ++stamps;
  }

  disconnect(a, b) {
    if (this.links.delete(linkKey(a, b))) this.wiring = ++stamps;
  }

  cut(a, b, isTold) {
    const key = linkKey(a, b);
    if (this.cuts.get(key)?.[2] || (this.cuts.has(key) && !isTold)) return;
    this.cuts.set(key, [a, b, isTold]);
    this.wiring = ++stamps;
  }

  // Whatever arrives shows that a link is whole, unless Python has said that it is cut: then it was
  // on its way before.
  uncut(a, b, isTold = false) {
    const cut = this.cuts.get(linkKey(a, b));
    if (!cut || (cut[2] && !isTold)) return;
    this.cuts.delete(linkKey(a, b));
    this.wiring = ++stamps;
  }

  depart(flight) {
    this.open.add(flight);
    if (this.open.size > MOST_OPEN) this.open.delete(this.open.values().next().value);
  }

  // A node is gone, and with it its connections, and what nobody will tell the end of.
  stop(number) {
    this.nodes[number].status = "down";
    for (const [a, b] of [...this.links.values()]) {
      if (a === number || b === number) this.disconnect(a, b);
    }
    for (const flight of this.open) {
      const isItsOwn = flight.from === number || flight.to === number;
      if (isItsOwn && flight.end === Infinity) this.open.delete(flight);
    }
  }

  move(number, x, y) {
    const node = this.nodes[number];
    if (!node) return;
    Object.assign(node, { from: [node.x, node.y], moved: this.time, x, y });
    this.layout = this.wiring = ++stamps;
  }

  add({ node, name, x, y }) {
    if (node > this.nodes.length) return;
    this.nodes[node] = newNode(name, x, y, "down", null);
    this.layout = this.wiring = ++stamps;
  }
}

function newNode(name, x, y, status, look) {
  return { name, x, y, status, look, hasStarted: status !== "down", from: null, moved: -Infinity };
}

// What each event does to a state; those that are not named do nothing to it.
const APPLY = {
  "s": (state, event) => state.depart(event),
  "r": (state, event) => {
    state.open.delete(event.flight);
    if (event.from >= 0) state.uncut(event.node, event.from);
  },
  "d": (state, event) => {
    state.open.delete(event.flight);
    if (event.other >= 0 && cause(event.reason) === "cut") state.cut(event.node, event.other, false);
  },
  "c": (state, event) => state.connect(event.a, event.b),
  "x": (state, event) => state.disconnect(event.a, event.b),
  "+": (state, event) => Object.assign(state.nodes[event.node], { status: "up", hasStarted: true }),
  "-": (state, event) => state.stop(event.node),
  "p": (state, event) => (state.nodes[event.node].status = "paused"),
  "q": (state, event) => (state.nodes[event.node].status = "up"),
  "w": (state, event) => {
    const node = state.nodes[event.node];
    node.look = { ...node.look, ...event.look };
  },
  "n": (state, event) => state.add(event),
  "m": (state, event) => event.places.forEach((place) => state.move(...place)),
  "k": (state, { a, b, isCut }) => (isCut ? state.cut(a, b, true) : state.uncut(a, b, true)),
};
