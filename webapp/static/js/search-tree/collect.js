// Everything in view as plain shapes, gathered by colour, so that a frame is a few paths and a saved picture the same shapes.

import { EXPANDED, OPEN, RECORDED_CONFIDENT_WRONG, RECORDED_RIGHT, RECORDED_WRONG, RIGHT } from "./data.js";
import { glyph } from "./colours.js";
import { lowerBound } from "./layout.js";
import { number, oneLine } from "./words.js";

export const DOTS_BELOW = 4; // pixels a row
const LABELS_FROM = 12;
const CURVES_FROM = 4;
const CHARACTER = 7; // pixels, of the label's font, roughly
const WIDTHS = [[1, 0.8], [3, 1.4], [8, 2.2], [20, 3.4], [Infinity, 5]]; // pixels of an edge up to so many visits

export function emptyShapes() {
  return { lines: new Map(), fills: new Map(), rings: new Map(), boxes: new Map(), bands: new Map(), frames: [], glyphs: [], labels: [], stubs: [], wanted: [] };
}

export function collectTree(scene) {
  const shapes = emptyShapes();
  const window = scene.camera.window();
  const { levels } = scene.layout;
  for (let depth = 0; depth < levels.length - 1; depth++) edges(scene, shapes, depth, window);
  for (let depth = 0; depth < levels.length; depth++) nodes(scene, shapes, depth, window);
  return shapes;
}

/** Pixels from the middle of a node to its edge: it grows with the root of its visits. */
export function radius(scene, node) {
  const row = scene.camera.across.scale;
  const wanted = 2.4 + 1.2 * Math.sqrt(scene.replay.visits[node]);
  const least = scene.tree.isEnd(node) && row >= LABELS_FROM ? 6 : 1.2;
  return Math.max(Math.min(wanted, row * 0.46, 13), least);
}

export function isThere(scene, id) {
  const { replay, layout } = scene;
  return replay.isBorn(id >= 0 ? id : layout.stubs.get(-1 - id)[0]);
}

function edges(scene, shapes, depth, [top, bottom]) {
  const { camera, layout, replay, theme } = scene;
  const up = layout.levels[depth];
  const down = layout.levels[depth + 1];
  const x1 = camera.toAlong(depth);
  const x2 = camera.toAlong(depth + 1);
  if (x2 < -20 || x1 > camera.width + 20) return;
  let lastY = -Infinity;
  for (let item = lowerBound(up.high, top); item < up.ids.length && up.low[item] <= bottom; item++) {
    const from = up.at[item];
    const y1 = camera.toAcross(from);
    for (let kid = up.from[item]; kid < up.to[item]; kid++) {
      const to = down.at[kid];
      if ((from < top && to < top) || (from > bottom && to > bottom)) continue;
      const id = down.ids[kid];
      if (!isThere(scene, id)) continue;
      const y2 = camera.toAcross(to);
      const plain = id < 0 || !stands(scene, id);
      if (plain && y2 - lastY < 0.8 && y2 >= lastY) continue; // would fall on the one before
      lastY = plain ? y2 : lastY;
      if (id < 0) line(shapes, `stub`, theme.line, 1, [2, 3], x1, y1, x2, y2);
      else edge(shapes, scene, id, WIDTHS.find(([visits]) => replay.visits[id] <= visits)[1], x1, y1, x2, y2);
    }
  }
}

function stands(scene, node) {
  const { marks } = scene;
  return marks.kind[node] || marks.best[node] || marks.selected[node];
}

function edge(shapes, scene, node, width, x1, y1, x2, y2) {
  const { marks, theme } = scene;
  if (marks.best[node]) line(shapes, `0best`, theme.accentSoft, 11, [], x1, y1, x2, y2);
  const kind = marks.kind[node];
  if (kind === RECORDED_RIGHT) line(shapes, `2right${width}`, theme.right, Math.max(width, 2), [], x1, y1, x2, y2);
  else if (kind === RECORDED_CONFIDENT_WRONG) line(shapes, `2sure${width}`, theme.wrong, Math.max(width, 2), [8, 4], x1, y1, x2, y2);
  else if (kind === RECORDED_WRONG) line(shapes, `2wrong${width}`, theme.wrong, Math.max(width, 1.4), [2, 3], x1, y1, x2, y2);
  else line(shapes, `1plain${width}`, theme.line, width, [], x1, y1, x2, y2);
  if (marks.selected[node]) line(shapes, `3selected`, theme.ink, 1.4, [], x1, y1, x2, y2);
}

/** Keys sort in the order of painting. */
function line(shapes, key, colour, width, dash, ...ends) {
  let lines = shapes.lines.get(key);
  if (!lines) shapes.lines.set(key, (lines = { colour, width, dash, points: [] }));
  lines.points.push(...ends);
}

function nodes(scene, shapes, depth, [top, bottom]) {
  const { camera, colour, layout } = scene;
  const level = layout.levels[depth];
  const x = camera.toAlong(depth);
  if (x < -camera.along.scale || x > camera.width + 20) return;
  const dots = camera.across.scale < DOTS_BELOW;
  let last = [-Infinity, -2];
  for (let item = lowerBound(level.at, top); item < level.ids.length && level.at[item] <= bottom; item++) {
    const id = level.ids[item];
    if (!isThere(scene, id)) continue;
    const y = camera.toAcross(level.at[item]);
    if (id < 0) stub(scene, shapes, id, x, y);
    else if (dots) {
      const bucket = colour.bucket(id);
      if (y - last[0] < 0.8 && bucket === last[1] && !stands(scene, id)) continue;
      last = [y, bucket];
      dot(scene, shapes, id, x, y, bucket);
    } else disc(scene, shapes, id, x, y, level.to[item] > level.from[item]);
  }
}

function put(map, key, ...values) {
  const list = map.get(key);
  if (list) list.push(...values);
  else map.set(key, values);
}

function fillOf({ colour, theme }, bucket) {
  return bucket < 0 ? theme.raised : colour.colours[bucket];
}

/** Far out: squares of a few pixels; ends that are right stand out by their size. */
function dot(scene, shapes, node, x, y, bucket) {
  const side = scene.replay.status(node) === RIGHT ? 5 : Math.max(scene.camera.across.scale * 0.9, 2.5);
  put(shapes.boxes, fillOf(scene, bucket), x - side / 2, y - side / 2, side, side);
  if (node === scene.selected) put(shapes.rings, ring(scene.theme.focus, 2), x, y, 6);
}

const ring = (colour, width, dash = "") => `${colour}|${width}|${dash}`;

function disc(scene, shapes, node, x, y, hasKids) {
  const { replay, theme, marks } = scene;
  const r = radius(scene, node);
  const status = replay.status(node);
  const fill = fillOf(scene, scene.colour.bucket(node));
  put(shapes.fills, fill, x, y, r);
  const kind = replay.recorded(node);
  if (status === OPEN) put(shapes.rings, ring(theme.line, 1.2), x, y, r);
  else if (status === EXPANDED) put(shapes.rings, ring(theme.line, 0.8), x, y, r);
  else if (status === RIGHT) put(shapes.rings, ring(theme.right, kind ? 3 : 1.8), x, y, r);
  else put(shapes.rings, ring(theme.wrong, kind ? 3 : 1.6, status === 4 ? "3 2" : ""), x, y, r);
  if (scene.matched?.[node]) put(shapes.rings, ring(theme.shared, 1.8), x, y, r + 3);
  if (scene.found?.has(node)) put(shapes.rings, ring(theme.hit, 4), x, y, r + 4);
  if (node === scene.current) put(shapes.rings, ring(theme.accent, 2, "3 3"), x, y, r + 7);
  if (node === scene.selected) put(shapes.rings, ring(theme.focus, 2.4), x, y, r + 5);
  const sign = glyph(status);
  if (sign && r >= 5) shapes.glyphs.push({ text: sign, x, y, size: Math.min(r * 1.6, 13), on: fill });
  if (scene.camera.across.scale >= LABELS_FROM) label(scene, shapes, node, x + r + 6, y, hasKids, marks.selected[node]);
}

function label(scene, shapes, node, x, y, hasKids, bold) {
  const { camera, texts, theme } = scene;
  const room = (hasKids ? camera.along.scale - 34 : camera.width - x - 4) / CHARACTER;
  if (room < 3 || x > camera.width) return;
  const text = node === 0 ? "problem" : texts.get(node);
  if (text === undefined) return void shapes.wanted.push(node);
  const there = scene.ghosts?.get(node); // children that only the other of two trees has
  const ghost = there ? ` +${there} there` : "";
  const most = Math.max(Math.min(Math.floor(room) - ghost.length, 48), 3);
  if (text) shapes.labels.push({ text: oneLine(text, most) + ghost, x, y, colour: bold ? theme.ink : theme.soft, bold, onEdges: hasKids });
}

/** "+37 more (Q −0.2…0.1)" in place of children that are not shown. */
function stub(scene, shapes, id, x, y) {
  const { camera, layout, replay, tree } = scene;
  const hidden = layout.stubs.get(-1 - id);
  if (camera.across.scale < DOTS_BELOW) return void shapes.stubs.push({ x, y, text: "" });
  const count = hidden.reduce((sum, node) => sum + 1 + tree.below[node], 0);
  const values = hidden.map((node) => replay.quality(node));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = low === high ? (low ? ` (Q ${number(low, 2)})` : "") : ` (Q ${number(low, 2)}…${number(high, 2)})`;
  shapes.stubs.push({ x, y, text: camera.across.scale >= 9 ? `+${count.toLocaleString("en")} more${span}` : "" });
}

export const straight = (scene) => scene.camera.across.scale < CURVES_FROM;
