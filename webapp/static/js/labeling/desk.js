// <label-desk>: a labeler's day. One item after another, by keys or by hand; whatever is entered is saved as a draft,
// and a label is kept in this browser until the server has it.

import { Drafts } from "./drafts.js";
import { isTyping, keysNow, meanings, singleKeysAreOn } from "./keys.js";
import { connectKeysDialog } from "./keys-dialog.js";
import { say } from "./label-form.js";
import { Outbox } from "./outbox.js";
import { OutboxNotice } from "./outbox-notice.js";
import { remember } from "./preferences.js";
import { get, post } from "./server.js";
import { Stopwatch } from "./stopwatch.js";

const GUIDELINES = "labeling-guidelines";
const FOLDED_PROMPT = "labeling-prompt-folded";
const SHOWN_MS = 5000;

class LabelDesk extends HTMLElement {
  #form = null; // the item's form, if there is an item
  #answer = null; // its <label-form>
  #drafts = null;
  #stopwatch = null;
  #clientId = "";
  #isBusy = false;
  #saidTimer = 0;
  #compared = ""; // what the open comparison asked for last

  connectedCallback() {
    this.place = this.querySelector("[data-place]");
    this.trouble = this.querySelector("[data-trouble]");
    this.outbox = new Outbox(this.dataset.user, (entry) => entry.address === this.#address, (entry, answer) => this.#onStored(entry, answer));
    new OutboxNotice(this.querySelector("[data-outbox]"), this.outbox, () => this.#next());
    this.commands = {
      skip: () => this.#form && this.#open("skip-dialog"), flag: () => this.#form && this.#open("flag-dialog"),
      undo: () => this.#undo(), difference: () => this.#form && this.#openDifference(),
      guidelines: () => this.#toggleGuidelines(), fold: () => this.#answer?.foldAll(true),
      unfold: () => this.#answer?.foldAll(false), keys: () => this.#open("keys-dialog"), prompt: () => this.#foldPrompt(),
    };
    this.#listen();
    this.#begin();
    this.outbox.flush();
  }

  get #address() {
    return this.#form?.getAttribute("action") ?? "";
  }

  #listen() {
    document.addEventListener("keydown", (event) => this.#onKey(event));
    addEventListener("resize", () => this.#makeRoom());
    document.addEventListener("label-said", (event) => this.#showSaid(event.detail));
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.commands[button.dataset.do]();
    });
    this.addEventListener("submit", (event) => this.#onSubmit(event));
    this.addEventListener("label-change", () => this.#drafts?.changed());
    this.addEventListener("input", (event) => event.target.name === "comment" && event.target.form === this.#form && this.#drafts?.changed());
    this.querySelector("#difference-dialog").addEventListener("change", () => this.#compare());
    connectKeysDialog(this.querySelector("#keys-dialog"), () => this.#showKeys());
    const guidelines = this.querySelector("#guidelines");
    if (guidelines && localStorage.getItem(GUIDELINES)) guidelines.open = localStorage.getItem(GUIDELINES) === "open";
    guidelines?.addEventListener("toggle", () => remember(GUIDELINES, guidelines.open ? "open" : "closed"));
  }

  // Takes up what stands in the place now: an item, or something that ends.
  #begin() {
    this.#drafts?.stop();
    this.#stopwatch?.stop();
    this.#setBusy(false);
    this.#form = this.place.querySelector("[data-item]");
    this.#answer = this.#form?.querySelector("label-form") ?? null;
    this.#drafts = this.#stopwatch = null;
    this.querySelector(".page-head [data-do=undo]").disabled = !this.place.querySelector("[data-may-undo]");
    this.querySelector(".page-head [data-do=difference]").hidden = !(this.#answer?.cards.length > 1);
    if (this.#form) {
      this.#form.noValidate = true; // what is missing is said in our own words
      this.#clientId = newId();
      this.#stopwatch = new Stopwatch(Number(this.#form.dataset.seconds));
      this.#drafts = new Drafts(this.#form, () => this.#entered(), (sentence) => this.#tellTrouble({ refused: sentence }));
      this.#showPrompt();
    }
    this.#showKeys();
  }

  #entered() {
    return { value: this.#answer.value, comment: this.#form.elements.comment.value, seconds: this.#stopwatch.seconds };
  }

  #show(html, words) {
    this.place.innerHTML = html;
    this.trouble.hidden = true;
    this.#begin();
    this.place.dispatchEvent(new CustomEvent("espalier:fragment", { bubbles: true }));
    scrollTo({ top: 0 });
    this.place.querySelector("[data-start]")?.focus({ preventScroll: true });
    say(words ?? (this.#form ? "Next item" : this.place.querySelector("[data-start]").textContent));
  }

  #onSubmit(event) {
    const form = event.target;
    event.preventDefault();
    if (form === this.#form) this.#submit();
    else if ("next" in form.dataset) this.#next();
    else if (form.dataset.reasonFor === "skip") this.#skip(form);
    else if (form.dataset.reasonFor === "flag") this.#flag(form);
    else if ("reviewed" in form.dataset) {
      form.closest("dialog").close();
      this.#submit({ isReviewed: true });
    }
  }

  #submit({ isReviewed = false } = {}) {
    if (!this.#form || this.#isBusy) return;
    if (this.#answer.missing) {
      say(this.#answer.missing);
    } else if (this.#answer.isAsShown && !isReviewed) {
      this.querySelector("[data-review-order]").textContent = this.#answer.order;
      this.#open("review-dialog");
    } else {
      const label = { client_id: this.#clientId, ...this.#entered() };
      this.#drafts.stop();
      this.#setBusy(true);
      this.outbox.add(this.#address, label);
    }
  }

  #onStored(entry, answer) {
    if (entry.address !== this.#address) return;
    if (answer.ok) this.#show(answer.html);
    else this.#setBusy(false);
  }

  async #next() {
    await this.#ask(() => post(this.dataset.next, {}));
  }

  async #undo() {
    if (this.outbox.waiting.length) return say("Your last label still waits for the connection.");
    return this.#ask(async () => {
      await this.#drafts?.settle();
      return post(this.dataset.undo, {});
    }, "Your last label is taken back. Change it and submit it again.");
  }

  async #skip(form) {
    form.closest("dialog").close();
    await this.#ask(() => post(this.#form.dataset.skip, reasonOf(form)), "Skipped. Next item");
    form.reset();
  }

  async #flag(form) {
    form.closest("dialog").close();
    const answer = await post(this.#form.dataset.flag, reasonOf(form), { as: "json" });
    if (!answer.ok) return this.#tellTrouble(answer);
    const words = form.querySelector(":checked").closest("label").textContent.trim();
    form.reset();
    return say(`Flagged: ${words}. You can still label or skip it.`);
  }

  // Something whose answer takes the place of what lies on the desk; once at a time.
  async #ask(work, words) {
    if (this.#isBusy) return;
    this.#setBusy(true);
    const answer = await work();
    this.#setBusy(false);
    if (answer.ok) this.#show(answer.html, words);
    else this.#tellTrouble(answer);
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    this.place.inert = isBusy;
    this.place.classList.toggle("is-busy", isBusy);
  }

  #tellTrouble(answer) {
    const lost = "There is no connection. Nothing is lost; try again in a moment.";
    const loggedOut = "You are logged out. Log in again in another tab, then go on here.";
    this.trouble.querySelector("p").textContent = answer.refused ?? (answer.lost ? lost : loggedOut);
    this.trouble.querySelector("a").hidden = !answer.loggedOut;
    this.trouble.hidden = false;
    say(this.trouble.querySelector("p").textContent);
  }

  #onKey(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open], details.menu[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!event.repeat) this.place.querySelector("form")?.requestSubmit();
    } else if (!isTyping(event.target)) {
      if (this.#actOn(event)) event.preventDefault();
    }
  }

  #actOn(event) {
    const isPlain = !event.shiftKey && !event.altKey;
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && isPlain) {
      if (!event.repeat) this.#undo();
      return true;
    }
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by && event.altKey && this.#answer?.mode === "ranking") {
      if (this.#answer.current) this.#answer.move(this.#answer.current, by);
      else say("First choose a response by its letter.");
      return true;
    }
    if (event.repeat || this.#isBusy) return false;
    return meanings(event, this.#answer?.mode).some((action) => {
      if (!(action in this.commands)) return this.#answer.press(action);
      this.commands[action]();
      return true;
    });
  }

  #open(id) {
    this.querySelector(`#${id}`).showModal();
  }

  #openDifference() {
    const { cards, current } = this.#answer;
    if (cards.length < 2) return say("There is only one response.");
    const [left, right] = this.querySelectorAll("#difference-dialog select");
    for (const list of [left, right]) {
      list.replaceChildren(...cards.map((card) => new Option(card.dataset.letter, card.dataset.handle)));
    }
    left.value = current ?? cards[0].dataset.handle;
    right.value = (cards.find((card) => card.dataset.handle !== left.value && left.value !== cards[0].dataset.handle) ?? cards[1]).dataset.handle;
    this.#open("difference-dialog");
    return this.#compare();
  }

  async #compare() {
    const dialog = this.querySelector("#difference-dialog");
    const [left, right] = [...dialog.querySelectorAll("select")].map((list) => list.value);
    const asked = `${this.#form.dataset.difference}?${new URLSearchParams({ left, right })}`;
    this.#compared = asked;
    const answer = await get(asked);
    if (asked !== this.#compared) return; // others were chosen meanwhile
    const body = dialog.querySelector("[data-comparison]");
    if (answer.ok) body.innerHTML = answer.html;
    else body.textContent = answer.refused ?? "There is no connection. Close this and try again.";
  }

  #toggleGuidelines() {
    const guidelines = this.querySelector("#guidelines");
    if (!guidelines) return say("This project has no guidelines.");
    guidelines.open = !guidelines.open;
    guidelines.querySelector("summary").focus();
    return true;
  }

  #foldPrompt() {
    remember(FOLDED_PROMPT, localStorage.getItem(FOLDED_PROMPT) === "yes" ? "no" : "yes");
    this.#showPrompt();
  }

  #showPrompt() {
    const button = this.#form.querySelector("[data-do=prompt]");
    const isFolded = localStorage.getItem(FOLDED_PROMPT) === "yes";
    button.hidden = false;
    button.textContent = isFolded ? "Unfold" : "Fold";
    button.setAttribute("aria-expanded", String(!isFolded));
    button.closest(".asked").classList.toggle("is-folded", isFolded);
    this.#makeRoom();
  }

  // What sticks to the top hides nothing that gets the focus, and the ranking keeps clear of it.
  #makeRoom() {
    const asked = this.place.querySelector(".asked");
    const isSticky = asked && getComputedStyle(asked).position === "sticky";
    const above = document.querySelector(".topbar").offsetHeight + (isSticky ? asked.offsetHeight : 0) + 12;
    document.documentElement.style.setProperty("--above", `${above}px`);
  }

  // Writes the keys as they are now beside what they do. Where a response has a command's letter, Shift is needed.
  #showKeys() {
    const keys = keysNow();
    const cards = this.#answer && this.#answer.mode !== "pairwise" ? this.#answer.cards : [];
    const letters = new Set(cards.map((card) => keys[`card_${card.dataset.letter.toLowerCase()}`]));
    for (const hint of document.querySelectorAll("[data-key-of]")) {
      const key = keys[hint.dataset.keyOf];
      const isCommand = hint.dataset.keyOf in this.commands;
      hint.textContent = isCommand && letters.has(key) ? `Shift ${key}` : key;
      hint.hidden = !singleKeysAreOn();
    }
  }

  #showSaid(text) {
    const place = this.querySelector("[data-said]");
    if (!place) return;
    place.textContent = text;
    clearTimeout(this.#saidTimer);
    this.#saidTimer = setTimeout(() => { place.textContent = ""; }, SHOWN_MS);
  }
}

function reasonOf(form) {
  return { reason: form.elements.reason.value, comment: form.elements.comment.value };
}

// A UUID; crypto.randomUUID is not there on a plain http address.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

customElements.define("label-desk", LabelDesk);
