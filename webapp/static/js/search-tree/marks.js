// Which paths stand out at the present event: recorded trajectories by kind, the way to the best node, the selection.

import { RECORDED_CONFIDENT_WRONG, RECORDED_RIGHT, RECORDED_WRONG } from "./data.js";

export class Marks {
  constructor(tree) {
    this.kind = new Uint8Array(tree.count); // as `recorded`; of several the first of right, confident wrong, wrong
    this.best = new Uint8Array(tree.count);
    this.selected = new Uint8Array(tree.count);
  }

  update(tree, replay, selected) {
    this.kind.fill(0);
    const ends = [...tree.rollouts.keys()];
    const recorded = ends.length ? ends : Array.from(tree.recorded.keys()).filter((node) => tree.recorded[node]);
    for (const kind of [RECORDED_WRONG, RECORDED_CONFIDENT_WRONG, RECORDED_RIGHT]) {
      for (const end of recorded) if (replay.recorded(end) === kind) walk(tree, end, this.kind, kind);
    }
    this.best.fill(0);
    if (replay.best >= 0) walk(tree, replay.best, this.best, 1);
    this.selected.fill(0);
    if (selected >= 0) walk(tree, selected, this.selected, 1);
  }
}

function walk(tree, end, marked, kind) {
  for (let node = end; node >= 0; node = tree.parent[node]) marked[node] = kind;
}
