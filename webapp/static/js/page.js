// What every page does: local times, dialogs opened by buttons, menus that open and close, forms that are sent once, polls
// that rest, the sheet of keyboard shortcuts.

import { pause, say } from "./net.js";

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

// htmx is silent where no answer comes, or one that says that the server failed; a press would seem to do nothing.
const ASK_AGAIN_MS = 3000;
let isLost = false;

async function awaitServer() {
  for (let answers = false; isLost && !answers; ) {
    await pause(ASK_AGAIN_MS);
    answers = await fetch("/healthz", { cache: "no-store" }).then((response) => response.ok, () => false);
  }
  if (isLost) say("Espalier answers again. What you did in between was not taken: do it once more.");
  isLost = false;
}

document.addEventListener("htmx:sendError", () => {
  say("Connection lost: nothing here changes until Espalier answers again.");
  if (!isLost) {
    isLost = true;
    awaitServer();
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  const status = event.detail.xhr.status; // 0: no answer, or none waited for any more
  if (!status) return;
  isLost = false;
  const failed = status >= 500 && status !== 503; // a 503 brings words of its own
  say(failed ? "Espalier failed. The reason stands in its web.log; what you asked for was not done." : "");
});

// A page that nobody sees asks for nothing, and what somebody marks stays as it is.
document.addEventListener("htmx:beforeRequest", (event) => {
  const polled = event.target;
  if (!polled.getAttribute("hx-trigger")?.startsWith("every")) return;
  const marked = getSelection();
  if (document.hidden || (!marked.isCollapsed && polled.contains(marked.anchorNode))) event.preventDefault();
});

document.addEventListener("htmx:afterSettle", (event) => showLocalTimes(event.target.getRootNode()));
document.addEventListener("espalier:fragment", (event) => showLocalTimes(event.target)); // put in without htmx
showLocalTimes(document);
