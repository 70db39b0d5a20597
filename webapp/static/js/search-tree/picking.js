// What lies under a place on the screen: two binary searches, one for the level and one along it.

import { isThere, radius } from "./collect.js";
import { lowerBound } from "./layout.js";

const REACH = 12; // pixels around small nodes

/** The id at (x, y): a node, or -1 - node for the stub of that node's children; undefined for nothing. */
export function pick(scene, x, y) {
  return scene.layout.kind === "icicle" ? pickStripe(scene, x, y) : pickNode(scene, x, y);
}

function pickStripe(scene, x, y) {
  const [depth, at] = scene.camera.under(x, y);
  const level = scene.layout.levels[Math.floor(depth)];
  if (!level || depth < 0) return undefined;
  const item = lowerBound(level.high, at);
  const isHit = item < level.ids.length && level.low[item] <= at && isThere(scene, level.ids[item]);
  return isHit ? level.ids[item] : undefined;
}

function pickNode(scene, x, y) {
  const { camera, layout } = scene;
  const [depth, at] = camera.under(x, y);
  let found;
  let nearest = Infinity;
  for (const side of [Math.floor(depth), Math.ceil(depth)]) {
    const level = layout.levels[side];
    if (!level) continue;
    const reach = (REACH + 4) / camera.across.scale;
    for (let item = lowerBound(level.at, at - reach); item < level.ids.length && level.at[item] <= at + reach; item++) {
      const id = level.ids[item];
      if (!isThere(scene, id)) continue;
      const [dx, dy] = [x - camera.toAlong(side), y - camera.toAcross(level.at[item])];
      const onText = camera.across.scale >= 12 && dx > 0 && dx < (id < 0 ? 190 : camera.along.scale - 30) && Math.abs(dy) < camera.across.scale / 2;
      const away = onText ? Math.abs(dy) : Math.hypot(dx, dy) - (id >= 0 ? radius(scene, id) : 8);
      if ((onText || away < REACH - 4) && away < nearest) [found, nearest] = [id, away];
    }
  }
  return found;
}
