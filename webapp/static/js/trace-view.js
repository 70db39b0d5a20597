// <trace-view>: walks the turns of a response, unfolds its reasoning, copies programs. The page holds all of it already.

import { singleKeysWork } from "./rollouts.js";

class TraceView extends HTMLElement {
  connectedCallback() {
    this.turns = [...this.querySelectorAll(".turn")];
    this.links = new Map([...this.querySelectorAll(".outline a")].map((link) => [link.hash.slice(1), link]));
    this.failures = [...this.querySelectorAll(".call[data-failed]")];
    this.codes = JSON.parse(this.querySelector("#call-codes").textContent);
    this.querySelector("[data-next-failure]").hidden = !this.failures.length;
    this.at = -1;
    this.led = false; // by keys or an address, not by scrolling: then where the page stands says nothing
    this.onKey = (event) => this.key(event);
    this.onHash = () => this.followHash();
    document.addEventListener("keydown", this.onKey);
    window.addEventListener("hashchange", this.onHash);
    this.addEventListener("click", (event) => this.press(event));
    this.watch();
    this.followHash();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("hashchange", this.onHash);
    for (const kind of ["wheel", "touchmove"]) window.removeEventListener(kind, this.onScroll);
    this.observer.disconnect();
  }

  /** Marks in the outline the turn that the reader looks at. */
  watch() {
    this.observer = new IntersectionObserver(
      (entries) => {
        const seen = entries.filter((entry) => entry.isIntersecting).map((entry) => this.turns.indexOf(entry.target));
        if (seen.length && !this.led) this.mark(Math.min(...seen));
      },
      { rootMargin: "-64px 0px -70% 0px" },
    );
    for (const turn of this.turns) this.observer.observe(turn);
    this.onScroll = () => { this.led = false; };
    for (const kind of ["wheel", "touchmove"]) window.addEventListener(kind, this.onScroll, { passive: true });
  }

  mark(place) {
    this.at = place;
    for (const link of this.links.values()) link.removeAttribute("aria-current");
    this.links.get(this.turns[place].id)?.setAttribute("aria-current", "true");
  }

  followHash() {
    const place = this.turns.findIndex((turn) => `#${turn.id}` === location.hash);
    if (place >= 0) this.goTo(place);
  }

  goTo(place) {
    this.led = true;
    const turn = this.turns[Math.max(0, Math.min(place, this.turns.length - 1))];
    turn.scrollIntoView({ block: "start" });
    turn.focus({ preventScroll: true });
    this.mark(this.turns.indexOf(turn));
    history.replaceState(history.state, "", `${location.pathname}${location.search}#${turn.id}`);
  }

  nextFailure() {
    const from = this.failures.findIndex((call) => call === document.activeElement);
    const call = this.failures[(from + 1) % this.failures.length];
    if (!call) return;
    this.led = true;
    call.scrollIntoView({ block: "center" });
    call.focus({ preventScroll: true });
    this.mark(this.turns.indexOf(call.closest(".turn")));
  }

  unfold() {
    const button = this.querySelector("[data-unfold]");
    const open = button.getAttribute("aria-pressed") !== "true";
    for (const fold of this.querySelectorAll("details.reasoning")) fold.open = open;
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Fold reasoning" : "Unfold reasoning";
  }

  key(event) {
    if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
    const acts = {
      n: () => this.goTo(this.at + 1),
      p: () => this.goTo(this.at - 1),
      e: () => this.nextFailure(),
      o: () => this.unfold(),
    };
    if (!acts[event.key]) return;
    acts[event.key]();
    event.preventDefault();
  }

  press(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if ("unfold" in button.dataset) this.unfold();
    if ("nextFailure" in button.dataset) this.nextFailure();
    if (button.dataset.copyCode) this.copy(button);
  }

  async copy(button) {
    const announcer = document.getElementById("announcer");
    try {
      await navigator.clipboard.writeText(this.codes[button.dataset.copyCode]);
      announcer.textContent = "Code copied.";
    } catch {
      getSelection().selectAllChildren(button.closest(".call").querySelector(".code"));
      announcer.textContent = "This browser keeps pages from copying. The code is selected: copy it by keyboard.";
    }
  }
}

customElements.define("trace-view", TraceView);
