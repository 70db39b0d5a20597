// The curves a page draws: fetched together, finer ones for a window of steps, newer points merged in. And the
// arithmetic of drawing them: smoothing, and other axes than steps.

import { getPatiently } from "./net.js";

const MOST_CURVES = 32; // of one request: several small ones are drawn sooner than a large one
const POINTS = 1000;

// Debiased exponential moving average: y_t = Σ β^(t-i) x_i / Σ β^(t-i). Gaps stay gaps and carry no weight.
export function smooth(values, beta) {
  if (!beta) return values;
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = beta * sum + value;
    weight = beta * weight + 1;
    return sum / weight;
  });
}

// y at x on the line through (xs, ys), xs ascending; beyond the ends, the end.
export function interpolate(xs, ys, x) {
  if (xs.length === 0) return x;
  const after = lowerBound(xs, x);
  if (after === 0) return ys[0];
  if (after === xs.length) return ys[after - 1];
  const share = (x - xs[after - 1]) / (xs[after] - xs[after - 1]);
  return ys[after - 1] + share * (ys[after] - ys[after - 1]);
}

// Index of the first element that is not smaller than x.
export function lowerBound(sorted, x) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Index of the element nearest to x; -1 of none.
export function nearest(sorted, x) {
  const after = lowerBound(sorted, x);
  if (after === sorted.length) return after - 1;
  return after > 0 && x - sorted[after - 1] < sorted[after] - x ? after - 1 : after;
}

// A curve with `part` in place of all that reaches into its first bin of 2^level steps or lies after it.
export function merge(curve, part, level) {
  if (!curve || part.steps.length === 0) return curve ?? part;
  const bin = Math.floor(part.steps[0] / 2 ** level) * 2 ** level;
  const kept = lowerBound(curve.steps, bin);
  const joined = {};
  for (const column of Object.keys(part)) joined[column] = (curve[column] ?? []).slice(0, kept).concat(part[column]);
  return joined;
}

// Of two cursors ("rewinds.step") the one that has seen less.
export function earlier(one, other) {
  if (!one || !other) return one || other;
  const [a, b] = [one, other].map((cursor) => cursor.split(".").map(Number));
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]) ? one : other;
}

export class CurveStore extends EventTarget {
  constructor(address, runs) {
    super();
    this.address = address;
    this.runs = runs;
    this.names = new Set();
    this.queue = new Set();
    this.batch = Math.min(16, Math.ceil(MOST_CURVES / runs.length));
    this.x = "step";
    this.mean = false;
    this.window = null;
    this.clear();
  }

  clear() {
    this.full = new Map();
    this.zoomed = new Map();
    this.axes = {};
    this.loaded = new Set();
    this.level = 0;
    this.cursor = "";
  }

  // Ask for metrics; those of one turn of the event loop travel together.
  want(names) {
    for (const name of names) {
      if (this.names.has(name)) continue;
      this.names.add(name);
      this.queue.add(name);
    }
    if (this.queue.size && !this.asking) this.asking = Promise.resolve().then(() => this.#load());
  }

  // Everything anew: after rows were taken back, or when the points have become too many.
  async reload() {
    const names = [...this.names];
    this.names.clear();
    this.loaded.clear();
    this.cursor = "";
    this.renew = true;
    this.want(names);
    await this.asking;
  }

  get(source, name) {
    const key = `${source} ${name}`;
    return (this.window && this.zoomed.get(key)) || this.full.get(key);
  }

  has(name) {
    return this.runs.some((run) => this.full.has(`${run} ${name}`));
  }

  // Where a step lies on the axis that is chosen, for one source.
  at(source, step) {
    const axis = this.axes[source] ?? this.axes[this.runs[0]];
    return this.x === "step" || !axis ? step : interpolate(axis.steps, axis.values, step);
  }

  stepAt(source, x) {
    const axis = this.axes[source] ?? this.axes[this.runs[0]];
    return Math.round(this.x === "step" || !axis ? x : interpolate(axis.values, axis.steps, x));
  }

  async setAxis(x) {
    this.x = x;
    this.axes = {};
    const axes = x === "step" ? {} : (await getPatiently(this.#query([], null))).axis;
    if (x !== this.x) return; // another one was chosen meanwhile
    this.axes = axes;
    this.#tell();
  }

  async setMean(mean) {
    this.mean = mean;
    await this.reload();
  }

  // Show the steps from..to in as fine a resolution as there is; null shows all.
  async setWindow(window) {
    this.window = window;
    this.zoomed = new Map();
    this.#tell();
    if (window) await this.#loadWindow();
  }

  // Newer points of the metrics that were asked for, over the axis `x`. The cursor waits for metrics that were loaded
  // meanwhile.
  add(body, asked, x) {
    for (const [name, part] of Object.entries(body.curves)) {
      const key = `${this.runs[0]} ${name}`;
      this.full.set(key, merge(this.full.get(key), part, this.level));
    }
    if (x === this.x && x !== "step") this.axes = body.axis;
    if ([...this.loaded].every((name) => asked.has(name))) this.cursor = body.cursor;
    if (this.window && this.window.to >= Number(body.cursor.split(".")[1])) this.#loadWindow();
    this.#tell();
  }

  async #load() {
    const names = [...this.queue];
    const { x } = this;
    this.queue.clear();
    const answers = [];
    for (let first = 0; first < names.length; first += this.batch) {
      answers.push(getPatiently(this.#query(names.slice(first, first + this.batch), null)));
    }
    this.asking = null;
    const bodies = await Promise.all(answers);
    if (this.renew) this.full = new Map();
    this.renew = false;
    const mixed = this.runs.length === 1 && this.loaded.size > 0 && bodies.some((body) => body.level !== this.level);
    for (const body of bodies) {
      this.#store(this.full, body);
      this.level = body.level;
      this.cursor = earlier(this.cursor, body.cursor ?? "");
      if (x === this.x) Object.assign(this.axes, body.axis);
    }
    for (const name of names) this.loaded.add(name);
    this.#tell();
    if (mixed) await this.reload(); // the run has grown into a coarser resolution meanwhile
    if (this.window) await this.#loadWindow();
  }

  async #loadWindow() {
    const window = this.window;
    const names = [...this.names];
    for (let first = 0; first < names.length; first += this.batch) {
      const body = await getPatiently(this.#query(names.slice(first, first + this.batch), window));
      if (window !== this.window) return;
      this.#store(this.zoomed, body);
      this.#tell();
    }
  }

  #store(map, body) {
    for (const [source, curves] of Object.entries(body.curves)) {
      for (const [name, curve] of Object.entries(curves)) map.set(`${source} ${name}`, { ...curve, level: body.level });
    }
  }

  #query(names, window) {
    const query = new URLSearchParams({ runs: this.runs.join(","), names: names.join(","), points: POINTS });
    if (this.x !== "step") query.set("x", this.x);
    if (this.mean) query.set("mean", "1");
    if (window) {
      query.set("from", window.from);
      query.set("to", window.to);
    }
    return `${this.address}?${query}`;
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
