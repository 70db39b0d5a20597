// The icicle as shapes: a stripe a node, its children below it, as wide as its share of their visits.

import { RECORDED_CONFIDENT_WRONG, RECORDED_RIGHT, RIGHT } from "./data.js";
import { emptyShapes } from "./collect.js";
import { glyph } from "./colours.js";
import { lowerBound } from "./layout.js";
import { oneLine } from "./words.js";

const CHARACTER = 7.4;
const LABELLED_FROM = 46; // pixels
const EDGED_FROM = 5;

export function collectIcicle(scene) {
  const shapes = emptyShapes();
  const window = scene.camera.window(0);
  scene.layout.levels.forEach((level, depth) => stripes(scene, shapes, level, depth, window));
  return shapes;
}

function stripes(scene, shapes, level, depth, [left, right]) {
  const { camera, colour, replay, theme } = scene;
  const y = camera.toAlong(depth);
  const height = camera.along.scale;
  if (y > camera.height || y + height < 0) return;
  let last = [-Infinity, -2];
  for (let item = lowerBound(level.high, left); item < level.ids.length && level.low[item] <= right; item++) {
    const node = level.ids[item];
    if (!replay.isBorn(node)) continue;
    const from = camera.toAcross(level.low[item]);
    const width = (level.high[item] - level.low[item]) * camera.across.scale;
    const bucket = colour.bucket(node);
    if (width < 0.8 && from - last[0] < 0.8 && bucket === last[1] && !scene.marks.selected[node]) continue;
    last = [from, bucket];
    const gap = width > EDGED_FROM ? 1 : 0;
    const fill = bucket < 0 ? theme.raised : colour.colours[bucket];
    add(shapes.boxes, fill, from, y, Math.max(width - gap, 0.8), height - 1);
    band(scene, shapes, node, from, y, Math.max(width - gap, 1.2), height);
    if (node === scene.selected) shapes.frames.push([from + 1, y + 1, Math.max(width - gap - 2, 1), height - 3]);
    if (width > 14) write(scene, shapes, node, from, y, width, height, fill);
  }
}

function add(map, key, ...values) {
  const list = map.get(key);
  if (list) list.push(...values);
  else map.set(key, values);
}

/** Recorded paths and the best one as bands along the stripe's lower edge. */
function band(scene, shapes, node, x, y, width, height) {
  const { marks, theme } = scene;
  const kind = marks.kind[node];
  if (kind) add(shapes.bands, kind === RECORDED_RIGHT ? theme.right : theme.wrong, x, y + height - 5, width, kind === RECORDED_CONFIDENT_WRONG ? 4 : 3);
  if (marks.best[node]) add(shapes.bands, theme.accent, x, y, width, 3);
  if (scene.matched?.[node]) add(shapes.bands, theme.shared, x, y + 3, width, 2);
  if (scene.found?.has(node)) shapes.frames.push([x + 1, y + 1, Math.max(width - 2, 1), height - 3]);
}

function write(scene, shapes, node, x, y, width, height, on) {
  const status = scene.replay.status(node);
  const sign = glyph(status);
  if (sign) shapes.glyphs.push({ text: sign, x: x + 9, y: y + height / 2 - 1, size: status === RIGHT ? 13 : 12, on });
  if (width < LABELLED_FROM) return;
  const text = node === 0 ? "problem" : scene.texts.get(node);
  if (text === undefined) return void shapes.wanted.push(node);
  const start = x < 0 && x + width > 60 ? 0 : x; // a stripe that begins off the screen is named where it can be read
  const room = Math.floor((x + width - start - (sign ? 24 : 10)) / CHARACTER);
  if (text && room > 2) shapes.glyphs.push({ label: oneLine(text, room), x: start + (sign ? 18 : 6), y: y + height / 2 - 1, on });
}
