// What a viewer shows stands in the page's address; Back goes to what it showed before.

import { SCALES } from "./colours.js";

const PAUSE = 300; // browsers refuse addresses that change too often

const DEFAULTS = { node: null, view: "tree", colour: "quality", event: null, open: "", closed: "", all: "" };

export function readAddress() {
  const query = new URLSearchParams(location.search);
  const whole = (name) => (/^\d{1,9}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  const list = (name) => (query.get(name) ?? "").split(".").filter((each) => /^\d{1,9}$/.test(each)).map(Number);
  return {
    node: whole("node"),
    view: ["tree", "icicle", "table"].includes(query.get("view")) ? query.get("view") : DEFAULTS.view,
    colour: query.get("colour") ?? DEFAULTS.colour,
    event: whole("event"),
    open: list("open"),
    closed: list("closed"),
    all: query.get("all") === "1",
  };
}

export class Address {
  #timer;

  constructor(read) {
    this.read = read; // what is shown now, as an object with the names of DEFAULTS
  }

  /** Changes that are steps on a way (walking, scrubbing) replace the entry; others make a new one. */
  write(isStep) {
    clearTimeout(this.#timer);
    if (isStep) this.#timer = setTimeout(() => this.#put("replaceState"), PAUSE);
    else this.#put("pushState");
  }

  #put(how) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(this.read())) {
      const text = Array.isArray(value) ? value.slice(0, 200).join(".") : value === true ? "1" : value === false ? "" : value;
      if (text === null || text === "" || text === DEFAULTS[name]) query.delete(name);
      else query.set(name, String(text));
    }
    const text = query.toString();
    const address = `${location.pathname}${text && `?${text}`}`;
    if (address !== location.pathname + location.search) history[how](history.state, "", address);
  }
}

/** What a viewer shows now. */
export function stateOf({ selected, view, colour, replay, shown }) {
  return {
    node: selected < 0 ? null : selected, view, colour, event: replay.at < replay.last ? replay.at : null,
    all: shown.everything, open: [...shown.revealed], closed: [...shown.collapsed],
  };
}

export function applyState(viewer, state) {
  const { tree, shown } = viewer;
  const inTree = (nodes) => new Set(nodes.filter((node) => node < tree.count));
  shown.showAll(state.all);
  shown.revealed = inTree(state.open);
  shown.collapsed = inTree(state.closed);
  viewer.view = state.view;
  viewer.colour = state.colour in SCALES ? state.colour : DEFAULTS.colour;
  viewer.selected = state.node !== null && state.node < tree.count ? state.node : -1;
  if (viewer.selected >= 0) shown.reveal(viewer.selected);
  viewer.replay.go(state.event ?? viewer.replay.last);
}
