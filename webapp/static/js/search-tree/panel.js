// The panel of the selected node, from the server, at the present event of the replay.

const PAUSE = 220;

export class Panel {
  #timer;
  #shown = "";

  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.hint = root.innerHTML; // our own markup, as the server wrote it
    root.addEventListener("click", (event) => {
      const link = event.target.closest("[data-node]");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      viewer.select(Number(link.dataset.node), { move: true });
    });
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") viewer.stage.root.focus();
    });
  }

  later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load(), PAUSE);
  }

  async load() {
    clearTimeout(this.#timer);
    const { selected, replay } = this.viewer;
    if (selected < 0) {
      this.#shown = "";
      this.root.innerHTML = this.hint;
      return;
    }
    const event = replay.length && replay.at < replay.last ? `?event=${replay.at}` : "";
    const address = `${this.root.dataset.address.replace(/0\/$/, `${selected}/`)}${event}`;
    if (address === this.#shown) return;
    this.#shown = address;
    this.root.setAttribute("aria-busy", "true");
    try {
      await window.htmx.ajax("GET", address, { source: this.root, target: this.root, swap: "innerHTML" });
    } finally {
      this.root.removeAttribute("aria-busy");
    }
  }
}
