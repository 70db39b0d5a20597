// Adjudication: digits choose, Ctrl+Enter decides, o shows who wrote what. j, k, u and c are keys of links and buttons.

import { singleKeysWork } from "./rollouts.js";

const DIGITS = { 1: "left_clearly", 2: "left_slightly", 3: "tie", 4: "right_slightly", 5: "right_clearly", 9: "both_good", 0: "both_bad" };

const form = document.querySelector("[data-decide]");
const shownAt = performance.now();

function decide(event) {
  event.preventDefault();
  const button = form?.querySelector("button.primary");
  if (button && !button.disabled) form.requestSubmit(button);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
    decide(event);
    return;
  }
  if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
  const origins = document.querySelector("[data-origins]");
  const choice = form?.querySelector(`input[name=choice][value="${DIGITS[event.key]}"]`);
  if (event.key === "o" && origins) origins.open = !origins.open;
  else if (choice && !choice.matches(":disabled")) {
    choice.checked = true;
    choice.focus();
  } else return;
  event.preventDefault();
});

form?.addEventListener("submit", () => {
  form.elements.seconds.value = ((performance.now() - shownAt) / 1000).toFixed(1);
});
