// <token-strip>: chooses what tokens are coloured by, shows a token's figures, and asks the server why it was pushed.
// The tokens, their colours and their figures are in the page; a token's number is its place among the strip's <i>.

const FIGURES = [
  ["logprob", "Log-prob", (value) => `${number(value)} (p = ${(100 * Math.exp(value)).toPrecision(3)} %)`],
  ["entropy", "Entropy", (value) => `${number(value)} nats`],
  ["advantage", "Advantage", signed],
  ["ratio", "Ratio ρ", (value) => value.toPrecision(4)],
  ["clipped", "Clip", (value) => (value ? "took its gradient" : "left it alone")],
  ["ref_logprob", "Reference", (value) => `log-prob ${number(value)}`],
  ["value", "Value V", (value) => `${number(value)} expected before it`],
  ["mask", "Mask", (value) => (value ? "drawn by the model" : "not learned: the model did not draw it")],
  ["class", "Class", (value) => CLASSES[value]],
];
const CLASSES = ["not among the most uncertain", "forking", "reflection on a tool's result", "code of a call", "other uncertain token"];
const UNLIKELY = Math.log(0.5);
const WHY_DELAY = 200;

function number(value) {
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

function signed(value) {
  return (value > 0 ? "+" : "") + number(value);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

class TokenStrip extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".tokens");
    this.tokens = [...this.box.querySelectorAll("i")];
    this.places = new Map(this.tokens.map((token, place) => [token, place]));
    this.values = JSON.parse(this.querySelector("#token-values").textContent);
    this.readout = this.querySelector("[data-readout]");
    this.panel = this.querySelector("[data-why-panel]");
    this.at = -1;
    this.box.addEventListener("pointerover", (event) => this.hover(event));
    this.box.addEventListener("pointerleave", () => this.at >= 0 && this.show(this.at));
    this.box.addEventListener("click", (event) => this.choose(event));
    this.box.addEventListener("keydown", (event) => this.walk(event));
    this.addEventListener("click", (event) => this.press(event));
    this.onHash = () => this.followHash();
    window.addEventListener("hashchange", this.onHash);
    this.followHash();
  }

  disconnectedCallback() {
    window.removeEventListener("hashchange", this.onHash);
  }

  followHash() {
    const asked = /^#t=(\d+)$/.exec(location.hash);
    if (!asked || Number(asked[1]) >= this.tokens.length) return;
    this.select(Number(asked[1]));
    this.askWhy();
  }

  place(event) {
    const token = event.target.closest("i");
    return token ? this.places.get(token) : undefined;
  }

  hover(event) {
    const place = this.place(event);
    if (place !== undefined) this.show(place);
  }

  choose(event) {
    const place = this.place(event);
    if (place === undefined || String(getSelection())) return; // selecting text is not choosing a token
    this.select(place);
    this.askWhy();
  }

  walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.tokens.length) return;
    const last = this.tokens.length - 1;
    const step = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowRight: () => Math.min(this.at + step, last),
      ArrowLeft: () => Math.max(this.at - step, 0),
      ArrowDown: () => this.nextLine(1),
      ArrowUp: () => this.nextLine(-1),
      Home: () => 0,
      End: () => last,
      n: () => this.nextUnlikely(1),
      p: () => this.nextUnlikely(-1),
    };
    if (event.key === "Enter" && this.at >= 0) this.askWhy();
    else if (moves[event.key]) this.select(moves[event.key]());
    else return;
    event.preventDefault();
    if (event.key !== "Enter" && this.panel?.firstElementChild) this.askWhyLater(); // no panel: nothing was learned
  }

  nextUnlikely(direction) {
    for (let place = this.at + direction; place >= 0 && place < this.tokens.length; place += direction) {
      const value = this.value("logprob", place);
      if (value !== null && value < UNLIKELY) return place;
    }
    return Math.max(this.at, 0);
  }

  /** The token on the line above or below that is nearest to where the present one begins. */
  nextLine(direction) {
    const from = this.tokens[Math.max(this.at, 0)].getClientRects()[0];
    let found = Math.max(this.at, 0);
    let line;
    let distance = Infinity;
    for (let place = found + direction; place >= 0 && place < this.tokens.length; place += direction) {
      const box = this.tokens[place].getClientRects()[0];
      if (!box || Math.abs(box.top - from.top) < 4) continue;
      line ??= box.top;
      if (Math.abs(box.top - line) > 4) break;
      if (Math.abs(box.left - from.left) < distance) [found, distance] = [place, Math.abs(box.left - from.left)];
    }
    return found;
  }

  select(place) {
    this.tokens[this.at]?.classList.remove("at");
    this.at = place;
    this.tokens[place].classList.add("at");
    this.tokens[place].scrollIntoView({ block: "nearest" });
    this.show(place);
    history.replaceState(history.state, "", `${location.pathname}${location.search}#t=${place}`);
  }

  value(name, place) {
    const column = this.values[name];
    return (Array.isArray(column) ? column[place] : column) ?? null;
  }

  show(place) {
    const which = element("p", `Token ${place} `, "which");
    const text = this.tokens[place].textContent.replaceAll("\n", "⏎").replaceAll("\t", "→").replaceAll(" ", "␣");
    which.append(element("code", text));
    const id = this.value("id", place);
    if (id !== null) which.append(element("span", ` id ${id}`, "soft"));
    const facts = element("dl", undefined, "facts");
    for (const [name, title, write] of FIGURES) {
      const value = this.value(name, place);
      if (value !== null) facts.append(element("dt", title), element("dd", write(value)));
    }
    this.readout.replaceChildren(which, facts);
  }

  askWhyLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.askWhy(), WHY_DELAY);
  }

  askWhy() {
    if (!this.dataset.why) return; // of a response that nothing was learned from
    const address = this.dataset.why.replace(/0\/$/, `${this.at}/`);
    window.htmx.ajax("GET", address, { source: this.panel, target: this.panel, swap: "innerHTML" });
  }

  press(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.by) this.colourBy(button);
    if (button.dataset.show) {
      const on = this.classList.toggle(`show-${button.dataset.show}`);
      button.setAttribute("aria-pressed", String(on));
    }
    if ("copy" in button.dataset) this.copy();
  }

  colourBy(button) {
    for (const other of this.querySelectorAll("[data-by]")) {
      other.setAttribute("aria-pressed", String(other === button));
      this.classList.toggle(`by-${other.dataset.by}`, other === button);
    }
    const address = new URL(location.href);
    address.searchParams.set("by", button.dataset.by);
    history.replaceState(history.state, "", address);
  }

  async copy() {
    const announcer = document.getElementById("announcer");
    try {
      const answer = await fetch(this.dataset.twin);
      await navigator.clipboard.writeText((await answer.json()).text);
      announcer.textContent = "Text copied.";
    } catch {
      getSelection().selectAllChildren(this.box);
      announcer.textContent = "This browser keeps pages from copying. The text is selected: copy it by keyboard.";
    }
  }
}

customElements.define("token-strip", TokenStrip);
