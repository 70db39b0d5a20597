// What pages of rollouts share: single keys that follow links, a switch to turn them off, and forms that send only
// what is filled in, so that addresses stay short.

const SETTING = "single-keys";

export function singleKeysWork(event) {
  if (localStorage.getItem(SETTING) === "off") return false;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  return !event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function follow(event) {
  if (!singleKeysWork(event)) return;
  const dialog = document.querySelector("dialog[open]");
  for (const target of (dialog ?? document).querySelectorAll("[data-key]")) {
    if (target.dataset.key !== event.key) continue;
    event.preventDefault();
    if (target.matches("a, button")) target.click();
    else target.focus();
    return;
  }
}

function dropEmpty(event) {
  if (!event.target.matches("form[data-drop-empty]")) return;
  const empty = [...event.target.elements].filter((field) => field.name && field.value === "");
  for (const field of empty) field.disabled = true;
  setTimeout(() => empty.forEach((field) => { field.disabled = false; }));
}

if (!window.espalierKeys) {
  window.espalierKeys = true; // a drawer may load this module again
  document.addEventListener("keydown", follow);
  document.addEventListener("submit", dropEmpty);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-single-keys]")) localStorage.setItem(SETTING, event.target.checked ? "on" : "off");
  });
}
for (const box of document.querySelectorAll("[data-single-keys]")) box.checked = localStorage.getItem(SETTING) !== "off";
