// The dialog in which keys are changed: press one for an action. A key that is taken is refused.

import { ACTIONS, giveKey, keysNow, resetKeys, singleKey, singleKeysAreOn, switchSingleKeys } from "./keys.js";

const TITLES = { pair: "Pairs", command: "Everywhere", cards: "Rankings, ratings and steps" };

// Fills the dialog and calls `onChange` after every change.
export function connectKeysDialog(dialog, onChange) {
  const list = dialog.querySelector("[data-keys]");
  const note = dialog.querySelector("[data-keys-note]");
  const box = dialog.querySelector("[data-keys-on]");

  function show() {
    const keys = keysNow();
    box.checked = singleKeysAreOn();
    list.replaceChildren(...Object.entries(ACTIONS).map(([place, actions]) => group(TITLES[place], actions, keys)));
  }

  function onKey(event) {
    const field = event.target.closest("[data-action]");
    const key = field && singleKey(event);
    if (!key) return;
    event.preventDefault();
    event.stopPropagation();
    const taken = key === "?" ? "the sheet of shortcuts" : giveKey(field.dataset.action, key);
    field.value = keysNow()[field.dataset.action];
    field.setAttribute("aria-invalid", String(Boolean(taken)));
    note.textContent = taken ? `“${key}” is taken by: ${taken}. Give that another key first.` : `${field.dataset.words}: ${key}`;
    onChange();
  }

  dialog.addEventListener("keydown", onKey);
  box.addEventListener("change", () => {
    switchSingleKeys(box.checked);
    onChange();
  });
  dialog.querySelector("[data-keys-reset]").addEventListener("click", () => {
    resetKeys();
    show();
    note.textContent = "All keys are as they were at first.";
    onChange();
  });
  show();
}

function group(title, actions, keys) {
  const made = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = title;
  made.append(legend);
  for (const [name, words] of actions) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    Object.assign(field, { value: keys[name], readOnly: true, size: 2 });
    field.dataset.action = name;
    field.dataset.words = words;
    label.append(field, ` ${words}`);
    made.append(label);
  }
  return made;
}
