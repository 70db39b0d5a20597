// The list of trees: walked by keyboard, ticked, pinned.

import { singleKeysWork } from "./rollouts.js";

const list = document.getElementById("trees");

function rows() {
  return [...list.querySelectorAll("tbody tr:not(.more)")];
}

function walk(event) {
  if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
  const all = rows();
  const at = all.indexOf(document.activeElement?.closest("tr"));
  if (event.key === "j" || event.key === "k") {
    const to = event.key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0);
    all[to]?.querySelector("[data-opens]").focus();
  } else if (at >= 0 && event.key === "x") {
    all[at].querySelector("[name=trees]")?.click();
  } else if (at >= 0 && event.key === "p") {
    all[at].querySelector(".pin")?.click();
  } else {
    return;
  }
  event.preventDefault();
}

function showTicked() {
  const ticks = [...list.querySelectorAll("[name=trees]")];
  const count = ticks.filter((tick) => tick.checked).length;
  for (const button of list.querySelectorAll("[data-needs-ticks]")) button.disabled = count === 0;
  const note = list.querySelector("[data-ticked]");
  if (!note) return;
  note.textContent = count === 0 ? "Tick trees to pin or unpin them" : `${count} ticked`;
  list.querySelector("[data-tick-all]").checked = count > 0 && count === ticks.length;
}

if (list) {
  document.addEventListener("keydown", walk);
  list.addEventListener("change", (event) => {
    if ("tickAll" in event.target.dataset) {
      for (const tick of list.querySelectorAll("[name=trees]")) tick.checked = event.target.checked;
    }
    showTicked();
  });
  list.addEventListener("htmx:afterSettle", showTicked); // more rows have come
  addEventListener("pageshow", showTicked); // the browser restores ticks on the way back
  showTicked();
}
