// Time that an item is in sight, in seconds: it stands still while the page is hidden.

export class Stopwatch {
  #counted;
  #since;

  constructor(seconds = 0) {
    this.#counted = 1000 * seconds;
    this.#since = document.hidden ? null : performance.now();
    document.addEventListener("visibilitychange", this);
  }

  get seconds() {
    const running = this.#since === null ? 0 : performance.now() - this.#since;
    return Math.round(this.#counted + running) / 1000;
  }

  stop() {
    document.removeEventListener("visibilitychange", this);
  }

  handleEvent() {
    if (document.hidden && this.#since !== null) {
      this.#counted += performance.now() - this.#since;
      this.#since = null;
    } else if (!document.hidden) {
      this.#since ??= performance.now();
    }
  }
}
