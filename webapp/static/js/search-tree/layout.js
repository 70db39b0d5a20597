// Where nodes stand, in linear time. Every level is sorted by place, and the children of a node stand next to each
// other in the next level, so that whatever is in view is found by binary search.

const SPACE = 0.45; // between the children of different parents, in rows

/** Levels of items: `ids` (a node, or -1 - node for the stub of that node's other children), `at` (place), `parent`
    (item of the level before), `from`/`to` (children in the next level), `low`/`high` (span of the subtree). */
export function treeLayout(shown) {
  const levels = [level([0], [0])];
  const stubs = new Map();
  for (let up = levels[0]; up.ids.length; ) {
    const ids = [];
    const parents = [];
    up.ids.forEach((id, item) => {
      up.from[item] = ids.length;
      if (id >= 0) {
        const { kids, hidden } = shown.split(id);
        for (const kid of kids) push(ids, parents, kid, item);
        if (hidden.length) {
          push(ids, parents, -1 - id, item);
          stubs.set(id, hidden);
        }
      }
      up.to[item] = ids.length;
    });
    if (!ids.length) break;
    up = level(ids, parents);
    levels.push(up);
  }
  const sizes = levels.map((each) => new Float64Array(each.ids.length));
  measure(levels, sizes, () => 1, SPACE);
  place(levels, sizes, SPACE / 2);
  for (let depth = levels.length - 1; depth >= 0; depth--) centre(levels[depth], levels[depth + 1]);
  return { kind: "tree", levels, stubs, size: sizes[0][0], find: finder(levels) };
}

/** All nodes as stripes below each other; the width of a node is its share of its siblings' visits. */
export function icicleLayout(tree, replay) {
  const levels = [level([0], [0])];
  for (let up = levels[0]; ; ) {
    const ids = [];
    const parents = [];
    up.ids.forEach((id, item) => {
      up.from[item] = ids.length;
      for (const kid of tree.children(id)) push(ids, parents, kid, item);
      up.to[item] = ids.length;
    });
    if (!ids.length) break;
    up = level(ids, parents);
    levels.push(up);
  }
  const size = 1000;
  levels[0].high[0] = size;
  levels[0].at[0] = size / 2;
  levels.slice(0, -1).forEach((up, depth) => share(up, levels[depth + 1], replay));
  return { kind: "icicle", levels, stubs: new Map(), size, find: finder(levels) };
}

function level(ids, parents) {
  const make = (Kind) => new Kind(ids.length);
  return {
    ids: Int32Array.from(ids), parent: Int32Array.from(parents), from: make(Int32Array), to: make(Int32Array),
    at: make(Float64Array), low: make(Float64Array), high: make(Float64Array),
  };
}

function push(ids, parents, id, parent) {
  ids.push(id);
  parents.push(parent);
}

function measure(levels, sizes, leaf, space) {
  for (let depth = levels.length - 1; depth >= 0; depth--) {
    const { from, to } = levels[depth];
    for (let item = 0; item < from.length; item++) {
      let size = to[item] > from[item] ? space : leaf(item);
      for (let kid = from[item]; kid < to[item]; kid++) size += sizes[depth + 1][kid];
      sizes[depth][item] = size;
    }
  }
}

function place(levels, sizes, margin) {
  levels[0].high[0] = sizes[0][0];
  for (let depth = 0; depth < levels.length - 1; depth++) {
    const up = levels[depth];
    const down = levels[depth + 1];
    for (let item = 0; item < up.ids.length; item++) {
      let low = up.low[item] + margin;
      for (let kid = up.from[item]; kid < up.to[item]; kid++) {
        down.low[kid] = low;
        low += sizes[depth + 1][kid];
        down.high[kid] = low;
      }
    }
  }
}

function centre(up, down) {
  for (let item = 0; item < up.ids.length; item++) {
    const { from, to } = up;
    if (to[item] > from[item]) up.at[item] = (down.at[from[item]] + down.at[to[item] - 1]) / 2;
    else up.at[item] = (up.low[item] + up.high[item]) / 2;
  }
}

function share(up, down, replay) {
  const weight = (node) => Math.max(replay.visits[node], 0.15); // never visited: a sliver, so that it is there
  for (let item = 0; item < up.ids.length; item++) {
    let total = 0;
    for (let kid = up.from[item]; kid < up.to[item]; kid++) total += weight(down.ids[kid]);
    let low = up.low[item];
    for (let kid = up.from[item]; kid < up.to[item]; kid++) {
      down.low[kid] = low;
      low += ((up.high[item] - up.low[item]) * weight(down.ids[kid])) / total;
      down.high[kid] = low;
      down.at[kid] = (down.low[kid] + down.high[kid]) / 2;
    }
  }
}

/** Looks an id up: {depth, item}, or undefined when it is not shown. */
function finder(levels) {
  let places = null;
  return (id) => {
    if (!places) {
      places = new Map();
      levels.forEach((each, depth) => each.ids.forEach((node, item) => places.set(node, { depth, item })));
    }
    return places.get(id);
  };
}

/** The first index whose value is not below `least`. */
export function lowerBound(values, least) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
