// <label-form>: responses and the fields in which a label is entered. Reads and changes the value, acts on keys, folds
// long texts, and says what changed. The fields are plain ones: any <form> around it may be sent without this script.
// Fires "label-change" (bubbling) after every change.

import { remember } from "./preferences.js";
import { groupsOf, isAsShown, moved } from "./ranks.js";
import { RankList } from "./rank-list.js";

const LONG = 700; // characters from which a text can be folded
const FOLDED = "labeling-folded";

class LabelForm extends HTMLElement {
  connectedCallback() {
    this.current = null;
    this.cards = [...this.querySelectorAll(".card")];
    this.addEventListener("change", () => this.#changed());
    this.addEventListener("focusin", (event) => this.#noteCurrent(event.target));
    this.addEventListener("pointerdown", (event) => this.#noteCurrent(event.target));
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-fold]");
      if (button) this.#fold(button.closest(".card"), button.getAttribute("aria-expanded") === "true");
    });
    for (const card of this.cards) {
      card.querySelector("[data-fold]").hidden = card.querySelector(".card-text").textContent.length < LONG;
    }
    this.foldAll(localStorage.getItem(FOLDED) === "yes");
  }

  get mode() {
    return this.dataset.mode;
  }

  get handles() {
    return this.cards.map((card) => card.dataset.handle);
  }

  letterOf(handle) {
    return this.#card(handle).dataset.letter;
  }

  textOf(handle) {
    return this.#card(handle).querySelector(".card-text").textContent;
  }

  // The label as the server takes it; what is not answered yet is missing in it.
  get value() {
    if (this.mode === "pairwise") return this.#checked("choice") ? { choice: this.#checked("choice") } : {};
    if (this.mode === "ranking") return { ranks: Object.fromEntries(this.ranks) };
    if (this.mode === "tree_step") {
      const best = this.#checked("best");
      return best ? { best: best === "none" ? null : best } : {};
    }
    return { ratings: Object.fromEntries(this.cards.map((card) => [card.dataset.handle, this.#points(card)])) };
  }

  get missing() {
    if (this.mode === "pairwise" && !this.#checked("choice")) return "Choose which response is better first.";
    if (this.mode === "tree_step" && !this.#checked("best")) return "Choose the step that goes on best, or none, first.";
    const open = this.#openCriterion();
    return open ? `Rate response ${open.closest(".card").dataset.letter}: ${words(open)}.` : "";
  }

  get isAsShown() {
    return this.mode === "ranking" && isAsShown(this.ranks);
  }

  get order() {
    return groupsOf(this.ranks).map((group) => group.map((handle) => this.letterOf(handle)).join(" = ")).join(", ");
  }

  get ranks() {
    return new Map(this.cards.map((card) => [card.dataset.handle, Number(this.#select(card).value)]));
  }

  rerank(handle, ranks) {
    for (const card of this.cards) this.#select(card).value = String(ranks.get(card.dataset.handle));
    this.#changed();
    const groups = groupsOf(this.ranks);
    const at = groups.findIndex((group) => group.includes(handle));
    say(`Response ${this.letterOf(handle)} moved to ${at + 1} of ${groups.length}${this.#tiesOf(handle)}`);
  }

  move(handle, by) {
    this.focusCard(handle, { keepFocus: true });
    this.rerank(handle, moved(this.ranks, handle, by));
  }

  focusCard(handle, { keepFocus = false } = {}) {
    this.current = handle;
    for (const card of this.cards) card.classList.toggle("is-current", card.dataset.handle === handle);
    if (keepFocus) return;
    const card = this.#card(handle);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: isInSight(card) ? "nearest" : "start" });
  }

  foldAll(folded) {
    for (const card of this.cards) this.#fold(card, folded);
    remember(FOLDED, folded ? "yes" : "no");
  }

  // Acts on "card_a" … "card_i", "digit_0" … "digit_9", or one of the choices of a pair; false when it means nothing.
  press(action) {
    const [kind, key] = action.split("_");
    if (this.mode === "pairwise") return this.#choose("choice", action);
    if (kind === "card") return this.#pressLetter(key.charCodeAt(0) - "a".charCodeAt(0));
    if (kind !== "digit") return false;
    if (this.mode === "ranking") return this.#pressRank(Number(key));
    if (this.mode === "rating") return this.#pressPoints(Number(key));
    return key === "0" ? this.#choose("best", "none") : this.#pressLetter(Number(key) - 1);
  }

  #pressLetter(place) {
    const card = this.cards[place];
    if (!card) return false;
    this.focusCard(card.dataset.handle);
    if (this.mode === "tree_step") this.#choose("best", card.dataset.handle);
    if (this.mode === "rating") (this.#openCriterion(card) ?? card.querySelector(".points"))?.querySelector("input").focus();
    return true;
  }

  #pressRank(rank) {
    if (!this.current) return say("First choose a response by its letter.");
    if (rank < 1 || rank > this.cards.length) return say(`Ranks go from 1 to ${this.cards.length}.`);
    this.#select(this.#card(this.current)).value = String(rank);
    this.#changed();
    return say(`Response ${this.letterOf(this.current)} has rank ${rank}${this.#tiesOf(this.current)}`);
  }

  // Points for the criterion that has the focus, else for the first that is open; then on to the next open one.
  #pressPoints(digit) {
    const here = document.activeElement.closest(".points") ?? this.#openCriterion(this.current && this.#card(this.current));
    if (!here) return say("Choose a response by its letter to rate it anew.");
    const wanted = [...here.querySelectorAll("input")].find((each) => each.value === String(digit))
      ?? (digit === 0 ? here.querySelector('input[value="10"]') : null);
    if (!wanted) return say(`${words(here)} has no ${digit}.`);
    this.focusCard(here.closest(".card").dataset.handle, { keepFocus: true });
    wanted.click();
    const next = this.#openCriterion(here.closest(".card")) ?? this.#openCriterion();
    (next?.querySelector("input") ?? wanted).focus();
    return true;
  }

  #choose(name, value) {
    const field = this.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]`);
    if (!field) return false;
    field.click();
    field.focus();
    return true;
  }

  #openCriterion(card = null) {
    return [...(card ?? this).querySelectorAll(".points")].find((each) => !each.querySelector(":checked")) ?? null;
  }

  #points(card) {
    const given = {};
    for (const each of card.querySelectorAll(".points")) {
      const chosen = each.querySelector(":checked");
      if (chosen) given[each.dataset.criterion] = Number(chosen.value);
    }
    return given;
  }

  #fold(card, folded) {
    const button = card.querySelector("[data-fold]");
    if (button.hidden) return;
    card.classList.toggle("is-folded", folded);
    button.setAttribute("aria-expanded", String(!folded));
    button.textContent = folded ? "Unfold" : "Fold";
  }

  #tiesOf(handle) {
    const { ranks } = this;
    const others = this.handles.filter((each) => each !== handle && ranks.get(each) === ranks.get(handle));
    return others.length ? `, tied with ${others.map((each) => this.letterOf(each)).join(" and ")}` : "";
  }

  #noteCurrent(target) {
    const handle = target.closest("[data-handle]")?.dataset.handle;
    if (handle && handle !== this.current) this.focusCard(handle, { keepFocus: true });
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("label-change", { bubbles: true }));
  }

  #card(handle) {
    return this.cards.find((card) => card.dataset.handle === handle);
  }

  #select(card) {
    return card.querySelector("select");
  }

  #checked(name) {
    return this.querySelector(`input[name="${name}"]:checked`)?.value;
  }
}

// Whether a card fits between what sticks to the top and to the bottom; one that does not is shown from its beginning.
function isInSight(card) {
  const { scrollPaddingTop, scrollPaddingBottom } = getComputedStyle(document.documentElement);
  const { top, bottom } = card.getBoundingClientRect();
  return top >= parseFloat(scrollPaddingTop) && bottom <= innerHeight - parseFloat(scrollPaddingBottom);
}

function words(criterion) {
  return criterion.querySelector("legend").firstChild.textContent.trim();
}

// Said to those who listen and shown to those who look, for a moment; true, so that a key counts as acted on.
export function say(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  requestAnimationFrame(() => { announcer.textContent = text; });
  document.dispatchEvent(new CustomEvent("label-said", { detail: text }));
  return true;
}

customElements.define("label-form", LabelForm);
customElements.define("rank-list", RankList); // after the form, which it asks as soon as it is there
