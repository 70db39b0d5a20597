// Follows a run or a recipe: every second or two while it moves and the page is seen, rarely when hidden, never once it has ended.

import { getPatiently, pause } from "./net.js";

const SEEN_MS = 1500;
const HIDDEN_MS = 30000;

const followed = document.querySelector("[data-live]");
const digests = new Map();
let unshown = null; // actions that wait to be shown
// Only pages with charts have curves to follow; charts.js is loaded there already.
const curves = document.getElementById("charts") ? import("./charts.js") : null;
let wake = () => {};

async function follow() {
  for (let ended = followed.dataset.terminal !== undefined; !ended; ) {
    await Promise.race([pause(document.hidden ? HIDDEN_MS : SEEN_MS), new Promise((resolve) => (wake = resolve))]);
    const store = curves && (await curves).store;
    const asked = new Set(store?.loaded);
    const x = store?.x;
    const body = await getPatiently(address(store, asked));
    show(body.parts);
    if (store) await update(store, body, asked, x);
    ended = body.terminal;
    if (ended) followed.dataset.terminal = "";
  }
}

function address(store, asked) {
  const query = new URLSearchParams({ have: [...digests.values()].join(",") });
  if (asked.size && store.cursor) {
    query.set("names", [...asked].join(","));
    query.set("cursor", store.cursor);
    query.set("level", store.level);
    if (store.x !== "step") query.set("x", store.x);
  }
  return `${followed.dataset.live}?${query}`;
}

function show(parts) {
  for (const [name, { html, digest }] of Object.entries(parts)) {
    digests.set(name, digest);
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part) continue; // what a viewer may not do is not on the page
    const isHeld = name === "actions" && part.contains(document.activeElement);
    if (name === "actions") unshown = isHeld ? html : null;
    if (!isHeld) renew(part, html);
  }
}

// Who stands on a button keeps it. What has come meanwhile is shown once they leave.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const part = target.closest('[data-part="actions"]');
  if (unshown === null || !part || part.contains(relatedTarget)) return;
  renew(part, unshown);
  unshown = null;
});

// What was open or had the focus has it again, where it has a name.
function renew(part, html) {
  const open = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
  htmx.trigger(part, "htmx:afterSettle"); // shows times in the reader's zone
}

async function update(store, body, asked, x) {
  const charts = document.getElementById("charts");
  if (body.stale) await store.reload();
  else if (body.curves) store.add(body, asked, x);
  if (body.version !== charts.dataset.version) await redrawAll();
}

// New metrics or alerts have come: the server knows which charts and marks they make.
async function redrawAll() {
  await htmx.ajax("GET", location.pathname + location.search, { target: "#charts", select: "#charts", swap: "outerHTML" });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) wake();
});
follow();
