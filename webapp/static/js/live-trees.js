// The trees that grow now on the page of a run: asked for every second while the page is seen and the run goes on.

import "./live-tree.js";
import { getPatiently, pause } from "./net.js";

const SEEN_MS = 1000;
const strip = document.getElementById("live-trees");

function card(tree) {
  const made = document.createElement("article");
  made.dataset.tree = tree.index;
  made.innerHTML = '<header class="row"><span class="clip" data-problem></span><span data-state class="badge"></span></header><live-tree></live-tree><p class="small" data-figures></p>';
  made.querySelector("[data-problem]").textContent = tree.problem;
  made.querySelector("[data-problem]").title = tree.problem;
  return made;
}

function showTree(holder, tree, wanted) {
  let place = holder.querySelector(`[data-tree="${tree.index}"]`);
  if (!place || place.dataset.problem !== tree.problem_id) {
    const made = card(tree);
    made.dataset.problem = tree.problem_id;
    if (place) place.replaceWith(made);
    else holder.append(made);
    place = made;
  }
  const state = place.querySelector("[data-state]");
  state.textContent = tree.solved ? "✓ Solved" : "◌ Searching";
  state.classList.toggle("good", tree.solved);
  const figures = `${number(tree.nodes)} nodes · ${number(tree.tokens)} tokens · ${tree.recorded}/${wanted ?? "?"} recorded`;
  place.querySelector("[data-figures]").textContent = figures;
  place.querySelector("live-tree").show(tree);
}

function number(value) {
  return value.toLocaleString("en");
}

function show(body) {
  const holder = strip.querySelector("[data-trees]");
  const present = new Set(body.trees.map((tree) => String(tree.index)));
  for (const place of [...holder.children]) if (!present.has(place.dataset.tree)) place.remove();
  for (const tree of body.trees) showTree(holder, tree, body.wanted);
  const grows = body.trees.length > 0;
  strip.querySelector("[data-legend]").hidden = !grows;
  const done = body.done === null ? "" : `, ${body.done} done`;
  strip.querySelector("[data-counts]").textContent = grows ? `step ${body.step}: ${body.live} live${done}` : "";
  const waiting = strip.querySelector("[data-waiting]");
  waiting.hidden = grows;
  waiting.textContent = waitingFor(body);
  const link = strip.querySelector("[data-finished]");
  link.hidden = body.finished === null;
  if (body.finished === null) return;
  const { step, trees, solved, address } = body.finished;
  link.textContent = `Trees of step ${step}: ${solved} of ${trees} solved`;
  link.href = address;
}

function waitingFor(body) {
  if (body.terminal) return "The run has ended; no tree grows any more.";
  if (body.phase && body.phase !== "searching") return `The run is ${body.phase} now. Trees are drawn here while it searches.`;
  return "The trees of the step are drawn here while the run searches.";
}

function seen() {
  return document.hidden ? new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true })) : null;
}

async function follow() {
  for (let cursor = "", ended = false; !ended; await pause(SEEN_MS)) {
    while (document.hidden) await seen();
    const body = await getPatiently(`${strip.dataset.address}?${new URLSearchParams({ cursor })}`);
    if (body === null) continue;
    cursor = body.cursor;
    ended = body.terminal;
    show(body);
  }
}

if (strip) follow();
