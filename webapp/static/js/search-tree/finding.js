// Ways to a node and beyond: by its text, by what came of it, to its rollout; and what is said of it.

import { RIGHT, STATUS_SIGNS, STATUS_WORDS } from "./data.js";
import { count, number, oneLine } from "./words.js";

/** Marks the nodes whose text holds `text` and goes to the first; of several searches at once the last counts. */
export async function find(viewer, text) {
  const status = viewer.querySelector("[data-found]");
  viewer.sought = text;
  const response = text.trim() ? await fetch(`${viewer.dataset.find}?q=${encodeURIComponent(text)}`) : null;
  const found = response?.ok ? await response.json() : null;
  if (viewer.sought !== text) return;
  viewer.stage.scene.found = found ? new Set(found.nodes) : null;
  status.textContent = found ? `${found.more ? "over " : ""}${count(found.nodes.length, "node")}` : "";
  if (found?.nodes.length) nextMarked(viewer, 1);
  viewer.stage.refresh("look");
}

/** The next node that a search found, or else the next right end. */
export function nextMarked(viewer, by) {
  const { tree, replay, stage } = viewer;
  const sought = stage.scene.found;
  const marked = (node) => (sought ? sought.has(node) : replay.status(node) === RIGHT) && replay.isBorn(node);
  const start = viewer.selected < 0 && by < 0 ? 0 : viewer.selected;
  for (let i = 1; i <= tree.count; i++) {
    const node = (((start + by * i) % tree.count) + tree.count) % tree.count;
    if (!marked(node)) continue;
    viewer.select(node, { move: true });
    return;
  }
  viewer.announce(sought ? "Nothing was found." : "There is no verified right end yet.");
}

export function openRollout(viewer) {
  const end = viewer.selected < 0 ? -1 : viewer.tree.recordedEnd(viewer.selected);
  if (end < 0) viewer.announce("No recorded trajectory goes through this node.");
  else location.href = viewer.dataset.rollout.replace(/0\/$/, `${viewer.tree.rollouts.get(end)}/`);
}

/** A node, or a stub, in a line. */
export function tell(viewer, id) {
  if (id < 0) return `More children of node ${-1 - id}. Click to show them.`;
  const { replay, texts } = viewer;
  const text = id === 0 ? "The problem." : texts.get(id) ? `“${oneLine(texts.get(id), 70)}”` : "";
  const status = replay.status(id);
  return `${STATUS_SIGNS[status]} node ${id}, ${STATUS_WORDS[status]}, Q ${number(replay.quality(id))}, N ${replay.visits[id]}. ${text}${sharing(viewer, id)}`;
}

/** Beside another tree: whether that has the node, too, and what it has below. */
function sharing({ stage: { scene } }, node) {
  if (!scene.matched) return "";
  const there = scene.ghosts.get(node);
  return scene.matched[node] ? ` Shared${there ? `; ${count(there, "child", "children")} only there` : ""}.` : " Only here.";
}
