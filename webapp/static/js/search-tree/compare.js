// Two viewers side by side: one follows the other's replay, by share of the events or by tokens sampled, and both mark
// the nodes they share.

import { count } from "./words.js";

const [left, right] = document.querySelectorAll("search-tree");
const mode = document.querySelector("[data-sync]");
let isFollowing = false;

function ready(viewer) {
  return viewer.tree ? Promise.resolve() : new Promise((done) => viewer.addEventListener("ready", done, { once: true }));
}

/** The event of `other` at which it stood where `one` stands now. */
function place(one, other) {
  if (mode.value === "tokens") {
    const spent = one.columns.tokens[one.at];
    let event = other.columns.tokens.findIndex((tokens) => tokens > spent);
    if (event < 0) event = other.length;
    return Math.max(event - 1, 0);
  }
  return Math.round((one.at / Math.max(one.last, 1)) * other.last);
}

function follow(one, other) {
  if (isFollowing || mode.value === "off" || !one.replay.length || !other.replay.length) return;
  isFollowing = true;
  other.go(place(one.replay, other.replay));
  isFollowing = false;
}

async function mark() {
  const response = await fetch(document.querySelector("[data-match]").dataset.match);
  if (!response.ok) return;
  const shared = await response.json();
  for (const [viewer, nodes] of [[left, shared.a], [right, shared.b]]) {
    viewer.stage.scene.matched = new Uint8Array(viewer.tree.count);
    for (const node of nodes) viewer.stage.scene.matched[node] = 1;
  }
  left.stage.scene.ghosts = ghosts(shared.a, shared.b, right);
  right.stage.scene.ghosts = ghosts(shared.b, shared.a, left);
  for (const [viewer, nodes] of [[left, shared.a], [right, shared.b]]) {
    const only = viewer.tree.count - nodes.length;
    viewer.closest("[data-side]").querySelector("[data-shared]").textContent =
      `${count(nodes.length, "node")} shared (ringed), ${only.toLocaleString("en")} only here`;
    viewer.stage.refresh("look");
  }
  pairUp(shared);
}

/** How many children of each shared node only the other side has. */
function ghosts(here, there, { tree, stage }) {
  const missing = (node) => tree.children(node).filter((kid) => !stage.scene.matched[kid]).length;
  return new Map(here.map((node, i) => [node, missing(there[i])]).filter(([, count]) => count));
}

/** Choosing a shared node chooses its twin on the other side. */
function pairUp(shared) {
  const there = new Map(shared.a.map((node, i) => [node, shared.b[i]]));
  const back = new Map(shared.b.map((node, i) => [node, shared.a[i]]));
  let isBusy = false;
  for (const [one, other, twins] of [[left, right, there], [right, left, back]]) {
    const select = one.select.bind(one);
    one.select = (node, how) => {
      select(node, how);
      if (isBusy || !twins.has(node)) return;
      isBusy = true;
      other.select(twins.get(node), { walk: true, move: true });
      isBusy = false;
    };
  }
}

await Promise.all([ready(left), ready(right)]);
left.addEventListener("replay", () => follow(left, right));
right.addEventListener("replay", () => follow(right, left));
await mark();
