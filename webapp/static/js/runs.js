// The list of runs: ticking, comparing, and fetching again the rows that move.

import { getPatiently, pause } from "./net.js";

const MOST_COMPARED = 8;
const SEEN_MS = 3000;
const HIDDEN_MS = 60000;

const list = document.getElementById("runs");

function ticks() {
  return [...list.querySelectorAll('input[name="runs"]')];
}

function showTicked() {
  const count = ticks().filter((tick) => tick.checked).length;
  const compare = list.querySelector("[data-compare-button]");
  compare.disabled = count < 2 || count > MOST_COMPARED;
  compare.textContent = count > MOST_COMPARED ? `Compare at most ${MOST_COMPARED}` : count < 2 ? "Tick runs to compare" : `Compare ${count} runs`;
  const report = list.querySelector("[data-report-button]");
  if (report) report.disabled = count === 0;
  const archive = list.querySelector("[data-archive-button]");
  if (archive) archive.disabled = count === 0;
  list.querySelector("[data-tick-all]").checked = count > 0 && count === ticks().length;
}

async function followMoving() {
  for (;;) {
    await pause(document.hidden ? HIDDEN_MS : SEEN_MS);
    const moving = [...list.querySelectorAll("[data-moving]")].map((row) => row.dataset.moving);
    if (moving.length === 0) return;
    const body = await getPatiently(`${list.dataset.rows}?ids=${moving.join(",")}`);
    for (const [id, html] of Object.entries(body.rows)) renew(document.getElementById(`run-${id}`), html);
  }
}

function renew(row, html) {
  if (!row || row.contains(document.activeElement)) return;
  const holder = document.createElement("tbody");
  holder.innerHTML = html;
  const fresh = holder.firstElementChild;
  fresh.querySelector('input[name="runs"]').checked = row.querySelector('input[name="runs"]').checked;
  row.replaceWith(fresh);
  htmx.trigger(fresh, "htmx:afterSettle"); // shows times in the reader's zone
}

if (list) {
  list.addEventListener("change", (event) => {
    if ("tickAll" in event.target.dataset) ticks().forEach((tick) => { tick.checked = event.target.checked; });
    showTicked();
  });
  list.addEventListener("submit", (event) => {
    const { compareButton, reportButton } = event.submitter.dataset;
    if (compareButton === undefined && reportButton === undefined) return;
    event.preventDefault();
    const chosen = ticks().filter((tick) => tick.checked).map((tick) => tick.value);
    location.assign(`${reportButton ?? list.dataset.compare}?runs=${chosen.join(",")}`);
  });
  addEventListener("pageshow", showTicked); // the browser restores ticks on the way back
  showTicked();
  followMoving();
}
