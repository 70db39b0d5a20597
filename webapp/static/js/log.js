// <log-tail>: the end of a run's log. Follows it, and stays at the end only for a reader who is there.

import { getPatiently, pause } from "./net.js";

const SEEN_MS = 1500;
const HIDDEN_MS = 30000;
const MOST_LINES = 5000;
const NEAR_END = 40; // pixels that still count as the end

class LogTail extends HTMLElement {
  connectedCallback() {
    for (const part of ["lines", "unfinished", "earlier", "empty"]) this[part] = this.querySelector(`[data-${part}]`);
    this.start = Number(this.dataset.start);
    this.end = Number(this.dataset.end);
    this.earlier.addEventListener("click", () => this.loadEarlier());
    this.lines.scrollTop = this.lines.scrollHeight;
    this.follow();
  }

  async follow() {
    while (this.isConnected) {
      const ended = document.getElementById("run").dataset.terminal !== undefined;
      const more = await this.take();
      if (ended && !more) return;
      if (!more) await pause(document.hidden ? HIDDEN_MS : SEEN_MS);
    }
  }

  // Whether more stands in the file than was taken.
  async take() {
    const chunk = await getPatiently(`${this.dataset.address}?after=${this.end}`);
    if (chunk.start < this.end) this.lines.textContent = ""; // the file began anew
    const atEnd = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < NEAR_END;
    if (chunk.text) this.lines.append(chunk.text);
    this.unfinished.textContent = chunk.unfinished;
    this.unfinished.hidden = !chunk.unfinished;
    this.end = chunk.end;
    this.empty.hidden = chunk.size > 0;
    if (atEnd) {
      this.trim();
      this.lines.scrollTop = this.lines.scrollHeight;
    }
    return chunk.text !== "" && chunk.end < chunk.size;
  }

  async loadEarlier() {
    this.earlier.disabled = true; // a second press would bring the same lines again
    const chunk = await getPatiently(`${this.dataset.address}?before=${this.start}`);
    this.earlier.disabled = false;
    const fromEnd = this.lines.scrollHeight - this.lines.scrollTop;
    this.lines.prepend(chunk.text);
    this.lines.scrollTop = this.lines.scrollHeight - fromEnd;
    this.start = chunk.start;
    this.earlier.hidden = chunk.start === 0;
  }

  trim() {
    const lines = this.lines.textContent.split("\n");
    if (lines.length <= MOST_LINES) return;
    const dropped = lines.splice(0, lines.length - MOST_LINES).join("\n").length + 1;
    this.start += dropped; // near enough: bytes and characters differ only outside ASCII
    this.lines.textContent = lines.join("\n");
    this.earlier.hidden = false;
  }
}

customElements.define("log-tail", LogTail);
