// The bar above the tree and the legend: buttons call the viewer, and show what it shows.

import { STATUS_SIGNS } from "./data.js";

export function connectToolbar(viewer) {
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) act(viewer, button);
    const node = event.target.closest("[data-trail] [data-node]");
    if (node) viewer.select(Number(node.dataset.node), { move: true });
  });
  viewer.querySelector("[data-colour]").addEventListener("change", (event) => viewer.tree && viewer.setColour(event.target.value));
  const find = viewer.querySelector("[data-find]");
  find.closest("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (viewer.tree) viewer.find(find.value);
    viewer.stage.root.focus();
  });
  find.addEventListener("input", () => find.value === "" && viewer.tree && viewer.find(""));
  find.addEventListener("keydown", (event) => event.key === "Escape" && viewer.stage.root.focus());
}

function act(viewer, { dataset: { act: what, value } }) {
  if (what === "retry") return viewer.load();
  if (!viewer.tree) return undefined;
  return {
    view: () => viewer.setView(value),
    in: () => viewer.stage.zoom(1.35),
    out: () => viewer.stage.zoom(1 / 1.35),
    fit: () => viewer.stage.fit(),
    home: () => viewer.stage.home(),
    all: () => viewer.showAll(!viewer.shown.everything),
    best: () => viewer.goBest(),
    right: () => viewer.nextMarked(1),
    export: () => viewer.export(value),
  }[what]?.();
}

export function showState(viewer) {
  for (const button of viewer.querySelectorAll("[data-act=view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.value === viewer.view));
  }
  viewer.querySelector("[data-colour]").value = viewer.colour;
  const all = viewer.querySelector("[data-act=all]");
  all.setAttribute("aria-pressed", String(viewer.shown.everything));
  all.hidden = viewer.view !== "tree";
  viewer.querySelector("[data-drawn]").hidden = viewer.view === "table";
  viewer.querySelector("[data-table]").hidden = viewer.view !== "table";
  for (const part of viewer.querySelectorAll("[data-zooms]")) part.hidden = viewer.view === "table";
}

export function showLegend(viewer, entries, scale) {
  const list = document.createElement("ol");
  list.className = scale.kinds ? "kinds" : "scale";
  for (const { colour, label, status } of entries) {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = colour;
    if (status !== undefined) swatch.textContent = STATUS_SIGNS[status];
    item.append(swatch, label);
    list.append(item);
  }
  const title = document.createElement("span");
  title.textContent = scale.title;
  viewer.querySelector("[data-legend]").replaceChildren(title, list);
}
