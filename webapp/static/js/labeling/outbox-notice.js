// Says what waits in the outbox, and why, and what was refused.

export class OutboxNotice {
  // `onDiscarded` is called once a refused label is thrown away.
  constructor(place, outbox, onDiscarded) {
    this.place = place;
    this.outbox = outbox;
    this.waiting = place.querySelector("[data-waiting]");
    this.refused = place.querySelector("[data-refused]");
    this.waiting.querySelector("button").addEventListener("click", () => outbox.flush());
    this.refused.querySelector("button").addEventListener("click", () => {
      outbox.discard(outbox.refused[0]);
      onDiscarded();
    });
    outbox.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    const { waiting, refused, isLoggedOut, isFull } = this.outbox;
    const labels = waiting.length === 1 ? "1 label waits" : `${waiting.length} labels wait`;
    const kept = isFull
      ? "This browser has no room to keep them: leave this page open until they are sent."
      : "Kept in this browser, and sent again by itself: from this page, or when you come back to it.";
    const why = isLoggedOut
      ? `You are logged out, and ${labels} here. Log in again in another tab, then send.`
      : `${labels} for the connection. ${kept}`;
    this.waiting.hidden = waiting.length === 0;
    if (waiting.length) this.#say(this.waiting, why);
    this.waiting.querySelector("a").hidden = !isLoggedOut;
    this.refused.hidden = refused.length === 0;
    if (refused.length) this.#say(this.refused, `A label was not taken: ${refused[0].refused}`);
  }

  #say(line, words) {
    const place = line.querySelector("span");
    if (place.textContent !== words) place.textContent = words;
  }
}
