// The replay's controls, and three strips under it: frontier, best Q and tokens over the events, with the cursor.

import { number, tellEvent } from "./words.js";

const STRIPS = [["frontier", "frontier", "nodes"], ["best_q", "best Q", ""], ["tokens", "tokens", ""]];
const HEIGHT = 34;
const TICK = 600; // milliseconds an event at speed 1

export class Strips {
  #timer;

  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.slider = root.querySelector("[data-scrub]");
    this.slider.max = viewer.replay.last;
    this.slider.addEventListener("input", () => viewer.go(Number(this.slider.value)));
    this.speed = root.querySelector("[data-speed]");
    root.addEventListener("click", (event) => this.#press(event));
    this.canvases = STRIPS.map(([name]) => root.querySelector(`[data-strip=${name}]`));
    for (const canvas of this.canvases) {
      const move = (event) => {
        const box = canvas.getBoundingClientRect();
        viewer.go(Math.round(((event.clientX - box.left) / box.width) * viewer.replay.last));
      };
      canvas.addEventListener("pointerdown", move);
      canvas.addEventListener("pointermove", (event) => event.buttons && move(event));
    }
  }

  get isPlaying() {
    return this.#timer !== undefined;
  }

  #press(event) {
    const button = event.target.closest("[data-replay]");
    if (button) this.act(button.dataset.replay);
  }

  act(what) {
    const { viewer } = this;
    const { replay, tree } = viewer;
    if (what === "play") return this.toggle();
    this.stop();
    const to = {
      first: 0, back: replay.at - 1, on: replay.at + 1, last: replay.last,
      solved: tree.firstSolved ?? -1, best: replay.lastBestChange(),
    }[what];
    if (to === undefined || to < 0) return viewer.announce(what === "solved" ? "No right end was found." : "There is nothing before this.");
    viewer.go(to);
    viewer.stage.follow();
    if (what === "solved" || what === "best") viewer.select(replay.columns.node[to], { move: true });
  }

  toggle() {
    if (this.isPlaying) return this.stop();
    const { viewer } = this;
    if (viewer.replay.at >= viewer.replay.last) viewer.go(0);
    const rate = () => Number(this.speed.value);
    let due = 1;
    const wait = () => Math.max(TICK / rate(), 40);
    const step = () => {
      due = Math.max(Math.round((40 * rate()) / TICK), 1); // faster than the screen: several events at once
      viewer.go(viewer.replay.at + due);
      if (rate() <= 4) viewer.stage.follow();
      if (viewer.replay.at >= viewer.replay.last) this.stop();
      else this.#timer = setTimeout(step, wait());
    };
    this.#timer = setTimeout(step, wait());
    this.#say(true);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#say(false);
    this.viewer.settle();
  }

  #say(playing) {
    const button = this.root.querySelector("[data-replay=play]");
    button.textContent = playing ? "⏸ Pause" : "▶ Play";
    this.root.querySelector("[data-told]").setAttribute("aria-live", playing ? "off" : "polite");
  }

  update() {
    const { replay, tree } = this.viewer;
    this.slider.value = replay.at;
    this.slider.setAttribute("aria-valuetext", `event ${replay.at} of ${replay.last}`);
    this.root.querySelector("[data-event]").textContent = `${replay.at} / ${replay.last}`;
    this.root.querySelector("[data-told]").textContent = tellEvent(tree, replay);
    this.cursor();
  }

  /** Draws the strips anew: after a change of size or theme. */
  redraw(theme) {
    this.theme = theme;
    const { replay } = this.viewer;
    this.pictures = STRIPS.map(([name], place) => {
      const canvas = this.canvases[place];
      return draw(canvas, replay.columns[name], theme.magnitude[place === 1 ? 4 : 5] ? theme.soft : theme.ink, theme);
    });
    this.cursor();
  }

  cursor() {
    if (!this.pictures) return;
    const { replay } = this.viewer;
    STRIPS.forEach(([name, , unit], place) => {
      const canvas = this.canvases[place];
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(this.pictures[place], 0, 0);
      const x = (replay.at / Math.max(replay.last, 1)) * (canvas.width - 2) + 1;
      context.fillStyle = this.theme.accent;
      context.fillRect(x - 1, 0, 2, canvas.height);
      const value = replay.columns[name][replay.at];
      canvas.parentElement.querySelector("[data-value]").textContent = `${number(value, 4)}${unit && ` ${unit}`}`;
    });
  }
}

function draw(canvas, values, colour, theme) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  [canvas.width, canvas.height] = [Math.max(width * scale, 1), HEIGHT * scale];
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [canvas.width, canvas.height];
  const context = picture.getContext("2d");
  context.scale(scale, scale);
  const known = values.filter((value) => value !== null);
  const low = Math.min(0, ...spread(known));
  const high = Math.max(...spread(known), low + 1e-9);
  const y = (value) => HEIGHT - 3 - ((value - low) / (high - low)) * (HEIGHT - 7);
  context.beginPath();
  let up = false;
  values.forEach((value, event) => {
    if (value === null) return;
    const x = (event / Math.max(values.length - 1, 1)) * (width - 2) + 1;
    if (up) context.lineTo(x, y(value));
    else context.moveTo(x, y(value));
    up = true;
  });
  context.strokeStyle = colour;
  context.lineWidth = 1.4;
  context.stroke();
  context.fillStyle = theme.faint;
  context.fillRect(0, y(0), width, 1);
  return picture;
}

/** Smallest and largest, without spreading ten thousand arguments. */
function spread(values) {
  return values.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : [0];
}
