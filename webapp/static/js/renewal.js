// What htmx asks for and puts in, on every page: it is said when no answer comes, polls rest where nobody sees them, and
// the keyboard stays where it was.

import { pause, say } from "./net.js";

// htmx is silent where no answer comes, or one that says that the server failed; a press would seem to do nothing.
const ASK_AGAIN_MS = 3000;
let isLost = false;
let untaken = false; // somebody did something meanwhile
let isToBeRead = false; // what is said outlives the answers to polls

function isPoll(element) {
  return element.getAttribute?.("hx-trigger")?.startsWith("every") ?? false;
}

function answersAgain() {
  isToBeRead = untaken;
  say(untaken ? "Espalier answers again. What you did in between was not taken: do it once more." : "");
  isLost = untaken = false;
}

async function awaitServer() {
  for (let answers = false; isLost && !answers; ) {
    await pause(ASK_AGAIN_MS);
    answers = await fetch("/healthz", { cache: "no-store" }).then((response) => response.ok, () => false);
  }
  if (isLost) answersAgain();
}

document.addEventListener("htmx:sendError", (event) => {
  untaken ||= !isPoll(event.target);
  say("Connection lost: nothing here changes until Espalier answers again.");
  if (!isLost) {
    isLost = true;
    awaitServer();
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  const status = event.detail.xhr.status; // 0: no answer, or none waited for any more
  if (!status) return;
  const failed = status >= 500 && status !== 503; // a 503 brings words of its own
  if (failed) {
    isLost = untaken = isToBeRead = false;
    say("Espalier failed. The reason stands in its web.log; what you asked for was not done.");
  } else if (isLost) {
    answersAgain();
  } else if (!isToBeRead || !isPoll(event.target)) {
    isToBeRead = false;
    say("");
  }
});

// A page that nobody sees asks for nothing, and what somebody marks stays as it is.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isPoll(event.target)) return;
  const marked = getSelection();
  if (document.hidden || (!marked.isCollapsed && event.target.contains(marked.anchorNode))) event.preventDefault();
});

// Who stands on something that is renewed stands on the same in the new. What has an id, htmx finds again itself.
let stoodOn = null;

function keyOf(element) {
  const names = ["href", "name", "value", "aria-label"].map((name) => element.getAttribute(name));
  return JSON.stringify(names.some(Boolean) ? names : [element.textContent]);
}

function alike(tag, key) {
  return [...document.querySelectorAll(tag)].filter((each) => keyOf(each) === key);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const element = document.activeElement;
  if (element.id || element === document.body || !event.detail.target.contains(element)) return;
  const [tag, key] = [element.tagName, keyOf(element)];
  stoodOn = { tag, key, place: alike(tag, key).indexOf(element) };
});
document.addEventListener("htmx:afterSwap", () => {
  if (stoodOn && document.activeElement === document.body) {
    const same = alike(stoodOn.tag, stoodOn.key);
    (same[stoodOn.place] ?? same.at(-1))?.focus({ preventScroll: true });
  }
  stoodOn = null;
});
