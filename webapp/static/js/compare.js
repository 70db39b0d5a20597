// Comparing runs: curves hidden and shown by run, and fetched again while one of the runs moves.

import { store } from "./charts.js";
import { pause } from "./net.js";
import { view } from "./view.js";

const SEEN_MS = 6000;

function showHidden() {
  for (const button of document.querySelectorAll("[data-hide]")) {
    button.setAttribute("aria-pressed", String(!view.hide.has(button.dataset.hide)));
  }
}

async function followMoving() {
  while ("moving" in (document.getElementById("charts")?.dataset ?? {})) {
    await pause(SEEN_MS);
    if (!document.hidden) await store.reload();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-hide]");
  if (button) {
    const hide = new Set(view.hide);
    if (!hide.delete(button.dataset.hide)) hide.add(button.dataset.hide);
    view.set({ hide });
  }
  const shower = event.target.closest("[data-show]");
  if (shower) {
    document.getElementById(shower.dataset.show).hidden = false;
    shower.remove();
  }
});
// Links that change the address keep how the charts are drawn.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link) return;
  const wanted = new URLSearchParams(link.getAttribute("href").split("#")[0]);
  const now = new URLSearchParams(location.search);
  for (const name of ["x", "smooth", "xlog", "ylog", "mean", "from", "to", "hide"]) {
    if (now.has(name)) wanted.set(name, now.get(name));
    else wanted.delete(name);
  }
  link.setAttribute("href", `?${wanted}${link.hash}`);
});

view.addEventListener("change", showHidden);
showHidden();
followMoving();
