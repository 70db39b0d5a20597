// Turns the arms of a report's chart into what Plotly draws: bands, faint seeds, mean lines with dashes of their own.

import { format, look } from "./figure.js";
import { lowerBound } from "./curves.js";

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "5px 3px", "2px 3px", "longdashdot"];
const TIME_UNITS = [["h", 3600, 7200], ["min", 60, 120], ["s", 1, 0]];
const FEW = 40; // so few points are drawn as dots as well

// Seconds are shown in the largest unit that leaves numbers to read.
export function scaleOf(chart) {
  if (chart.axis !== "time") return { size: 1, name: "" };
  const longest = Math.max(0, ...chart.arms.flatMap((arm) => arm.seeds.map((seed) => seed.xs.at(-1))));
  const [name, size] = TIME_UNITS.find(([, , from]) => longest >= from);
  return { size, name };
}

// `lines` is filled with what each trace of `meta` stands for: {arm, seed or null, xs}.
export function reportFigure(chart, band, colours, lines) {
  const { size } = scaleOf(chart);
  const scaled = (xs) => (size === 1 ? xs : xs.map((x) => x / size));
  const data = [];
  for (const arm of chart.arms) data.push(...shade(arm, band, scaled, colours));
  for (const arm of chart.arms) {
    if (arm.seeds.length > 1 || !arm.mean) for (const seed of arm.seeds) data.push(thin(chart, arm, seed, scaled, colours, lines));
  }
  for (const arm of chart.arms) if (arm.mean) data.push(mean(chart, arm, scaled, colours, lines));
  return { data, layout: layout(chart, colours) };
}

function shade(arm, band, scaled, colours) {
  const mean = arm.mean;
  const [low, high] = mean ? (band === "interval" ? [mean.lower, mean.upper] : [mean.low, mean.high]) : [null, null];
  if (!mean || mean.n < 2 || !low) return [];
  const xs = scaled(mean.xs);
  return [{
    x: xs.concat([...xs].reverse()), y: high.concat([...low].reverse()), fill: "toself", mode: "lines", line: { width: 0 },
    fillcolor: colours.curve(arm.colour), opacity: 0.14, hoverinfo: "skip", showlegend: false,
  }];
}

function thin(chart, arm, seed, scaled, colours, lines) {
  lines.push({ arm, seed, xs: seed.xs });
  return {
    x: scaled(seed.xs), y: seed.values, meta: lines.length - 1, mode: "lines", opacity: 0.4,
    line: { width: 1, color: colours.curve(arm.colour) }, name: `${plain(arm.title)}, seed ${seed.seed}`,
    hovertemplate: `%{y:${hover(chart.unit)}}<extra>${plain(arm.title)}, seed ${seed.seed}</extra>`,
  };
}

function mean(chart, arm, scaled, colours, lines) {
  lines.push({ arm, seed: null, xs: arm.mean.xs });
  const name = plain(arm.title) + (arm.mean.n > 1 ? `, mean of ${arm.mean.n}` : "");
  return {
    x: scaled(arm.mean.xs), y: arm.mean.values, meta: lines.length - 1, name,
    mode: arm.mean.xs.length <= FEW ? "lines+markers" : "lines", marker: { size: 4 },
    line: { width: 2, color: colours.curve(arm.colour), dash: DASHES[arm.dash - 1] },
    hovertemplate: `%{y:${hover(chart.unit)}}<extra>${name}</extra>`,
  };
}

function layout(chart, colours) {
  const { axis: plain, frame } = look(chart.axis, colours);
  const axis = { ...plain, fixedrange: true };
  const isSigned = chart.arms.some((arm) => arm.seeds.some((seed) => seed.values.some((value) => value < 0)));
  const { size } = scaleOf(chart);
  const ends = chart.arms.flatMap((arm) => arm.seeds.flatMap((seed) => [seed.xs[0] / size, seed.xs.at(-1) / size]));
  const [from, to] = ends.length ? [Math.min(...ends), Math.max(...ends)] : [0, 1];
  const room = 0.015 * (to - from) || 1;
  const title = { step: "", tokens: "generated tokens", time: `training, ${scaleOf(chart).name}` }[chart.axis];
  return {
    ...frame,
    hovermode: "closest",
    dragmode: false,
    xaxis: { ...axis, range: [from - room, to + room], tickformat: chart.axis === "tokens" ? "~s" : "", title: { text: title, font: { size: 11 }, standoff: 4 } },
    yaxis: { ...axis, tickformat: chart.unit === "share" ? "~%" : "", rangemode: isSigned ? "normal" : "tozero" },
  };
}

// "step 40: 31.2 % · 45.0 %": the means of some arms where the cursor stands.
export function placeOf(chart, slugs, x) {
  const arms = chart.arms.filter((arm) => slugs.includes(arm.slug));
  const figures = arms.map((arm) => {
    const { xs, values } = arm.mean ?? arm.seeds[0];
    const after = lowerBound(xs, x);
    const index = xs[after] === x ? after : after - 1;
    const value = index < 0 || x > xs.at(-1) ? "–" : format(values[index], chart.unit);
    return arms.length === 1 && chart.arms.length > 1 ? `${arm.title} ${value}` : value;
  });
  const { size, name } = scaleOf(chart);
  const place = { step: `step ${x}`, tokens: `${Math.round(x).toLocaleString("en")} tokens`, time: `${Number((x / size).toPrecision(3))} ${name}` }[chart.axis];
  return `${place}: ${figures.join(" · ")}`;
}

// The last mean of each arm; of more than a line can hold, how many there are.
export function words(chart, arms) {
  if (arms.length > DASHES.length) return `${arms.length} arms`;
  return arms
    .map((arm) => {
      const { xs, values } = arm.mean ?? arm.seeds[0];
      const seeds = arm.seeds.length > 1 ? ` (n = ${arm.seeds.length})` : "";
      return xs.length ? `${arm.title}: last ${format(values.at(-1), chart.unit)}${seeds}` : "";
    })
    .filter(Boolean)
    .join(" · ");
}

// Plotly reads a few tags in its texts.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const hover = (unit) => (unit === "share" ? ".1%" : ".4~g");
