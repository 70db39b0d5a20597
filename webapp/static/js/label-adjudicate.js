// Adjudication: the keys of the desk enter a label, Ctrl+Enter decides, o shows who wrote what. j, k, u and w are keys of
// links, buttons and the comment.

import { ACTIONS, keysNow } from "./labeling/keys.js";
import "./labeling/label-form.js";
import { singleKeysWork } from "./rollouts.js";

const form = document.querySelector("[data-decide]");
const label = form?.querySelector("label-form");
const isClosed = form?.querySelector("fieldset")?.disabled ?? true;
const shownAt = performance.now();

function decide(event) {
  event.preventDefault();
  const button = form?.querySelector("button.primary");
  if (button && !button.disabled) form.requestSubmit(button);
}

// What a key enters in this label: a choice between two, a response by its letter, a rank or points by a digit.
function enter(key) {
  if (isClosed || !label) return false;
  const keys = keysNow();
  const place = label.mode === "pairwise" ? ACTIONS.pair : ACTIONS.cards;
  return place.some(([action]) => keys[action] === key && label.press(action));
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) decide(event);
  else if (singleKeysWork(event)) {
    const origins = document.querySelector("[data-origins]");
    if (enter(event.key)) event.preventDefault();
    else if (event.key === "o" && origins) origins.open = !origins.open;
  }
});

form?.addEventListener("submit", () => {
  form.elements.seconds.value = ((performance.now() - shownAt) / 1000).toFixed(1);
});
