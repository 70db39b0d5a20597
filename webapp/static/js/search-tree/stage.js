// The canvas: what is in view, drawn once a frame at most; drag pans, the wheel zooms, a click chooses.

import { Camera } from "./camera.js";
import { collectTree } from "./collect.js";
import { colouring, readTheme } from "./colours.js";
import { icicleLayout, treeLayout } from "./layout.js";
import { Marks } from "./marks.js";
import { Minimap } from "./minimap.js";
import { paint } from "./paint.js";
import { pick } from "./picking.js";
import { collectIcicle } from "./stripes.js";
import { showLegend } from "./toolbar.js";

const DRAGGED = 4; // pixels from which on a press is no click
const WHEEL = 0.0016;

export class Stage {
  #due = false;
  #stale = { layout: true, look: true };

  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.canvas = root.querySelector("[data-canvas]");
    this.tip = root.querySelector("[data-tip]");
    this.camera = new Camera();
    this.scene = { camera: this.camera, selected: -1, texts: new Map(), matched: null, found: null };
    this.minimap = new Minimap(root.parentElement.querySelector("[data-minimap]"), (level, at) => this.centre(level, at));
    this.sizes = new ResizeObserver(() => this.resize());
    this.#listen();
  }

  begin() {
    const { tree, replay } = this.viewer;
    this.marks = new Marks(tree);
    Object.assign(this.scene, { tree, replay, marks: this.marks, texts: this.viewer.texts });
    this.#measure();
    this.sizes.observe(this.canvas.parentElement);
  }

  resize() {
    const { width, height } = this.camera;
    this.#measure();
    if (width !== this.camera.width || height !== this.camera.height) {
      if (width <= 1) this.home();
      this.refresh("look");
    }
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    Object.assign(this.camera, { width, height });
  }

  /** Draws again before the next frame. `what`: "layout" when nodes came or went, "look" for colours, else a move. */
  refresh(what = "move") {
    if (what !== "move") this.#stale.look = true;
    if (what === "layout") this.#stale.layout = true;
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.#due = false;
    const { viewer, scene, camera } = this;
    if (!viewer.tree || !this.canvas.clientWidth) return;
    this.update();
    const context = this.canvas.getContext("2d");
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const shapes = this.shapes();
    paint(context, shapes, scene);
    this.minimap.canvas.hidden = scene.layout.kind === "icicle" || camera.width < 480;
    if (this.#stale.look) this.minimap.redraw(scene);
    else this.minimap.frame(scene);
    this.#stale.look = false;
    viewer.texts.want(shapes.wanted);
    viewer.painted();
  }

  shapes() {
    return this.scene.layout.kind === "icicle" ? collectIcicle(this.scene) : collectTree(this.scene);
  }

  /** Brings layout, colours and marks up to date with the viewer. */
  update() {
    const { viewer, scene } = this;
    if (this.#stale.layout) {
      const kind = scene.layout?.kind;
      scene.layout = viewer.view === "icicle" ? icicleLayout(viewer.tree, viewer.replay) : treeLayout(viewer.shown);
      this.camera.see(scene.layout, this.camera.width, this.camera.height);
      if (kind !== scene.layout.kind) this.home();
      this.#stale.layout = false;
    }
    if (!this.#stale.look) return;
    scene.theme = readTheme();
    scene.colour = colouring(viewer.colour, viewer.tree, viewer.replay, scene.theme);
    scene.selected = viewer.selected;
    scene.current = viewer.replay.eventNode;
    this.marks.update(viewer.tree, viewer.replay, viewer.selected);
    showLegend(viewer, scene.colour.legend, scene.colour.scale);
  }

  home() {
    const { viewer, scene } = this;
    if (!scene.layout) return;
    const { best, eventNode } = viewer.replay;
    const wanted = viewer.selected > 0 ? viewer.selected : eventNode >= 0 ? eventNode : best;
    const place = scene.layout.find(Math.max(wanted, 0)) ?? scene.layout.find(0);
    this.camera.see(scene.layout, this.camera.width, this.camera.height);
    this.camera.start(scene.layout.levels[place.depth].at[place.item]);
    this.refresh();
  }

  fit() {
    this.camera.fit();
    this.refresh();
  }

  zoom(factor, x, y) {
    this.camera.zoom(factor, x, y);
    this.refresh();
  }

  centre(level, at) {
    const [x, y] = this.camera.point(level, at);
    this.camera.pan(this.camera.width / 2 - x, this.camera.height / 2 - y);
    this.refresh();
  }

  /** Keeps the node of the present event in view while a replay is stepped through. */
  follow() {
    const node = this.viewer.replay.eventNode;
    if (node >= 0 && this.viewer.view !== "table") this.show(node);
  }

  /** Moves as little as it takes to see a node. */
  show(id) {
    this.update();
    const place = this.scene.layout.find(id);
    if (!place) return;
    this.camera.show(place.depth, this.scene.layout.levels[place.depth].at[place.item]);
    this.refresh();
  }

  /** Keeps a node where it stands on the screen while the tree around it changes. */
  hold(id, change) {
    const before = this.#where(id);
    change();
    this.refresh("layout");
    this.update();
    const after = this.#where(id);
    if (before && after) this.camera.pan(before[0] - after[0], before[1] - after[1]);
  }

  #where(id) {
    const place = this.scene.layout?.find(id);
    return place && this.camera.point(place.depth, this.scene.layout.levels[place.depth].at[place.item]);
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #listen() {
    const { canvas } = this;
    let from = null;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = [event.clientX, event.clientY];
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return this.#hover(event);
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved < DRAGGED) return;
      from = [event.clientX, event.clientY];
      this.tip.hidden = true;
      this.camera.pan(dx, dy);
      this.refresh();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (from && moved < DRAGGED) this.#click(event);
      from = null;
    });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 24 : 1;
      this.zoom(Math.exp(-event.deltaY * lines * WHEEL), ...this.#at(event));
    }, { passive: false });
  }

  #click(event) {
    if (!this.scene.layout) return;
    const id = pick(this.scene, ...this.#at(event));
    if (id === undefined) return;
    this.root.focus({ preventScroll: true });
    if (id < 0) this.viewer.openStub(-1 - id);
    else this.viewer.select(id, {});
  }

  #hover(event) {
    if (!this.scene.layout) return;
    const [x, y] = this.#at(event);
    const id = pick(this.scene, x, y);
    this.canvas.classList.toggle("pointing", id !== undefined);
    this.tip.hidden = id === undefined;
    if (id === undefined) return;
    this.tip.textContent = this.viewer.tell(id);
    const left = Math.min(x + 14, this.camera.width - Math.min(this.tip.offsetWidth, 320) - 4);
    this.tip.style.translate = `${Math.max(left, 4)}px ${y + (y > this.camera.height - 90 ? -this.tip.offsetHeight - 10 : 18)}px`;
  }
}
