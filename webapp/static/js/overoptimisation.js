// <overoptimisation-chart>: learned reward (right axis) and held-out accuracy (left) against √KL, with the fitted curve
// of accuracy; points open the responses of their step.

import { openStep } from "./drawer.js";
import { format, look, theme } from "./figure.js";

const OPTIONS = { displaylogo: false, responsive: true, displayModeBar: "hover", modeBarButtons: [["toImage"]], showTips: false };
const FITS = { rl: "d (a − b log d)", best_of_n: "d (a − b d)" };
const TICKS = 7;

const page = () => document.getElementById("overoptimisation");
const plotly = new Promise((resolve) => {
  if (window.Plotly) resolve();
  else document.getElementById("plotly").addEventListener("load", resolve, { once: true });
});
let showsBestOfN = false; // outlives a page's parts, which are fetched again while the run goes on

class OveroptimisationChart extends HTMLElement {
  connectedCallback() {
    this.data = JSON.parse(this.querySelector("#overoptimisation-data").textContent);
    for (const part of ["plot", "body", "readout"]) this[part] = this.querySelector(`[data-${part}]`);
    const choice = this.querySelector("[data-best-of-n]");
    if (choice) {
      choice.checked = showsBestOfN;
      choice.addEventListener("change", () => {
        showsBestOfN = choice.checked;
        this.draw();
      });
    }
    this.body.addEventListener("keydown", (event) => this.walk(event));
    this.redraw = () => this.draw();
    document.addEventListener("espalier:theme", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
    this.draw();
  }

  disconnectedCallback() {
    document.removeEventListener("espalier:theme", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.redraw);
    if (window.Plotly) Plotly.purge(this.plot);
  }

  async draw() {
    await plotly;
    if (!this.isConnected) return;
    const colours = theme();
    Plotly.react(this.plot, traces(this.data, colours), layout(this.data, colours), OPTIONS);
    if (this.listening) return;
    this.listening = true;
    this.plot.on("plotly_click", (event) => this.open(event.points[0]?.data.meta, event.points[0]?.pointIndex));
  }

  // Points of both curves open: gold the held-out answers, proxy the responses of training.
  open(kind, index) {
    const step = this.data[kind]?.steps[index];
    if (step === undefined) return;
    openStep(page(), this.data.run, step, kind === "gold" ? "heldout" : "train", kind === "gold" ? "Held-out answers" : "Responses of this step");
  }

  walk(event) {
    const { steps, distances, values } = this.data.gold;
    if (!steps.length) return;
    const last = steps.length - 1;
    const here = this.at ?? last;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (event.key === "Enter") this.open("gold", here);
    else if (next === undefined) return;
    else {
      this.at = Math.min(Math.max(next, 0), last);
      this.readout.textContent = `step ${steps[this.at]}: ${format(values[this.at], "share")} at ${distances[this.at].toPrecision(3)} √nats`;
      document.getElementById("announcer").textContent = this.readout.textContent;
    }
    event.preventDefault();
  }
}

function traces(data, colours) {
  const { gold, proxy } = data;
  const drawn = [];
  if (proxy.steps.length) {
    drawn.push({
      x: proxy.distances, y: proxy.values, meta: "proxy", yaxis: "y2", mode: "lines+markers", customdata: proxy.steps,
      marker: { size: 3 }, line: { width: 1.2, color: colours.curve(2) },
      hovertemplate: "step %{customdata}: learned reward %{y:.4~g} at %{x:.3~g} √nats<extra></extra>",
    });
  }
  const shown = ["rl", ...(showsBestOfN ? ["best_of_n"] : [])].filter((form) => data.fits[form]);
  for (const form of shown) {
    const fit = data.fits[form];
    drawn.push({
      x: fit.distances, y: fit.values, mode: "lines", line: { width: 1.6, color: colours.curve(3), dash: form === "rl" ? "dash" : "dot" },
      hovertemplate: `fitted ${FITS[form]}: %{y:.1%} at %{x:.3~g} √nats<extra></extra>`,
    });
  }
  if (gold.steps.length) {
    drawn.push({
      x: gold.distances, y: gold.values, meta: "gold", mode: "markers", customdata: gold.steps,
      marker: { size: 8, color: colours.curve(1) }, error_y: errors(gold, colours),
      hovertemplate: "step %{customdata}: pass@1 %{y:.1%} at %{x:.3~g} √nats<extra></extra>",
    });
  }
  return drawn;
}

// Ends of the intervals as lengths; a point without an interval has none.
function errors({ values, lows, highs }, colours) {
  const length = (ends, sign) => values.map((value, i) => (ends[i] === null ? 0 : Math.max(sign * (ends[i] - value), 0)));
  return { type: "data", symmetric: false, array: length(highs, 1), arrayminus: length(lows, -1), thickness: 1, width: 3, color: colours.curve(1) };
}

function layout(data, colours) {
  const { axis, frame } = look("distance", colours);
  const fixed = { ...axis, fixedrange: true };
  const far = 1.08 * Math.max(0.1, ...data.gold.distances, ...data.proxy.distances);
  const places = ticks(far);
  const lines = marks(data, far, colours);
  return {
    ...frame,
    margin: { l: 44, r: 44, t: 20, b: 48 },
    hovermode: "closest",
    dragmode: false,
    xaxis: {
      ...fixed, range: [-0.02 * far, far], tickvals: places,
      ticktext: places.map((place) => `${Number(place.toPrecision(3))}<br><span style="font-size:9px">${Number((place * place).toPrecision(2))}</span>`),
      title: { text: "distance √KL to the reference (below: KL in nats a response)", font: { size: 11 }, standoff: 4 },
    },
    yaxis: { ...fixed, tickformat: "~%", title: { text: "held-out pass@1", font: { size: 11 } } },
    yaxis2: { ...fixed, overlaying: "y", side: "right", tickmode: "auto", showgrid: false, title: { text: "learned reward", font: { size: 11 } } },
    shapes: lines.map(({ at, colour, dash }) => ({
      type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { width: 1.2, dash, color: colour },
    })),
    annotations: lines.map(({ at, label, colour, level }) => ({
      x: at, yref: "paper", y: 1, yanchor: "bottom", xanchor: at > far / 2 ? "right" : "left", yshift: level, showarrow: false, text: label,
      font: { size: 11, color: colour },
    })),
  };
}

function marks(data, far, colours) {
  const found = [];
  for (const [form, name] of [["rl", "d*"], ...(showsBestOfN ? [["best_of_n", "d* (best of n)"]] : [])]) {
    const peak = data.fits[form]?.peak;
    if (peak && peak.distance <= far) found.push({ at: peak.distance, label: `${name}, ${data.fits[form].points} points`, colour: colours.curve(3), dash: "dash", level: 0 });
  }
  if (data.budget && data.budget <= far) found.push({ at: data.budget, label: "KL budget", colour: colours.warn, dash: "solid", level: -14 });
  const first = data.proxy.steps.findIndex((step) => data.alarm !== null && step >= data.alarm);
  if (first >= 0) found.push({ at: data.proxy.distances[first], label: "⚠ first sign", colour: colours.bad, dash: "dot", level: -28 });
  return found;
}

function ticks(far) {
  const rough = far / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  return Array.from({ length: Math.floor(far / step) + 1 }, (_, i) => i * step);
}

customElements.define("overoptimisation-chart", OveroptimisationChart);

// Whoever reads the table or walks along the chart is not disturbed by newer figures.
document.addEventListener("htmx:beforeSwap", (event) => {
  const shown = event.target;
  if (shown.id === "overoptimisation" && (shown.contains(document.activeElement) || shown.querySelector("details[open]"))) {
    event.detail.shouldSwap = false;
  }
});
