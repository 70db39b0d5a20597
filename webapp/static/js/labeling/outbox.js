// Labels on their way to the server, kept in this browser until it says that it has them. Sent as often as it takes:
// the same client_id is the same label. A label that the server refuses stays, with the reason, until it is discarded.
// Fires "change" when what waits, or why, changes.

import { post } from "./server.js";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export class Outbox extends EventTarget {
  #key;
  #timer = 0;
  #wait = FIRST_WAIT_MS;
  #sending = false;
  #unkept = []; // what this browser has no room for: it lasts as long as the page

  // `onStored(entry, answer)` is called when a label is in. `isHere(entry)`: whether its answer will be shown.
  constructor(user, isHere, onStored) {
    super();
    this.#key = `labeling-outbox-${user}`;
    this.isHere = isHere;
    this.onStored = onStored;
    this.isLoggedOut = false;
    addEventListener("online", () => this.flush());
    addEventListener("focus", () => this.waiting.length && this.flush());
    addEventListener("storage", (event) => event.key === this.#key && this.#tell());
  }

  get entries() {
    return [...this.#kept.filter((entry) => !this.#unkept.some((other) => same(entry, other))), ...this.#unkept];
  }

  get isFull() {
    return this.#unkept.length > 0;
  }

  get #kept() {
    try {
      return JSON.parse(localStorage.getItem(this.#key)) ?? [];
    } catch {
      return [];
    }
  }

  get waiting() {
    return this.entries.filter((entry) => !entry.refused);
  }

  get refused() {
    return this.entries.filter((entry) => entry.refused);
  }

  // A label for `address`; it is kept before it is sent.
  add(address, label) {
    this.#keep([...this.entries, { address, label }]);
    return this.flush();
  }

  discard(entry) {
    this.#remove(entry);
    this.#tell();
  }

  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    for (let entry = this.waiting[0]; entry; entry = this.waiting[0]) {
      const answer = await this.#send(entry);
      if (answer.lost || answer.loggedOut) {
        this.isLoggedOut = Boolean(answer.loggedOut);
        this.#again();
        break;
      }
      this.isLoggedOut = false;
      this.#wait = FIRST_WAIT_MS;
      this.#settle(entry, answer);
    }
    this.#sending = false;
    this.#tell();
  }

  #send(entry) {
    // A label of another page, or of before a reload: its answer has no place here, so no item is to be reserved.
    const isHere = this.isHere(entry);
    return post(entry.address, { ...entry.label, next: isHere }, { as: isHere ? "html" : "json" });
  }

  #settle(entry, answer) {
    if (answer.refused) {
      this.#keep(this.entries.map((each) => (same(each, entry) ? { ...each, refused: answer.refused } : each)));
    } else {
      this.#remove(entry);
    }
    this.onStored(entry, answer);
  }

  #again() {
    this.#timer = setTimeout(() => this.flush(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
  }

  #remove(entry) {
    this.#keep(this.entries.filter((each) => !same(each, entry)));
  }

  #keep(entries) {
    this.#unkept = [];
    if (this.#store(entries)) return;
    const were = new Set(this.#kept.map((entry) => JSON.stringify(entry)));
    this.#unkept = entries.filter((entry) => !were.has(JSON.stringify(entry)));
    this.#store(entries.filter((entry) => !this.#unkept.includes(entry)));
  }

  // Whether there was room for them.
  #store(entries) {
    try {
      if (entries.length) localStorage.setItem(this.#key, JSON.stringify(entries));
      else localStorage.removeItem(this.#key);
      return true;
    } catch {
      return false;
    }
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

function same(one, other) {
  return one.label.client_id === other.label.client_id;
}
