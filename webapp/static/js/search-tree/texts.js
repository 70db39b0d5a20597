// Texts of steps, fetched in batches for what is in view and kept.

const PAUSE = 60;
const BATCH = 200;

export class Texts extends Map {
  #asked = new Set();
  #waiting = new Set();
  #timer;

  constructor(address, arrived) {
    super();
    this.address = address;
    this.arrived = arrived;
  }

  want(nodes) {
    for (const node of nodes) if (!this.has(node) && !this.#asked.has(node)) this.#waiting.add(node);
    if (!this.#waiting.size) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), PAUSE);
  }

  async #fetch() {
    const nodes = [...this.#waiting].slice(0, BATCH);
    for (const node of nodes) {
      this.#waiting.delete(node);
      this.#asked.add(node);
    }
    try {
      const response = await fetch(`${this.address}?nodes=${nodes.join(",")}`);
      const { texts } = await response.json();
      for (const node of nodes) this.set(node, texts[node] ?? "");
      this.arrived(nodes);
    } catch {
      for (const node of nodes) this.#asked.delete(node); // asked for again when they come into view once more
    }
    if (this.#waiting.size) this.want([]);
  }
}
