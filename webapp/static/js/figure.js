// Turns curves into what Plotly draws, and into the line of figures beneath.

import { smooth } from "./curves.js";

const MARKED_POINTS = 60; // so few points are drawn as dots as well
const TIME_UNITS = [["h", 3600, 7200], ["min", 60, 600], ["s", 1, 0]];

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ink: read("--ink"), soft: read("--ink-soft"), line: read("--line"), surface: read("--surface"),
    font: read("--font"), warn: read("--warn"), bad: read("--bad"), info: read("--info"),
    curve: (number) => read(`--curve-${((number - 1) % 8) + 1}`),
  };
}

// The curves of a chart that have points, with their places on the axis: [{spec, steps, xs, values, low, high}].
export function gather(chart, store, view, hidden) {
  const found = [];
  for (const spec of chart.curves) {
    const curve = store.get(spec.source, spec.name);
    if (!curve?.steps.length || view.hide.has(spec.source) || hidden.has(spec.name)) continue;
    const [low, high] = bounds(spec, curve, store, view);
    const xs = view.x === "step" ? curve.steps : curve.steps.map((step) => store.at(spec.source, step));
    found.push({ spec, steps: curve.steps, xs, values: curve.values, low, high });
  }
  return found;
}

// Intervals are smoothed like the curve they belong to; the smallest and largest of many steps stay as they were.
function bounds(spec, curve, store, view) {
  const isInterval = spec.band || spec.source.startsWith("group:");
  let ends = [curve.low, curve.high];
  if (spec.band) {
    const curves = spec.band.map((name) => store.get(spec.source, name));
    if (!curves.every((end) => end?.steps.length === curve.steps.length)) return [];
    ends = curves.map((end) => end.values);
  }
  return isInterval && ends[0] ? ends.map((end) => smooth(end, view.smooth)) : ends;
}

export function figure(chart, curves, marks, view, colours) {
  const unit = timeUnit(curves, view);
  const scaled = unit ? curves.map((curve) => ({ ...curve, xs: curve.xs.map((x) => x / unit[1]) })) : curves;
  const faded = (spec) => view.mean && spec.group !== "";
  const data = [];
  if (!chart.stacked) {
    for (const curve of scaled) if (curve.low?.length && !faded(curve.spec)) data.push(band(curve, colours));
  }
  if (view.smooth) for (const curve of scaled) if (!faded(curve.spec)) data.push(raw(curve, colours));
  for (const [index, curve] of scaled.entries()) data.push(line(chart, curve, index, view, colours, faded(curve.spec)));
  return { data, layout: layout(chart, scaled, marks, view, colours, unit) };
}

function line(chart, curve, index, view, colours, faded) {
  const few = curve.values.length <= MARKED_POINTS;
  return {
    x: curve.xs,
    y: smooth(curve.values, view.smooth),
    name: curve.spec.label,
    meta: index,
    mode: few && !chart.stacked ? "lines+markers" : "lines",
    marker: { size: 4 },
    opacity: faded ? 0.35 : 1,
    line: { color: colours.curve(curve.spec.colour), width: 1.6, dash: curve.spec.colour > 0 && index >= 8 ? "dot" : "solid" },
    hovertemplate: `%{y:${hoverFormat(chart.unit)}}`,
    ...(chart.stacked ? { stackgroup: "all", line: { width: 0.5, color: colours.curve(curve.spec.colour) } } : {}),
  };
}

function raw(curve, colours) {
  const color = colours.curve(curve.spec.colour);
  return { x: curve.xs, y: curve.values, mode: "lines", opacity: 0.25, line: { color, width: 1 }, hoverinfo: "skip", showlegend: false };
}

function band(curve, colours) {
  const kept = [...curve.xs.keys()].filter((i) => curve.low[i] !== null && curve.high[i] !== null);
  const there = kept.map((i) => curve.xs[i]);
  const low = kept.map((i) => curve.low[i]);
  const high = kept.map((i) => curve.high[i]);
  return {
    x: there.concat([...there].reverse()), y: high.concat(low.reverse()), fill: "toself", mode: "lines",
    line: { width: 0 }, fillcolor: colours.curve(curve.spec.colour), opacity: 0.16, hoverinfo: "skip", showlegend: false,
  };
}

// What all charts look like, whatever they draw; `x` is the axis: steps need no title below it.
export function look(x, colours) {
  const axis = {
    gridcolor: colours.line, linecolor: colours.line, tickcolor: colours.line, zeroline: false, automargin: true,
    tickfont: { size: 11 },
  };
  const frame = {
    autosize: true,
    margin: { l: 44, r: 10, t: 6, b: x === "step" ? 22 : 36 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: colours.font, size: 12, color: colours.soft },
    hoverlabel: { bgcolor: colours.surface, bordercolor: colours.line, font: { color: colours.ink, size: 12 } },
    showlegend: false,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.soft, activecolor: colours.ink },
  };
  return { axis, frame };
}

function layout(chart, curves, marks, view, colours, unit) {
  const { axis, frame } = look(view.x, colours);
  const isSigned = curves.some((curve) => curve.values.some((value) => value < 0)); // a share that stays 0 has no room below
  const places = marks.map((mark) => ({ ...mark, at: curves.length ? mark.at / (unit?.[1] ?? 1) : 0 }));
  return {
    ...frame,
    hovermode: "x unified",
    dragmode: "zoom",
    uirevision: "kept",
    xaxis: {
      ...axis, type: view.xlog ? "log" : "linear", tickformat: view.x === "tokens" ? "~s" : "",
      title: { text: { step: "", tokens: "tokens", time: unit?.[0] ?? "" }[view.x], font: { size: 11 }, standoff: 4 },
      unifiedhovertitle: { text: { step: "step %{x}", tokens: "%{x:.4~s} tokens", time: `%{x:.4~g} ${unit?.[0]}` }[view.x] },
      ...range(chart, view, unit), rangemode: span(chart, curves) ? "normal" : "nonnegative", // no step -1 beside the first
      ...(view.x === "step" && !view.xlog && span(chart, curves) < FEW_STEPS ? { dtick: 1 } : {}),
    },
    yaxis: {
      ...axis, type: view.hasLogY(chart.key) ? "log" : "linear", fixedrange: true, tickformat: tickFormat(chart.unit),
      rangemode: chart.stacked ? "tozero" : isSigned ? "normal" : "nonnegative",
    },
    shapes: places.map((mark) => ({
      type: "line", x0: mark.at, x1: mark.at, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: tone(mark, colours) },
    })),
    annotations: places.map((mark) => ({
      x: view.xlog ? Math.log10(mark.at) : mark.at, yref: "paper", y: 1, yanchor: "top", showarrow: false, text: symbol(mark),
      textangle: mark.severity === "word" ? -90 : 0, xanchor: mark.severity === "word" ? "right" : "center",
      hovertext: `step ${mark.step}: ${escape(mark.text)}`, font: { size: 12, color: tone(mark, colours) }, captureevents: true,
    })),
  };
}

// There is no half a step: where few are shown, each has its tick.
const FEW_STEPS = 10;

function span(chart, curves) {
  const ends = chart.range ?? curves.flatMap((curve) => [curve.xs[0], curve.xs.at(-1)]).filter((x) => x !== undefined);
  return Math.max(...ends) - Math.min(...ends);
}

function range(chart, view, unit) {
  if (!chart.range) return { autorange: true };
  const ends = chart.range.map((x) => x / (unit?.[1] ?? 1));
  return { autorange: false, range: view.xlog ? ends.map((x) => Math.log10(Math.max(x, 1e-9))) : ends };
}

function timeUnit(curves, view) {
  if (view.x !== "time") return null;
  const longest = Math.max(0, ...curves.map((curve) => curve.xs.at(-1)));
  return TIME_UNITS.find(([, , from]) => longest >= from);
}

const tone = (mark, colours) => ({ error: colours.bad, warning: colours.warn })[mark.severity] ?? colours.info;
const symbol = (mark) => ({ error: "✕", warning: "⚠", word: escape(mark.label ?? "") })[mark.severity] ?? "ⓘ";
// Plotly reads a few tags in its texts.
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const tickFormat = (unit) => ({ share: "~%", bytes: ".3~s" })[unit] ?? "";
const hoverFormat = (unit) => ({ share: ".1%", bytes: ".4~s" })[unit] ?? ".4~g";

export function format(value, unit) {
  if (value === null || value === undefined) return "not a number";
  if (unit === "share") return `${(100 * value).toFixed(1)} %`;
  if (unit === "bytes") return `${(value / 2 ** 20).toFixed(0)} MiB`;
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

// "last 43 %, best 47 % at step 80", and what could not be drawn.
export function summary(chart, curves, view) {
  const parts = [];
  const main = curves[0];
  if (curves.length === 1 || chart.legend) {
    const known = [...main.values.keys()].filter((i) => main.values[i] !== null);
    if (known.length) {
      parts.push(`last ${format(main.values[known.at(-1)], chart.unit)} at step ${main.steps[known.at(-1)]}`);
      if (chart.better) {
        const sign = chart.better === "up" ? 1 : -1;
        const best = known.reduce((a, b) => (sign * main.values[b] > sign * main.values[a] ? b : a));
        parts.push(`best ${format(main.values[best], chart.unit)} at step ${main.steps[best]}`);
      }
    }
    if (curves.length > 1) parts[0] = `${main.spec.label}: ${parts[0]}`;
  }
  const all = curves.flatMap((curve) => curve.values);
  const broken = all.filter((value) => value === null).length;
  const low = view.hasLogY(chart.key) ? all.filter((value) => value !== null && value <= 0).length : 0;
  if (broken) parts.push(`${broken} not finite`);
  if (low) parts.push(`${low} at or below 0 cannot be drawn on a logarithmic axis`);
  return parts.join(" · ");
}
