// The sandbox's page: the console's keys, and charts that follow the workers.

import { look, theme } from "./figure.js";
import { getPatiently, pause } from "./net.js";

const charts = document.getElementById("sandbox-charts");
const summary = document.querySelector("[data-summary]");
const table = document.querySelector("[data-table]");
const consoleForm = document.getElementById("console");
const MOST_ROWS = 30;
const EVERY_MS = { "15m": 5000, "1h": 5000, "6h": 15000, "24h": 60000 };
const LINES = {
  latency: [["p50", "p50", 1, "solid"], ["p95", "p95", 2, "dash"], ["p99", "p99", 4, "dot"], ["wall", "program, p50", 8, "dashdot"]],
  rate: [["rate", "calls a second", 1, "solid"]],
};
let latest = null;

const plotly = new Promise((resolve) => {
  if (window.Plotly) resolve();
  else document.getElementById("plotly").addEventListener("load", resolve, { once: true });
});
const figures = (value) => (value === null ? "–" : Number(value.toPrecision(3)).toLocaleString("en"));
const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString();

// Between points with a pause the line breaks: nothing is known of the time without traffic.
function broken(at, values, step) {
  const xs = [];
  const ys = [];
  at.forEach((moment, index) => {
    if (index && moment - at[index - 1] > 1.5 * step) {
      xs.push(new Date(1000 * (at[index - 1] + step / 2)));
      ys.push(null);
    }
    xs.push(new Date(1000 * moment));
    ys.push(values[index]);
  });
  return { x: xs, y: ys };
}

function draw(name, colours) {
  const { columns, step } = latest;
  const { axis, frame } = look("time", colours);
  const data = LINES[name].map(([key, label, colour, dash]) => ({
    ...broken(columns.at, columns[key], step), name: label, mode: "lines+markers", marker: { size: 4 },
    line: { width: 1.8, color: colours.curve(colour), dash }, hovertemplate: "%{y:.3~g}",
  }));
  const layout = {
    ...frame, hovermode: "x unified", dragmode: false, margin: { l: 48, r: 10, t: 6, b: 30 }, showlegend: data.length > 1,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 } },
    xaxis: { ...axis, type: "date", fixedrange: true, range: [new Date(1000 * latest.from), new Date(1000 * latest.until)] },
    yaxis: { ...axis, fixedrange: true, rangemode: "tozero" },
  };
  if (name === "latency") layout.margin.t = 26;
  Plotly.react(charts.querySelector(`[data-plot="${name}"]`), data, layout, { displayModeBar: false, responsive: true });
}

async function show() {
  const { at } = latest.columns;
  const isEmpty = !at;
  charts.hidden = isEmpty;
  table.hidden = isEmpty;
  document.querySelector("[data-empty]").hidden = !isEmpty;
  if (isEmpty) {
    summary.textContent = "";
    return;
  }
  await plotly;
  const colours = theme();
  for (const name of Object.keys(LINES)) draw(name, colours);
  const { rate, p50, p95, p99 } = latest.columns;
  const words = `until ${clock(at.at(-1))}: ${figures(rate.at(-1))} calls a second, p50 ${figures(p50.at(-1))} ms, p95 ${figures(p95.at(-1))} ms, p99 ${figures(p99.at(-1))} ms`;
  if (summary.textContent !== words) summary.textContent = words;
  fillTable();
}

function fillTable() {
  const { columns } = latest;
  const rows = [...columns.at.keys()].slice(-MOST_ROWS).reverse().map((index) => {
    const row = document.createElement("tr");
    const cells = ["rate", "p50", "p95", "p99", "wall", "failed", "waiting"].map((name) => figures(columns[name][index]));
    for (const [place, text] of [clock(columns.at[index]), ...cells].entries()) {
      const cell = row.insertCell();
      cell.textContent = text;
      if (place) cell.className = "num";
    }
    return row;
  });
  table.querySelector("tbody").replaceChildren(...rows);
}

async function follow() {
  for (;;) {
    latest = await getPatiently(`${charts.dataset.figures}?window=${charts.dataset.window}`);
    await show();
    await pause(EVERY_MS[charts.dataset.window]);
    while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

// What somebody stands on stays as it is.
const workers = document.getElementById("sandbox-status");
workers.addEventListener("htmx:beforeRequest", (event) => {
  if (workers.contains(document.activeElement)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && consoleForm.contains(event.target)) {
    event.preventDefault();
    const button = consoleForm.querySelector("button");
    if (button && !button.disabled) consoleForm.requestSubmit(button);
  } else if (event.key === "e" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    document.getElementById("program").focus();
  }
});
new MutationObserver(() => latest && show()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
follow();
