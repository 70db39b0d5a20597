// A search as it came from the server: columns with an entry a node (number 0 is the root), and who is whose child.

export const OPEN = 0;
export const EXPANDED = 1;
export const RIGHT = 2;
export const WRONG = 3;
export const INCOMPLETE = 4;
export const STATUS_WORDS = ["open", "expanded", "right", "wrong", "incomplete"];
export const STATUS_SIGNS = ["○", "●", "✓", "✕", "?"];

export const RECORDED_RIGHT = 1;
export const RECORDED_CONFIDENT_WRONG = 2;
export const RECORDED_WRONG = 3;
export const RECORDED_WORDS = ["", "right", "confident wrong", "wrong"];

// The browser may keep the answer: its address names what it holds.
export async function fetchTree(address) {
  const response = await fetch(address);
  if (response.redirected) throw new Error("You are logged out. Load the page again to log in.");
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return new Tree(await response.json());
}

export class Tree {
  constructor(payload) {
    const { columns } = payload;
    this.id = payload.tree;
    this.count = payload.nodes;
    this.search = payload.search;
    this.firstSolved = payload.first_solved;
    this.rollouts = new Map(payload.rollouts); // by the node they end in
    this.parent = Int32Array.from(columns.parent);
    this.status = Uint8Array.from(columns.status);
    this.recorded = Uint8Array.from(columns.recorded);
    for (const name of ["visits", "tokens", "trajectories", "born"]) this[name] = Int32Array.from(columns[name]);
    for (const name of ["q", "score", "surprise", "entropy", "path_surprise", "advantage", "loss_share"]) {
      this[name] = numbers(columns[name]);
    }
    this.replayColumns = payload.replay;
    this.#link();
  }

  /** Children stand in one array, those of a node next to each other and in the order of their birth. */
  #link() {
    this.depth = new Uint16Array(this.count);
    this.kidsFrom = new Int32Array(this.count + 1);
    for (let node = 1; node < this.count; node++) {
      this.kidsFrom[this.parent[node] + 1]++;
      this.depth[node] = this.depth[this.parent[node]] + 1;
    }
    for (let node = 0; node < this.count; node++) this.kidsFrom[node + 1] += this.kidsFrom[node];
    this.kids = new Int32Array(Math.max(this.count - 1, 0));
    const next = this.kidsFrom.slice();
    for (let node = 1; node < this.count; node++) this.kids[next[this.parent[node]]++] = node;
    this.below = new Int32Array(this.count); // nodes in the subtree, without itself
    for (let node = this.count - 1; node > 0; node--) this.below[this.parent[node]] += this.below[node] + 1;
  }

  children(node) {
    return this.kids.subarray(this.kidsFrom[node], this.kidsFrom[node + 1]);
  }

  childCount(node) {
    return this.kidsFrom[node + 1] - this.kidsFrom[node];
  }

  /** From the root to the node, both included. */
  path(node) {
    const nodes = [];
    for (let at = node; at >= 0; at = this.parent[at]) nodes.push(at);
    return nodes.reverse();
  }

  isEnd(node) {
    return this.status[node] >= RIGHT;
  }

  /** The recorded end whose trajectory a node lies on: its own, else the first one below it. */
  recordedEnd(node) {
    if (this.rollouts.has(node)) return node;
    for (const end of this.rollouts.keys()) if (this.path(end).includes(node)) return end;
    return -1;
  }
}

function numbers(column) {
  const made = new Float64Array(column.length);
  for (let i = 0; i < column.length; i++) made[i] = column[i] ?? NaN;
  return made;
}
