// What every page does: local times, dialogs opened by buttons, menus that open and close, forms that are sent once, the
// sheet of keyboard shortcuts.

import "./renewal.js";

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    time.dataset.local = "";
  }
}

function isTyping(target) {
  return target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;
}

// The navigation's groups, and the whole of it where there is little room. One inside another leaves the outer open.
function foldAll(but) {
  for (const button of document.querySelectorAll('[data-expands][aria-expanded="true"]')) {
    if (button !== but && !document.getElementById(button.getAttribute("aria-controls")).contains(but)) {
      button.setAttribute("aria-expanded", "false");
    }
  }
}

document.addEventListener("click", (event) => {
  const folder = event.target.closest("[data-expands]");
  foldAll(folder ?? event.target);
  folder?.setAttribute("aria-expanded", String(folder.getAttribute("aria-expanded") === "false"));
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
  const closer = event.target.closest("[data-close-dialog]");
  if (closer) closer.closest("dialog")?.close();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = document.querySelector('[data-expands][aria-expanded="true"]');
    const within = open && document.getElementById(open.getAttribute("aria-controls")).contains(document.activeElement);
    foldAll(null);
    if (within) open.focus();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  if (event.key === "?" && !isTyping(event.target) && !document.querySelector("dialog[open]")) {
    document.getElementById("shortcuts")?.showModal();
  }
});

// Who leaves a group by the keyboard leaves it closed behind them.
document.addEventListener("focusin", (event) => foldAll(event.target));

// A double click is one press: what a form sends a second time at once would be refused, since the first has done it.
const TWICE_MS = 1000;
let sent = { form: null, at: 0 };

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.getAttribute("method")?.toLowerCase() !== "post") return;
  if (event.target === sent.form && event.timeStamp - sent.at < TWICE_MS) event.preventDefault();
  else sent = { form: event.target, at: event.timeStamp };
});

document.addEventListener("htmx:afterSettle", (event) => showLocalTimes(event.target.getRootNode()));
document.addEventListener("espalier:fragment", (event) => showLocalTimes(event.target)); // put in without htmx
showLocalTimes(document);
