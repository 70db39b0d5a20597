// Which nodes stand in the tree: by default the top levels, what matters further down and a few good children; all
// others wait in stubs ("+37 more") that open on a click.

import { RIGHT } from "./data.js";

const TOP_LEVELS = 3; // of the whole tree, where they are not more than
const MOST_AT_TOP = 90;
const GOOD_CHILDREN = 2;

export class Shown {
  constructor(tree, replay) {
    this.tree = tree;
    this.replay = replay;
    this.revealed = new Set(); // nodes whose stub was opened
    this.collapsed = new Set();
    this.everything = false;
    this.topLevel = topLevel(tree);
    this.needed = needed(tree, replay);
  }

  /** Opens whatever hides a node; tells whether anything changed. */
  reveal(node) {
    let changed = false;
    for (const above of this.tree.path(node).slice(0, -1)) {
      if (this.collapsed.delete(above)) changed = true;
    }
    if (!this.everything && !this.needed[node]) {
      for (const each of this.tree.path(node)) {
        if (!this.needed[each]) changed = true;
        this.needed[each] = 1;
      }
    }
    return changed;
  }

  openStub(parent) {
    this.revealed.add(parent);
  }

  toggle(node) {
    if (!this.tree.childCount(node)) return false;
    if (!this.collapsed.delete(node)) this.collapsed.add(node);
    return true;
  }

  showAll(on) {
    this.everything = on;
    this.collapsed.clear();
    this.revealed.clear();
    if (!on) this.needed = needed(this.tree, this.replay);
  }

  /** The children of a node that are shown, and those in its stub. */
  split(node) {
    const all = Array.from(this.tree.children(node));
    if (this.collapsed.has(node)) return { kids: [], hidden: all };
    if (this.everything || this.revealed.has(node)) return { kids: all, hidden: [] };
    const free = this.tree.depth[node] < this.topLevel;
    if (free) return { kids: all, hidden: [] };
    const good = this.needed[node] ? this.#best(all) : new Set();
    const kids = all.filter((kid) => this.needed[kid] || good.has(kid));
    const hidden = all.filter((kid) => !this.needed[kid] && !good.has(kid));
    return hidden.length === 1 ? { kids: all, hidden: [] } : { kids, hidden }; // a stub takes no less room
  }

  #best(nodes) {
    const { tree } = this;
    const quality = (node) => (tree.visits[node] ? tree.q[node] / tree.visits[node] : 0);
    return new Set([...nodes].sort((a, b) => quality(b) - quality(a) || a - b).slice(0, GOOD_CHILDREN));
  }
}

/** The level down to which everything is shown: 3, or less where so many nodes would drown the rest. */
function topLevel(tree) {
  const atDepth = [];
  for (let node = 0; node < tree.count; node++) atDepth[tree.depth[node]] = (atDepth[tree.depth[node]] ?? 0) + 1;
  let level = 1;
  for (let sum = 1 + (atDepth[1] ?? 0); level < TOP_LEVELS; level++) {
    sum += atDepth[level + 1] ?? 0;
    if (sum > MOST_AT_TOP) break;
  }
  return level;
}

/** Marks the nodes on the way to what matters: recorded trajectories, verified right ends, the best node. */
function needed(tree, replay) {
  const marked = new Uint8Array(tree.count);
  marked[0] = 1;
  const mark = (end) => {
    for (let node = end; node >= 0 && !marked[node]; node = tree.parent[node]) marked[node] = 1;
  };
  for (let node = 0; node < tree.count; node++) {
    if (tree.recorded[node]) mark(node);
  }
  let right = 0;
  for (let node = 0; node < tree.count && right < 60; node++) {
    if (tree.status[node] === RIGHT && !tree.recorded[node]) {
      mark(node);
      right++;
    }
  }
  if (replay.best >= 0) mark(replay.best);
  return marked;
}
