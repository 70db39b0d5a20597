// Saves what is entered, soon after each change, and says when it did. While the labeler is active it is saved now and
// then without a change too, which keeps the reservation.

import { post } from "./server.js";

const SOON_MS = 500;
const AGAIN_MS = 5000;

export class Drafts {
  #form;
  #read;
  #words;
  #timer = 0;
  #isDirty = false;
  #isActive = false;
  #keeper;
  #over = false;
  #saving = Promise.resolve();

  // `read()` gives {value, comment, seconds}; `onRefused(sentence)` is told when the item is no longer to be had.
  constructor(form, read, onRefused) {
    this.#form = form;
    this.#read = read;
    this.onRefused = onRefused;
    this.#words = form.querySelector("[data-saved-words]");
    if (form.dataset.saved) this.#say(new Date(form.dataset.saved));
    this.#keeper = setInterval(() => this.#keepReservation(), (Number(form.dataset.minutes) * 60_000) / 3);
    for (const kind of ["pointermove", "keydown", "scroll"]) addEventListener(kind, this, { passive: true });
    document.addEventListener("visibilitychange", this);
  }

  handleEvent(event) {
    if (event.type !== "visibilitychange") this.#isActive = true;
    else if (document.hidden && this.#isDirty) this.save({ keepalive: true });
  }

  changed() {
    this.#isDirty = true;
    this.#later(SOON_MS);
  }

  // Saves now what is not saved yet, and waits for what is on its way.
  async settle() {
    await (this.#isDirty ? this.save() : this.#saving);
  }

  // One after the other, so that an older draft never lands on a newer one; as the page goes there is no time to wait.
  save({ keepalive = false } = {}) {
    clearTimeout(this.#timer);
    this.#isDirty = false;
    if (keepalive) return this.#send(keepalive);
    this.#saving = this.#saving.then(() => !this.#over && this.#send(keepalive));
    return this.#saving;
  }

  async #send(keepalive) {
    const answer = await post(this.#form.dataset.draft, this.#read(), { as: "json", keepalive });
    if (this.#over) return;
    if (answer.ok) {
      this.#say(new Date(answer.body.saved_at));
    } else if (answer.refused) {
      this.stop();
      this.#words.textContent = "Not saved";
      this.onRefused(answer.refused);
    } else {
      this.#isDirty = true;
      this.#words.textContent = answer.loggedOut ? "Not saved: you are logged out" : "Not saved yet: no connection";
      this.#later(AGAIN_MS);
    }
  }

  stop() {
    this.#over = true;
    clearTimeout(this.#timer);
    clearInterval(this.#keeper);
    for (const kind of ["pointermove", "keydown", "scroll"]) removeEventListener(kind, this);
    document.removeEventListener("visibilitychange", this);
  }

  #keepReservation() {
    if (!this.#isActive || document.hidden) return;
    this.#isActive = false;
    this.save();
  }

  #later(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  #say(moment) {
    this.#words.textContent = `Saved ${moment.toLocaleTimeString(undefined, { hour12: false })}`;
  }
}
