// <metric-chart>: draws the curves of one chart while it is on screen, shares its cursor and its zoom with the others,
// and opens the rollouts behind a point.

import { CurveStore, nearest } from "./curves.js";
import { openStep } from "./drawer.js";
import { figure, format, gather, summary, theme } from "./figure.js";
import { connectToolbar, view } from "./view.js";

const DRAGGED = 5; // pixels from which a pressed pointer zooms
const AHEAD = "300px"; // charts this far below the screen are drawn already
const OPTIONS = {
  displaylogo: false,
  responsive: true,
  displayModeBar: "hover",
  modeBarButtons: [["toImage"]],
  showTips: false,
  doubleClick: false, // we show all steps on every chart instead
};

const page = () => document.getElementById("charts");
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "[]");
const plotly = new Promise((resolve) => {
  if (window.Plotly) resolve();
  else document.getElementById("plotly").addEventListener("load", resolve, { once: true });
});

export const store = new CurveStore(page().dataset.curves, page().dataset.runs.split(","));
let colours = theme();
const charts = new Set();

const onScreen = new IntersectionObserver(
  (entries) => entries.forEach((entry) => entry.target.seen(entry.isIntersecting)),
  { rootMargin: AHEAD },
);
const onResize = new ResizeObserver((entries) => entries.forEach((entry) => entry.target.closest("metric-chart").resized()));

class MetricChart extends HTMLElement {
  connectedCallback() {
    this.chart = read("charts-data").find((chart) => chart.key === this.dataset.key);
    this.marks = read("charts-marks").filter((mark) => this.chart.curves.some((curve) => curve.name === mark.metric));
    for (const part of ["plot", "body", "cursor", "readout", "summary", "legend"]) this[part] = this.querySelector(`[data-${part}]`);
    this.logButton = this.querySelector("[data-ylog]");
    this.logButton.addEventListener("click", () => view.toggleLogY(this.chart.key));
    this.body.addEventListener("keydown", (event) => this.walk(event));
    this.body.addEventListener("blur", () => showCursor(null));
    this.plot.addEventListener("dblclick", () => view.set({ window: null }));
    this.curves = [];
    this.leftOut = new Set();
    charts.add(this);
    onScreen.observe(this);
    onResize.observe(this.plot);
  }

  disconnectedCallback() {
    charts.delete(this);
    onScreen.unobserve(this);
    onResize.unobserve(this.plot);
    if (window.Plotly) Plotly.purge(this.plot);
  }

  seen(isIntersecting) {
    this.visible = isIntersecting;
    if (!isIntersecting) return;
    const bands = this.chart.curves.flatMap((curve) => curve.band ?? []);
    store.want([...this.chart.curves.map((curve) => curve.name), ...bands]);
    this.refresh();
  }

  // Draw before the next frame, once, and only when seen.
  refresh() {
    this.stale = true;
    if (!this.visible || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(async () => {
      await plotly;
      this.waiting = false;
      if (this.stale && this.isConnected) this.draw();
    });
  }

  draw() {
    this.stale = false;
    this.curves = gather(this.chart, store, view, this.leftOut);
    this.logButton.setAttribute("aria-pressed", String(view.hasLogY(this.chart.key)));
    const loaded = this.chart.curves.some((curve) => store.has(curve.name));
    this.summary.textContent = this.curves.length ? summary(this.chart, this.curves, view) : loaded ? "all hidden" : "";
    const source = this.chart.curves[0].source;
    this.chart.range = view.window && [store.at(source, view.window.from), store.at(source, view.window.to)];
    const marks = this.marks.map((mark) => ({ ...mark, at: store.at(source, mark.step) }));
    const { data, layout } = figure(this.chart, this.curves, marks, view, colours);
    Plotly.react(this.plot, data, layout, OPTIONS);
    this.showLegend();
    if (!this.listening) this.listen();
  }

  // One button for each curve that has points; pressing it hides the curve.
  showLegend() {
    const known = this.chart.legend ? this.chart.curves.filter((curve) => store.get(curve.source, curve.name)) : [];
    if (known.length < 2 || this.legend.childElementCount === known.length) return;
    const buttons = known.map((curve) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `curve-${curve.colour}`;
      button.textContent = curve.label;
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        if (!this.leftOut.delete(curve.name)) this.leftOut.add(curve.name);
        button.setAttribute("aria-pressed", String(!this.leftOut.has(curve.name)));
        this.refresh();
      });
      return button;
    });
    this.legend.replaceChildren(...buttons);
  }

  listen() {
    this.listening = true;
    this.plot.on("plotly_hover", (event) => this.pointAt(this.pointOf(event)));
    this.plot.on("plotly_unhover", () => this.pointAt(null));
    this.plot.addEventListener("pointerdown", (event) => this.press(event));
    this.plot.on("plotly_relayout", (change) => {
      const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (from !== undefined) this.zoom(from, to);
      else if (change["xaxis.autorange"]) view.set({ window: null });
    });
  }

  pointAt(point) {
    this.pointed = point;
    showCursor(point, this);
  }

  // Plotly's own click knows no point where a chart has been drawn under a pointer that rests, as live ones are.
  press(down) {
    const point = this.pointed ?? this.pointNear(down.x);
    if (down.button !== 0 || !point || !down.target.closest(".nsewdrag")) return;
    const release = (up) => Math.hypot(up.x - down.x, up.y - down.y) < DRAGGED && this.open(point);
    window.addEventListener("pointerup", release, { once: true }); // not on the plot: Plotly covers the page meanwhile
  }

  pointOf(event) {
    const point = event.points.find((each) => each.data.meta !== undefined);
    const curve = point && this.curves[point.data.meta];
    return curve && { curve, step: curve.steps[point.pointIndex], index: point.pointIndex };
  }

  pointNear(x) {
    const axis = this.plot._fullLayout?.xaxis;
    const curve = this.curves[0];
    if (!axis || !curve) return null;
    const place = axis.p2d(x - this.plot.getBoundingClientRect().left - axis._offset) * this.timeScale();
    return { curve, step: curve.steps[nearest(curve.xs, place)] };
  }

  zoom(from, to) {
    const source = this.chart.curves[0].source;
    const steps = [from, to].map((end) => store.stepAt(source, (view.xlog ? 10 ** end : end) * this.timeScale()));
    view.set({ window: { from: Math.max(0, steps[0]), to: Math.max(steps[0], steps[1]) } });
  }

  timeScale() {
    return view.x === "time" ? { h: 3600, min: 60 }[this.plot.layout.xaxis.title.text] ?? 1 : 1;
  }

  open(point) {
    if (!point) return;
    const { source, name, label } = point.curve.spec;
    const title = store.runs.length > 1 ? `Rollouts of ${label}` : "Rollouts behind this point";
    openStep(page(), source, point.step, name.startsWith("heldout/") ? "heldout" : "train", title);
  }

  // Arrow keys walk along the first curve, or along all that follow each other; Enter opens where they stand.
  walk(event) {
    const points = this.walked();
    if (!points.length) return;
    const last = points.length - 1;
    const here = this.keyboardPoint ? this.indexOf(points, this.keyboardPoint) : last;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (event.key === "Enter") this.open(points[here]);
    else if (next === undefined) return;
    else {
      this.keyboardPoint = points[Math.min(Math.max(next, 0), last)];
      showCursor(this.keyboardPoint, this);
      document.getElementById("announcer").textContent = this.readout.textContent;
    }
    event.preventDefault();
  }

  walked() {
    const curves = this.chart.sequential ? this.curves : this.curves.slice(0, 1);
    return curves.flatMap((curve) => curve.steps.map((step) => ({ curve, step })));
  }

  // Of the point nearest to one that was there before curves were read anew.
  indexOf(points, { curve, step }) {
    const first = Math.max(0, points.findIndex((point) => point.curve.spec.source === curve.spec.source));
    return first + Math.max(0, nearest(points[first].curve.steps, step));
  }

  // The curves that reach a step: of those that follow each other, others than at another one.
  curvesAt(step) {
    if (!this.chart.sequential) return this.curves;
    return this.curves.filter((curve) => curve.steps[0] <= step && step <= curve.steps.at(-1));
  }

  // The line of the cursor that all charts share, and the figures there.
  point(step) {
    const axis = this.plot._fullLayout?.xaxis;
    const curve = this.curves[0];
    if (step === null || !axis || !curve) {
      this.cursor.hidden = true;
      this.readout.textContent = "";
      return;
    }
    const place = store.at(curve.spec.source, step) / this.timeScale();
    const left = axis._offset + axis.d2p(place);
    this.cursor.hidden = !(left >= axis._offset && left <= axis._offset + axis._length);
    this.cursor.style.transform = `translateX(${left}px)`;
    const figures = this.curvesAt(step).slice(0, 4).map((each) => {
      const index = nearest(each.steps, step);
      return format(each.values[index], this.chart.unit);
    });
    this.readout.textContent = `step ${step}: ${figures.join(" · ")}${this.curves.length > 4 ? " …" : ""}`;
  }

  resized() {
    if (this.listening && this.visible && this.plot.clientWidth) Plotly.Plots.resize(this.plot);
  }
}

function showCursor(point, origin = null) {
  for (const chart of charts) {
    if (chart.visible) chart.point(point ? point.step : null);
    chart.cursor.classList.toggle("own", chart === origin);
  }
}

function refreshAll() {
  for (const chart of charts) chart.refresh();
}

store.addEventListener("change", () => {
  refreshAll();
  const note = document.querySelector("[data-resolution]");
  if (note) note.textContent = store.level ? `${2 ** store.level} steps a point; zoom in for more` : "";
});
view.addEventListener("change", (event) => {
  if (event.detail.has("x")) store.setAxis(view.x);
  if (event.detail.has("window")) store.setWindow(view.window);
  if (event.detail.has("mean")) store.setMean(view.mean);
  refreshAll();
});
document.addEventListener("espalier:theme", () => {
  colours = theme();
  refreshAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = theme();
  refreshAll();
});

connectToolbar(document.getElementById("chart-toolbar"));
store.mean = view.mean;
store.window = view.window;
if (view.x !== "step") store.setAxis(view.x);
customElements.define("metric-chart", MetricChart);
