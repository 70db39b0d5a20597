// A search as it stood after each event of its replay: q and N of every node, what was born, judged and recorded.

import { EXPANDED, OPEN, RIGHT } from "./data.js";

export const KINDS = ["select", "jump", "expand", "verify", "backup", "flush", "direct"];
const VERIFY = 3;
const BACKUP = 4;
const FLUSH = 5;
const NEVER = 2 ** 30;

export class Replay {
  constructor(tree) {
    const columns = tree.replayColumns;
    this.tree = tree;
    this.columns = columns;
    this.length = columns.kind?.length ?? 0;
    this.q = Float64Array.from(tree.q);
    this.visits = Int32Array.from(tree.visits);
    this.at = this.last;
    this.expandedAt = new Int32Array(tree.count).fill(NEVER);
    this.judgedAt = new Int32Array(tree.count).fill(-1);
    this.recordedAt = new Int32Array(tree.count).fill(NEVER);
    if (this.length) this.#read();
    else this.recordedAt.fill(-1);
    this.#followBest();
    this.#rebuild(this.last);
  }

  get last() {
    return this.length - 1;
  }

  #read() {
    const { tree, columns } = this;
    this.changesUntil = new Int32Array(this.length);
    let sum = 0;
    for (let event = 0; event < this.length; event++) {
      sum += columns.changes[event];
      this.changesUntil[event] = sum;
      const node = columns.node[event];
      if (columns.kind[event] === VERIFY) this.judgedAt[node] = event;
      else if (columns.kind[event] >= BACKUP && columns.kind[event] <= FLUSH) {
        this.recordedAt[node] = Math.min(this.recordedAt[node], event);
      }
    }
    for (let node = 1; node < tree.count; node++) {
      const parent = tree.parent[node];
      this.expandedAt[parent] = Math.min(this.expandedAt[parent], tree.born[node]);
      if (tree.recorded[node] && this.recordedAt[node] === NEVER) this.recordedAt[node] = this.judgedAt[node];
    }
    // Every change counts one visit, so that a node's first one tells with how many it was born; -1: it never changes.
    this.firstVisits = new Int32Array(tree.count).fill(-1);
    columns.change_node.forEach((node, change) => {
      if (this.firstVisits[node] < 0) this.firstVisits[node] = columns.change_visits[change] - 1;
    });
  }

  /** Moves to an event. Forwards only what changed is applied; backwards all is rebuilt. */
  go(event) {
    const to = Math.max(Math.min(event, this.last), 0);
    if (to === this.at || !this.length) return;
    if (to > this.at) this.#apply(this.changesUntil[this.at] ?? 0, this.changesUntil[to]);
    else this.#rebuild(to);
    this.at = to;
  }

  #rebuild(event) {
    if (!this.length) return;
    const { tree } = this;
    for (let node = 0; node < tree.count; node++) {
      if (this.firstVisits[node] < 0) continue;
      this.q[node] = 0;
      this.visits[node] = this.firstVisits[node];
    }
    this.#apply(0, this.changesUntil[event]);
  }

  #apply(from, to) {
    const { change_node: nodes, change_q: q, change_visits: visits } = this.columns;
    for (let change = from; change < to; change++) {
      this.q[nodes[change]] = q[change];
      this.visits[nodes[change]] = visits[change];
    }
  }

  /** Q = q / N; 0 where N = 0. */
  quality(node) {
    return this.visits[node] ? this.q[node] / this.visits[node] : 0;
  }

  isBorn(node) {
    return !this.length || this.tree.born[node] <= this.at || node === 0;
  }

  status(node) {
    const status = this.tree.status[node];
    if (!this.length) return status;
    if (status === EXPANDED) return this.expandedAt[node] <= this.at ? EXPANDED : OPEN;
    return status >= RIGHT && this.judgedAt[node] > this.at ? OPEN : status;
  }

  /** As what a node is recorded by now; 0 for not. */
  recorded(node) {
    return this.recordedAt[node] <= this.at || !this.length ? this.tree.recorded[node] : 0;
  }

  /** The node that the present event happened to; -1 at the end, when the search is over. */
  get eventNode() {
    return this.at < this.last ? this.columns.node[this.at] : -1;
  }

  /** The node with the largest Q but the root; of equal ones the deepest on the path. -1 before the first backup. */
  get best() {
    const place = this.#bestPlace(this.at);
    return place < 0 ? -1 : this.bestNodes[place];
  }

  /** The event at which the best node last became another one, before the present one. */
  lastBestChange() {
    let place = this.#bestPlace(this.at);
    if (place >= 0 && this.bestEvents[place] === this.at) place--;
    return place < 0 ? -1 : this.bestEvents[place];
  }

  #bestPlace(event) {
    let place = this.bestEvents.length - 1;
    while (place >= 0 && this.bestEvents[place] > event) place--;
    return place;
  }

  #followBest() {
    this.bestEvents = [];
    this.bestNodes = [];
    if (!this.length) {
      const all = Array.from(this.tree.visits.keys()).slice(1).filter((node) => this.visits[node] && this.q[node]);
      if (all.length) [this.bestEvents, this.bestNodes] = [[-1], [this.#bestOf(all)]];
      return;
    }
    const known = new Set();
    this.#rebuild(0);
    for (let event = 0, from = 0; event < this.length; event++) {
      const to = this.changesUntil[event];
      if (to === from) continue;
      this.#apply(from, to);
      for (let change = from; change < to; change++) if (this.columns.change_node[change]) known.add(this.columns.change_node[change]);
      from = to;
      const best = this.#bestOf(known);
      if (best < 0 || best === this.bestNodes.at(-1)) continue;
      this.bestEvents.push(event);
      this.bestNodes.push(best);
    }
  }

  #bestOf(nodes) {
    let best = -1;
    for (const node of nodes) {
      if (!this.visits[node] || !this.q[node]) continue;
      const lead = best < 0 ? 1 : this.quality(node) - this.quality(best);
      if (lead > 1e-9 || (lead > -1e-9 && this.tree.depth[node] > this.tree.depth[best])) best = node;
    }
    return best;
  }
}
