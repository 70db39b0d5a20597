// What nodes are coloured by: eight steps of cividis for magnitudes, blue and orange for signed values. The colours
// come from the page's style, so that they suit both themes.

import { INCOMPLETE, RIGHT, STATUS_WORDS, WRONG } from "./data.js";
import { number } from "./words.js";

const STEPS = 8;

export const SCALES = {
  quality: { title: "Q = q / N", signed: true, of: (tree, replay) => (node) => replay.quality(node), moves: true },
  q: { title: "q, raw sum", signed: true, of: (tree, replay) => (node) => replay.q[node], moves: true },
  score: { title: "score, clipped as trained", signed: true, of: (tree) => (node) => tree.score[node] },
  visits: { title: "visits N", of: (tree, replay) => (node) => replay.visits[node], moves: true, root: true },
  entropy: { title: "entropy, nats", of: (tree) => (node) => tree.entropy[node] },
  surprise: { title: "surprise H, nats", of: (tree) => (node) => tree.surprise[node] },
  advantage: { title: "advantage", signed: true, of: (tree) => (node) => tree.advantage[node] },
  loss_share: { title: "share of the loss", of: (tree) => (node) => tree.loss_share[node] },
  verifier: { title: "verifier", kinds: true },
  depth: { title: "depth", of: (tree) => (node) => tree.depth[node] },
};

/** The colours of the page as it looks now. */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  const row = (name, count) => Array.from({ length: count }, (_, i) => read(`--${name}-${i + 1}`));
  return {
    ground: read("--surface"), raised: read("--raised"), ink: read("--ink"), soft: read("--ink-soft"),
    line: read("--line-strong"), faint: read("--line"), accent: read("--accent"), accentSoft: read("--accent-soft"),
    focus: read("--focus"), hit: read("--hit"), right: read("--plus-3"), wrong: read("--minus-3"), shared: read("--curve-7"),
    rightInk: read("--up"), wrongInk: read("--down"),
    magnitude: row("cividis", STEPS),
    signed: [...row("minus", 4).reverse(), read("--raised"), ...row("plus", 4)],
    kinds: [read("--ground"), read("--line"), read("--plus-3"), read("--minus-3"), read("--cividis-4")],
  };
}

/** A colouring of one search: `bucket(node)`, the buckets' colours and a legend. Bucket -1 stands for no value. */
export function colouring(key, tree, replay, theme) {
  const scale = SCALES[key] ?? SCALES.quality;
  if (scale.kinds) {
    return {
      scale, colours: theme.kinds, bucket: (node) => replay.status(node),
      legend: STATUS_WORDS.map((word, kind) => ({ colour: theme.kinds[kind], label: word, status: kind })),
    };
  }
  const value = scale.of(tree, replay);
  const colours = scale.signed ? theme.signed : theme.magnitude;
  const [low, high] = extent(scale, tree, value);
  const bucket = scale.signed ? signedBucket(value, high) : magnitudeBucket(value, low, high);
  return { scale, colours, bucket, legend: legend(scale, colours, low, high), low, high };
}

/** Signed scales reach equally far both ways. What changes in the replay is measured at its end, so colours hold still. */
function extent(scale, tree, value) {
  const final = { quality: (node) => (tree.visits[node] ? tree.q[node] / tree.visits[node] : 0), q: (node) => tree.q[node], visits: (node) => tree.visits[node] };
  const key = Object.keys(final).find((name) => SCALES[name] === scale);
  const read = key ? final[key] : value;
  let [low, high] = [Infinity, -Infinity];
  for (let node = scale.root ? 0 : 1; node < tree.count; node++) {
    const each = read(node);
    if (Number.isNaN(each)) continue;
    low = Math.min(low, scale.signed ? Math.abs(each) : each);
    high = Math.max(high, scale.signed ? Math.abs(each) : each);
  }
  if (low > high) return [0, 1];
  return scale.signed ? [-(high || 1), high || 1] : [low, high > low ? high : low + 1];
}

function signedBucket(value, most) {
  return (node) => {
    const each = value(node);
    if (Number.isNaN(each)) return -1;
    const size = Math.abs(each) / most;
    if (size < 0.005) return 4;
    const step = Math.min(Math.floor(size * 4) + 1, 4);
    return each > 0 ? 4 + step : 4 - step;
  };
}

function magnitudeBucket(value, low, high) {
  return (node) => {
    const each = value(node);
    return Number.isNaN(each) ? -1 : Math.min(Math.max(Math.floor(((each - low) / (high - low)) * STEPS), 0), STEPS - 1);
  };
}

function legend(scale, colours, low, high) {
  const last = colours.length - 1;
  return colours.map((colour, i) => ({
    colour, label: i === 0 ? number(low) : i === last ? number(high) : "",
  }));
}

export function glyph(status) {
  return { [RIGHT]: "✓", [WRONG]: "✕", [INCOMPLETE]: "?" }[status] ?? "";
}
