// <search-tree>: a training search to explore, replay and question. This element holds what is shown (view, colour,
// selected node, event of the replay) and tells its parts when that changes.

import { Address, applyState, readAddress, stateOf } from "./address.js";
import { fetchTree } from "./data.js";
import { exportAs } from "./export.js";
import { find, nextMarked, openRollout, tell } from "./finding.js";
import { listen } from "./keyboard.js";
import { Panel } from "./panel.js";
import { Replay } from "./replay.js";
import { Shown } from "./shown.js";
import { Stage } from "./stage.js";
import { Strips } from "./strips.js";
import { Table } from "./table.js";
import { Texts } from "./texts.js";
import { showTrail } from "./trail.js";
import { connectToolbar, showState } from "./toolbar.js";
import { count } from "./words.js";

class SearchTree extends HTMLElement {
  view = "tree";
  colour = "quality";
  selected = -1;
  #painted = false;

  connectedCallback() {
    this.hasAddress = "addressed" in this.dataset;
    this.stage = new Stage(this.querySelector("[data-stage]"), this);
    this.onTheme = () => this.refresh("look");
    this.onBack = () => this.apply(readAddress());
    this.themes = new MutationObserver(this.onTheme);
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    if (this.hasAddress) addEventListener("popstate", this.onBack);
    connectToolbar(this);
    this.load();
  }

  disconnectedCallback() {
    this.themes.disconnect();
    this.stage.sizes.disconnect();
    this.strips?.stop();
    removeEventListener("popstate", this.onBack);
    document.removeEventListener("keydown", this.onKey);
  }

  async load() {
    const failed = this.querySelector("[data-failed]");
    failed.hidden = true;
    try {
      this.begin(await fetchTree(this.dataset.src));
    } catch (error) {
      failed.querySelector("[data-why]").textContent = error.message;
      failed.hidden = false;
      if (!(error instanceof TypeError) || this.tree) console.warn(error);
    }
  }

  begin(tree) {
    this.tree = tree;
    this.replay = new Replay(tree);
    this.shown = new Shown(tree, this.replay);
    this.texts = new Texts(this.dataset.texts, (nodes) => this.textsArrived(nodes));
    const panel = this.querySelector("[data-panel]");
    this.panel = panel && new Panel(panel, this);
    this.table = new Table(this.querySelector("[data-table]"), this);
    const replay = this.querySelector("[data-replays]");
    replay.hidden = !this.replay.length;
    this.strips = this.replay.length ? new Strips(replay, this) : null;
    this.address = new Address(() => stateOf(this));
    this.stage.begin();
    this.apply(this.hasAddress ? readAddress() : { ...readAddress(), node: null, event: null, open: [], closed: [] });
    this.stage.draw();
    if (this.view === "table") this.painted();
    this.redrawStrips();
    this.onKey = listen(this);
    document.addEventListener("keydown", this.onKey);
    this.dispatchEvent(new CustomEvent("ready"));
  }

  painted() {
    if (this.#painted) return;
    this.#painted = true;
    performance.mark("search-tree-painted");
    this.removeAttribute("aria-busy");
  }

  apply(state) {
    applyState(this, state);
    this.refresh("layout");
    if (this.view !== "table") this.stage.draw();
    if (this.selected >= 0) this.stage.show(this.selected);
    this.panel?.load();
  }

  remember(isStep = false) {
    if (this.hasAddress) this.address.write(isStep);
  }

  /** Brings every part up to date. `what`: as for the stage. */
  refresh(what = "look") {
    if (!this.tree) return;
    showState(this);
    this.stage.refresh(what);
    this.strips?.update();
    if (what === "look") this.redrawStrips();
    showTrail(this.querySelector("[data-trail]"), this);
    if (this.view === "table") this.table.redraw();
  }

  redrawStrips() {
    requestAnimationFrame(() => {
      this.stage.update();
      this.strips?.redraw(this.stage.scene.theme);
    });
  }

  // What a reader does

  select(node, { walk = false, move = false } = {}) {
    if (node === this.selected && !move) return;
    if (node >= 0 && !this.replay.isBorn(node)) this.go(this.tree.born[node]);
    this.selected = node;
    const opened = node >= 0 && this.shown.reveal(node);
    showTrail(this.querySelector("[data-trail]"), this);
    this.stage.refresh(opened ? "layout" : "look");
    if (this.view === "table") {
      if (node > 0 && !this.table.row(node)) this.table.redraw();
      this.table.mark(false);
    } else if (node >= 0 && (move || walk)) this.stage.show(node);
    if (node >= 0) this.announce(this.tell(node));
    this.panel?.later();
    this.remember(walk);
  }

  go(event) {
    const before = this.replay.at;
    this.replay.go(event);
    if (before === this.replay.at) return;
    this.stage.refresh(this.view === "icicle" ? "layout" : "look");
    this.strips?.update();
    if (!this.strips?.isPlaying) this.settle();
    this.dispatchEvent(new CustomEvent("replay"));
  }

  /** What follows a move in the replay once it comes to rest. */
  settle() {
    if (this.view === "table") this.table.redraw();
    showTrail(this.querySelector("[data-trail]"), this);
    this.panel?.later();
    this.remember(true);
  }

  setView(view) {
    this.view = view;
    this.refresh("layout");
    if (view !== "table") this.stage.draw();
    if (this.selected >= 0 && view !== "table") this.stage.show(this.selected);
    this.remember();
  }

  setColour(colour) {
    this.colour = colour;
    this.stage.refresh("look");
    showState(this);
    this.remember();
  }

  openStub(parent) {
    this.stage.hold(parent, () => {
      if (!this.shown.collapsed.delete(parent)) this.shown.openStub(parent);
    });
    this.announce(`${count(this.tree.childCount(parent), "child", "children")} of node ${parent} shown.`);
    this.remember();
  }

  toggle(node) {
    if (this.view !== "tree") return;
    this.stage.hold(node, () => this.shown.toggle(node));
    this.remember();
  }

  showAll(on) {
    this.shown.showAll(on);
    if (!on && this.selected >= 0) this.shown.reveal(this.selected);
    this.refresh("layout");
    this.stage.fit();
    if (!on) this.stage.home();
    this.remember();
  }

  goBest() {
    const { best } = this.replay;
    if (best < 0) this.announce("Nothing was backed up yet.");
    else this.select(best, { move: true });
  }

  nextMarked(by) {
    nextMarked(this, by);
  }

  openRollout() {
    openRollout(this);
  }

  async openPanel() {
    if (this.selected < 0 || !this.panel) return;
    await this.panel.load();
    this.panel.root.focus();
  }

  find(text) {
    return find(this, text);
  }

  // What its parts ask for

  kids(node) {
    return this.shownIds(node).filter((id) => id >= 0 && this.replay.isBorn(id));
  }

  siblings(node) {
    return this.kids(this.tree.parent[node]);
  }

  shownIds(node) {
    return this.view === "icicle" ? Array.from(this.tree.children(node)) : this.shown.split(node).kids;
  }

  tell(id) {
    return tell(this, id);
  }

  textsArrived(nodes) {
    this.stage.refresh();
    showTrail(this.querySelector("[data-trail]"), this);
    if (this.view === "table") this.table.arrived(nodes);
  }

  announce(text) {
    document.getElementById("announcer").textContent = text;
  }

  export(kind) {
    exportAs(kind, this);
  }
}

customElements.define("search-tree", SearchTree);
