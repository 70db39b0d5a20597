// Charts of labeling's statistics: dots with intervals, and bars. The page's tables hold the same figures.

import { look, theme } from "./figure.js";

const ROW = 26; // pixels a row of dots takes
const LONGEST = 26; // letters of a name on the axis
const OPTIONS = { displayModeBar: false, responsive: true };
const FORMATS = { share: ".1%", coefficient: ".3f", points: ",.0f" };

const charts = new Set();
const plotly = new Promise((resolve) => {
  if (window.Plotly) resolve();
  else document.getElementById("plotly").addEventListener("load", resolve, { once: true });
});

// Plotly reads a few tags in its texts.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const short = (text) => plain(text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

function dots(chart, colours) {
  const { axis, frame } = look("label", colours);
  const rows = chart.rows;
  const places = rows.map((_, index) => index);
  const reach = (row, end) => (row[end] === null ? 0 : Math.abs(row[end] - row.value));
  const format = FORMATS[chart.unit];
  const data = [{
    x: rows.map((row) => row.value), y: places, mode: "markers", type: "scatter",
    marker: { size: 9, color: colours.curve(1) },
    error_x: {
      type: "data", symmetric: false, array: rows.map((row) => reach(row, "high")),
      arrayminus: rows.map((row) => reach(row, "low")), color: colours.curve(1), thickness: 1.6, width: 5,
    },
    customdata: rows.map((row) => [plain(row.name), row.n]),
    hovertemplate: `%{customdata[0]}: %{x:${format}} (n = %{customdata[1]})<extra></extra>`,
  }];
  const layout = {
    ...frame, dragmode: false, hovermode: "closest", height: 44 + ROW * rows.length, margin: { l: 10, r: 16, t: 6, b: 30 },
    xaxis: { ...axis, fixedrange: true, tickformat: chart.unit === "share" ? "~%" : "", ...range(chart) },
    yaxis: { ...axis, fixedrange: true, tickvals: places, ticktext: rows.map((row) => short(row.name)), range: [rows.length - 0.5, -0.5], showgrid: false },
    shapes: chart.line === null ? [] : [{
      type: "line", x0: chart.line, x1: chart.line, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: colours.soft },
    }],
  };
  return { data, layout };
}

// Shares are read against the whole, coefficients against 0 and 1.
function range(chart) {
  if (chart.unit === "share") return { range: [-0.02, 1.02] };
  if (chart.unit !== "coefficient") return {};
  const lowest = Math.min(0, ...chart.rows.map((row) => row.low ?? row.value));
  return { range: [lowest - 0.05, 1.05] };
}

function bars(chart, colours) {
  const { axis, frame } = look("label", colours);
  const data = [{
    type: "bar", x: chart.rows.map((row) => row.name), y: chart.rows.map((row) => row.value),
    marker: { color: colours.curve(1) }, hovertemplate: "%{x} s: %{y} labels<extra></extra>",
  }];
  const layout = {
    ...frame, dragmode: false, height: 220, margin: { l: 40, r: 10, t: 6, b: 44 }, bargap: 0.15,
    xaxis: { ...axis, type: "category", fixedrange: true, tickfont: { size: 10 }, title: { text: chart.axis, font: { size: 11 }, standoff: 4 } },
    yaxis: { ...axis, fixedrange: true, rangemode: "tozero" },
  };
  return { data, layout };
}

class LabelChart extends HTMLElement {
  connectedCallback() {
    this.plot = this.querySelector("[data-plot]");
    this.chart = JSON.parse(document.getElementById("label-charts").textContent).find((chart) => chart.key === this.dataset.key);
    charts.add(this);
    this.draw();
  }

  disconnectedCallback() {
    charts.delete(this);
    if (window.Plotly) Plotly.purge(this.plot);
  }

  async draw() {
    await plotly;
    if (!this.isConnected) return;
    const { data, layout } = (this.chart.kind === "bars" ? bars : dots)(this.chart, theme());
    this.plot.style.height = `${layout.height}px`;
    Plotly.react(this.plot, data, layout, OPTIONS);
  }
}

customElements.define("label-chart", LabelChart);
document.addEventListener("espalier:theme", () => charts.forEach((chart) => chart.draw()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.draw()));

// The figures are fetched by the page; where that fails, it says so.
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => {
    document.querySelector("[data-computing]")?.remove();
    document.querySelector("[data-computing-failed]").hidden = false;
  });
}
