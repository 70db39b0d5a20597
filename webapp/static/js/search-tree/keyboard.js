// Single keys of the viewer. Walking keys count where the tree has the focus or nothing has; the others on all of the
// page, unless somebody types or has turned single keys off.

import { singleKeysWork } from "../rollouts.js";

export function listen(viewer) {
  const keys = actions(viewer);
  const walks = walking(viewer);
  return (event) => {
    if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
    if (viewer.closest("main") === null || !viewer.tree) return;
    if (document.querySelectorAll("search-tree").length > 1 && !viewer.contains(document.activeElement)) return;
    const free = document.activeElement === document.body || document.activeElement === viewer.stage.root || document.activeElement?.id === "main";
    const act = keys[event.key] ?? (free && viewer.view !== "table" ? walks[event.key] : undefined);
    if (!act || event.target.closest("[role=treegrid]") && event.key in walks) return;
    event.preventDefault();
    act();
  };
}

function actions(viewer) {
  const replay = (what) => () => viewer.strips?.act(what);
  return {
    "+": () => viewer.stage.zoom(1.35),
    "=": () => viewer.stage.zoom(1.35),
    "-": () => viewer.stage.zoom(1 / 1.35),
    "0": () => viewer.stage.home(),
    f: () => viewer.stage.fit(),
    "/": () => viewer.querySelector("[data-find]").focus(),
    p: () => viewer.goBest(),
    n: () => viewer.nextMarked(1),
    N: () => viewer.nextMarked(-1),
    t: () => viewer.openRollout(),
    r: () => viewer.openRollout(),
    e: () => viewer.showAll(!viewer.shown.everything),
    k: replay("play"),
    ",": replay("back"),
    ".": replay("on"),
    s: replay("solved"),
    b: replay("best"),
  };
}

function walking(viewer) {
  const step = (move) => () => {
    const to = viewer.selected < 0 ? 0 : move(viewer.selected);
    if (to !== undefined && to >= 0) viewer.select(to, { walk: true, move: true });
  };
  const { tree } = viewer;
  const sideways = (by) => (node) => {
    if (node === 0) return undefined;
    const siblings = viewer.siblings(node);
    return siblings[siblings.indexOf(node) + by] ?? cousin(viewer, node, by);
  };
  const down = (node) => {
    const kids = viewer.kids(node);
    return kids.find((kid) => viewer.stage.marks.selected[kid]) ?? kids[Math.floor((kids.length - 1) / 2)];
  };
  const upright = () => viewer.view === "icicle";
  const pick = (flat, tall) => step((node) => (upright() ? tall : flat)(node));
  const up = (node) => tree.parent[node];
  return {
    ArrowLeft: pick(up, sideways(-1)),
    ArrowRight: pick(down, sideways(1)),
    ArrowUp: pick(sideways(-1), up),
    ArrowDown: pick(sideways(1), down),
    Home: step(() => 0),
    " ": () => viewer.selected >= 0 && viewer.toggle(viewer.selected),
    Enter: () => viewer.openPanel(),
    Escape: () => viewer.select(-1, {}),
  };
}

/** The next node of the same level, where a node has no further sibling. */
function cousin(viewer, node, by) {
  const { layout } = viewer.stage.scene;
  const place = layout.find(node);
  if (!place) return undefined;
  const { ids } = layout.levels[place.depth];
  for (let item = place.item + by; item >= 0 && item < ids.length; item += by) {
    if (ids[item] >= 0 && viewer.replay.isBorn(ids[item])) return ids[item];
  }
  return undefined;
}
