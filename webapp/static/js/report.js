// A report's page: mean curves with bands and faint seeds, one cursor for all charts, axis, band and hidden arms in the
// address; parts and curves are fetched again while runs go.

import { nearest } from "./curves.js";
import { openStep } from "./drawer.js";
import { getPatiently, pause } from "./net.js";
import { reportFigure, placeOf, scaleOf, words } from "./report-figure.js";
import { theme } from "./figure.js";

const SEEN_MS = 6000;
const OPTIONS = { displaylogo: false, responsive: true, displayModeBar: "hover", modeBarButtons: [["toImage"]], showTips: false, doubleClick: false };

const page = () => document.getElementById("report-charts");
const plotly = new Promise((resolve) => {
  if (window.Plotly) resolve();
  else document.getElementById("plotly").addEventListener("load", resolve, { once: true });
});
const query = new URLSearchParams(location.search);
const firstHidden = page().dataset.firstHidden;
const hidden = new Set((query.get("hide") ?? firstHidden).split(",").filter(Boolean));
const charts = new Set();
let data = JSON.parse(document.getElementById("report-data").textContent);
let band = page().dataset.band;
let colours = theme();

class ReportChart extends HTMLElement {
  connectedCallback() {
    for (const part of ["plot", "body", "cursor", "readout", "summary"]) this[part] = this.querySelector(`[data-${part}]`);
    this.body.addEventListener("keydown", (event) => this.walk(event));
    this.body.addEventListener("blur", () => showCursor(null));
    charts.add(this);
    this.draw();
  }

  disconnectedCallback() {
    charts.delete(this);
    if (window.Plotly) Plotly.purge(this.plot);
  }

  get chart() {
    return data.charts.find((chart) => chart.key === this.dataset.key);
  }

  get arms() {
    return this.chart?.arms.filter((arm) => !hidden.has(arm.slug)) ?? [];
  }

  async draw() {
    await plotly;
    if (!this.isConnected || !this.chart) return;
    this.lines = [];
    const figure = reportFigure({ ...this.chart, arms: this.arms }, band, colours, this.lines);
    Plotly.react(this.plot, figure.data, figure.layout, OPTIONS);
    this.summary.textContent = this.arms.length ? words(this.chart, this.arms) : "all arms hidden";
    if (this.listening) return;
    this.listening = true;
    this.plot.on("plotly_hover", (event) => showCursor(this.lineOf(event)?.xs[event.points[0].pointIndex] ?? null, this));
    this.plot.on("plotly_unhover", () => showCursor(null));
    this.plot.on("plotly_click", (event) => this.open(event));
  }

  lineOf(event) {
    const meta = event.points[0]?.data.meta;
    return meta === undefined ? undefined : this.lines[meta];
  }

  // Of a mean, the first seed's run opens.
  open(event) {
    const line = this.lineOf(event);
    if (line) this.openAt(line.arm, line.seed ?? line.arm.seeds[0], line.xs[event.points[0].pointIndex]);
  }

  openAt(arm, seed, x) {
    const place = nearest(seed.xs, x);
    const step = seed.steps[place];
    const split = this.chart.name.startsWith("heldout/") ? "heldout" : "train";
    openStep(page(), String(seed.runs[place]), step, split, `Rollouts of ${arm.title}, seed ${seed.seed}`);
  }

  walk(event) {
    const arms = this.arms;
    if (!arms.length) return;
    const turn = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    this.at = Math.min(this.at ?? 0, arms.length - 1);
    if (turn) this.at = (this.at + turn + arms.length) % arms.length;
    const arm = arms[this.at];
    const xs = (arm.mean ?? arm.seeds[0]).xs;
    const here = this.x === undefined ? xs.length - 1 : nearest(xs, this.x);
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: xs.length - 1 }[event.key] ?? (turn ? here : undefined);
    if (event.key === "Enter") this.openAt(arm, arm.seeds[0], xs[here]);
    else if (next === undefined) return;
    else {
      this.x = xs[Math.min(Math.max(next, 0), xs.length - 1)];
      showCursor(this.x, this, arm);
      document.getElementById("announcer").textContent = this.readout.textContent;
    }
    event.preventDefault();
  }

  // The line of the cursor that all charts share, and the arms' means there.
  point(x, arm) {
    const axis = this.plot._fullLayout?.xaxis;
    if (x === null || !axis || !this.chart) {
      this.cursor.hidden = true;
      this.readout.textContent = "";
      return;
    }
    const left = axis._offset + axis.d2p(x / scaleOf(this.chart).size);
    this.cursor.hidden = !(left >= axis._offset && left <= axis._offset + axis._length);
    this.cursor.style.transform = `translateX(${left}px)`;
    this.readout.textContent = placeOf(this.chart, arm ? [arm.slug] : this.arms.map((each) => each.slug), x);
  }
}

function showCursor(x, origin = null, arm = null) {
  for (const chart of charts) {
    chart.point(x, arm);
    chart.cursor.classList.toggle("own", chart === origin);
  }
}

function drawAll() {
  for (const chart of charts) chart.draw();
}

function showChosen() {
  for (const link of document.querySelectorAll("[data-x]")) current(link, link.dataset.x === data.axis);
  for (const link of document.querySelectorAll("[data-band][href]")) current(link, link.dataset.band === band);
  for (const button of document.querySelectorAll("[data-hide]")) button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.hide)));
}

function current(link, on) {
  if (on) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

function remember(name, value) {
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString().replaceAll("%2C", ",");
  history.replaceState(history.state, "", `${location.pathname}${text && `?${text}`}${location.hash}`);
}

async function fetchNow(have = "") {
  const asked = query.get("x") ?? "";
  const body = await getPatiently(`${page().dataset.live}?${new URLSearchParams({ x: asked, have })}`);
  if (asked !== (query.get("x") ?? "")) return; // another axis was chosen meanwhile
  if (!body.moving) delete page().dataset.moving;
  if (!body.charts) return;
  const known = data.charts.map((chart) => chart.key).join();
  data = { axis: body.axis, digest: body.digest, charts: body.charts };
  showParts(body.parts);
  if (known !== body.charts.map((chart) => chart.key).join()) await renewCharts();
  showChosen();
  drawAll();
}

function showParts(parts) {
  for (const [name, html] of Object.entries(parts)) {
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    part.innerHTML = html;
    htmx.process(part);
  }
}

// The first figures of a metric have come: the server knows which charts there are.
async function renewCharts() {
  await htmx.ajax("GET", location.pathname + location.search, { target: "#report-charts", select: "#report-charts", swap: "outerHTML" });
}

async function followMoving() {
  while ("moving" in page().dataset) {
    await pause(SEEN_MS);
    if (!document.hidden) await fetchNow(data.digest);
  }
}

document.getElementById("report-toolbar").addEventListener("click", async (event) => {
  const link = event.target.closest("a");
  const button = event.target.closest("[data-hide]");
  if (button) {
    if (!hidden.delete(button.dataset.hide)) hidden.add(button.dataset.hide);
    const names = [...hidden].join(",");
    remember("hide", names || (firstHidden && ",")); // where some are hidden at first, none is a choice too
  } else if (link?.dataset.band) {
    event.preventDefault();
    band = link.dataset.band;
    remember("band", band === "range" ? "" : band);
  } else if (link?.dataset.x) {
    event.preventDefault();
    remember("x", link.dataset.x);
    await fetchNow();
  } else return;
  showChosen();
  drawAll();
});
for (const source of [matchMedia("(prefers-color-scheme: dark)"), document]) {
  source.addEventListener(source === document ? "espalier:theme" : "change", () => {
    colours = theme();
    drawAll();
  });
}

customElements.define("report-chart", ReportChart);
showChosen();
followMoving();
