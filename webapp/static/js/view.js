// How charts are drawn: axis, smoothing, logarithms, window of steps, hidden runs. It all stands in the address.

const MOST_SMOOTHING = 0.98;

class View extends EventTarget {
  constructor() {
    super();
    const query = new URLSearchParams(location.search);
    const list = (name) => new Set((query.get(name) ?? "").split(",").filter(Boolean));
    this.x = ["tokens", "time"].includes(query.get("x")) ? query.get("x") : "step";
    this.smooth = Math.min(Math.max(Number(query.get("smooth")) || 0, 0), MOST_SMOOTHING);
    this.xlog = query.get("xlog") === "1";
    this.ylog = list("ylog");
    this.hide = list("hide");
    this.mean = query.get("mean") === "1";
    const [from, to] = ["from", "to"].map((name) => parseInt(query.get(name), 10));
    this.window = from <= to ? { from, to } : null;
  }

  set(changes) {
    Object.assign(this, changes);
    this.#write();
    this.dispatchEvent(new CustomEvent("change", { detail: new Set(Object.keys(changes)) }));
  }

  hasLogY(key) {
    return this.ylog.has("all") ? !this.ylog.has(`-${key}`) : this.ylog.has(key);
  }

  toggleLogY(key) {
    const ylog = new Set(this.ylog);
    const exception = ylog.has("all") ? `-${key}` : key;
    if (!ylog.delete(exception)) ylog.add(exception);
    this.set({ ylog });
  }

  #write() {
    const query = new URLSearchParams(location.search);
    const put = (name, value) => (value ? query.set(name, value) : query.delete(name));
    put("x", this.x === "step" ? "" : this.x);
    put("smooth", this.smooth || "");
    put("xlog", this.xlog ? "1" : "");
    put("ylog", [...this.ylog].join(","));
    put("hide", [...this.hide].join(","));
    put("mean", this.mean ? "1" : "");
    put("from", this.window ? String(this.window.from) : "");
    put("to", this.window ? String(this.window.to) : "");
    const text = query.toString().replaceAll("%2C", ",");
    history.replaceState(history.state, "", `${location.pathname}${text && `?${text}`}${location.hash}`);
  }
}

export const view = new View();

// Connects the buttons of the bar above the charts.
export function connectToolbar(bar) {
  const press = (button, on) => button?.setAttribute("aria-pressed", String(on));
  const slider = bar.querySelector("[data-smooth]");

  function show() {
    for (const button of bar.querySelectorAll("[data-x]")) press(button, button.dataset.x === view.x);
    press(bar.querySelector("[data-xlog]"), view.xlog);
    press(bar.querySelector("[data-ylog]"), view.ylog.has("all"));
    press(bar.querySelector("[data-mean]"), view.mean);
    slider.value = view.smooth;
    bar.querySelector("[data-smooth-value]").textContent = view.smooth ? view.smooth.toFixed(2) : "off";
    bar.querySelector("[data-zoom-out]").hidden = view.window === null;
  }

  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.x) view.set({ x: button.dataset.x });
    else if ("xlog" in button.dataset) view.set({ xlog: !view.xlog });
    else if ("ylog" in button.dataset) view.set({ ylog: new Set(view.ylog.has("all") ? [] : ["all"]) });
    else if ("mean" in button.dataset) view.set({ mean: !view.mean });
    else if ("zoomOut" in button.dataset) view.set({ window: null });
  });
  slider.addEventListener("input", () => view.set({ smooth: Number(slider.value) }));
  view.addEventListener("change", show);
  show();
}
