// <rank-list>: the ranking of a <label-form>, best first, ties on one line. Buttons move a response, dragging puts it
// between lines or onto one. It shows what the form says and asks it for every change.

import { alone, groupsOf, moved, tied } from "./ranks.js";

const EDGE = 0.28; // of a line's height: nearer to its edge, a response is dropped beside the line, not onto it
const DRAGGED_FROM = 4; // pixels

export class RankList extends HTMLElement {
  #form;
  #drag = null;

  connectedCallback() {
    this.#form = this.closest("label-form");
    this.hidden = false;
    this.addEventListener("click", (event) => this.#onClick(event));
    this.addEventListener("pointerdown", (event) => this.#onDown(event));
    this.addEventListener("pointermove", (event) => this.#onMove(event));
    this.addEventListener("pointerup", () => this.#drop());
    this.addEventListener("pointercancel", () => this.#stop());
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.#stop());
    this.#form.addEventListener("label-change", () => this.show());
    this.show();
  }

  show() {
    const held = this.contains(document.activeElement) ? document.activeElement.closest("[data-move]") : null;
    const ranks = this.#form.ranks;
    const title = element("h3", {}, "Ranking");
    const hint = element("p", { className: "help" }, "Best first. Drag, use the arrows, or give a rank; the same rank ties.");
    const list = element("ol", { className: "places" });
    for (const group of groupsOf(ranks)) list.append(this.#place(group, ranks.get(group[0])));
    this.replaceChildren(title, hint, list);
    if (held) this.querySelector(`[data-handle="${held.closest("[data-handle]").dataset.handle}"] [data-move="${held.dataset.move}"]`)?.focus();
  }

  #place(group, rank) {
    const place = element("li", { className: group.length > 1 ? "place is-tie" : "place" });
    const number = element("span", { className: "number" }, String(rank));
    number.prepend(element("span", { className: "visually-hidden" }, "Rank "));
    place.append(number);
    const chips = element("ul", { className: "chips" });
    chips.setAttribute("aria-label", group.length > 1 ? `Tied at rank ${rank}` : `Rank ${rank}`);
    for (const handle of group) chips.append(this.#chip(handle));
    place.append(chips);
    if (group.length > 1) place.append(element("span", { className: "badge info" }, "= tie"));
    return place;
  }

  #chip(handle) {
    const letter = this.#form.letterOf(handle);
    const chip = element("li", { className: "chip" });
    chip.dataset.handle = handle;
    const grip = element("span", { className: "grip" }, "⠿");
    grip.setAttribute("aria-hidden", "true");
    const name = element("span", { className: "letter" }, letter);
    const words = element("span", { className: "clip soft small" }, this.#form.textOf(handle).trim().slice(0, 80));
    words.setAttribute("aria-hidden", "true");
    chip.append(grip, name, words, mover(letter, "up", "▲"), mover(letter, "down", "▼"));
    return chip;
  }

  #onClick(event) {
    const button = event.target.closest("[data-move]");
    const handle = event.target.closest("[data-handle]")?.dataset.handle;
    if (button) this.#form.move(handle, button.dataset.move === "up" ? -1 : 1);
    else if (handle) this.#form.focusCard(handle, { keepFocus: true });
  }

  #onDown(event) {
    const chip = event.target.closest(".chip");
    const byHand = event.pointerType === "mouse" ? event.button === 0 : event.target.closest(".grip");
    if (!chip || !byHand || event.target.closest("button")) return;
    this.#drag = { chip, handle: chip.dataset.handle, pointer: event.pointerId, y: event.clientY, moving: false, change: null };
    if (event.pointerType !== "mouse") event.preventDefault();
  }

  #onMove(event) {
    const drag = this.#drag;
    if (!drag || event.pointerId !== drag.pointer) return;
    if (!drag.moving && Math.abs(event.clientY - drag.y) < DRAGGED_FROM) return;
    if (!drag.moving) this.setPointerCapture(drag.pointer);
    drag.moving = true;
    drag.chip.classList.add("is-dragged");
    drag.chip.style.translate = `0 ${event.clientY - drag.y}px`;
    this.#aim(event.clientY);
  }

  // What dropping here would do, shown as a line between places or a frame around one.
  #aim(y) {
    const places = [...this.querySelectorAll(".place")];
    this.#unmark();
    const boxes = places.map((place) => place.getBoundingClientRect());
    let at = boxes.findIndex((box) => y < box.bottom);
    if (at < 0) at = places.length - 1;
    const share = (y - boxes[at].top) / boxes[at].height;
    const { handle } = this.#drag;
    if (share < EDGE) this.#mark(places[at], "drop-before", (ranks) => alone(ranks, handle, at));
    else if (share > 1 - EDGE) this.#mark(places[at], "drop-after", (ranks) => alone(ranks, handle, at + 1));
    else this.#mark(places[at], "drop-on", (ranks) => tied(ranks, handle, at));
  }

  #mark(place, mark, change) {
    place.classList.add(mark);
    this.#drag.change = change;
  }

  #unmark() {
    for (const place of this.querySelectorAll(".place")) place.classList.remove("drop-before", "drop-after", "drop-on");
  }

  #drop() {
    const drag = this.#drag;
    this.#stop();
    if (drag?.change) this.#form.rerank(drag.handle, drag.change(this.#form.ranks));
  }

  #stop() {
    if (!this.#drag) return;
    this.#drag.chip.classList.remove("is-dragged");
    this.#drag.chip.style.translate = "";
    this.#unmark();
    this.#drag = null;
  }
}

function mover(letter, to, sign) {
  const button = element("button", { type: "button", className: "quiet small" }, sign);
  button.dataset.move = to;
  button.setAttribute("aria-label", `Move response ${letter} ${to}`);
  return button;
}

function element(name, properties, text = "") {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text;
  return made;
}
