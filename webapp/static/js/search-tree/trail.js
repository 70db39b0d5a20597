// The path of the selected node: each step with its text and by how much Q changed.

import { STATUS_SIGNS } from "./data.js";
import { number, oneLine, signed } from "./words.js";

export function showTrail(root, viewer) {
  const { tree, replay, texts, selected } = viewer;
  if (selected < 0) {
    const hint = document.createElement("span");
    hint.className = "soft";
    hint.textContent = "No node is selected. Click one, or walk with the arrow keys.";
    root.replaceChildren(hint);
    return;
  }
  const path = tree.path(selected);
  texts.want(path.slice(1));
  const list = document.createElement("ol");
  path.forEach((node, place) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.dataset.node = node;
    const text = node === 0 ? "root" : oneLine(texts.get(node) ?? "", 22) || `node ${node}`;
    button.append(`${STATUS_SIGNS[replay.status(node)]} ${text}`);
    if (node === selected) button.setAttribute("aria-current", "true");
    const change = document.createElement("span");
    if (place === 0) change.textContent = `Q ${number(replay.quality(0))}`;
    else {
      const delta = replay.quality(node) - replay.quality(path[place - 1]);
      change.textContent = `Δ ${Math.abs(delta) < 5e-4 ? "0" : signed(delta)}`;
      change.className = delta > 5e-4 ? "up" : delta < -5e-4 ? "down" : "soft";
    }
    item.append(button, change);
    list.append(item);
  });
  root.replaceChildren(list);
  root.scrollLeft = root.scrollWidth;
}
