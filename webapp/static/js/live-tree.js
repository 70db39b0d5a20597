// <live-tree>: a tree that grows, drawn small. Every node by its status, where a new one comes out of its parent.

const GROWTH_MS = 180;
const MOST_MOVED = 2000; // larger trees are drawn at once
const PAD = 7;
const [OPEN, EXPANDED, RIGHT, WRONG, INCOMPLETE] = [0, 1, 2, 3, 4];
const COLOURS = ["--tree-open", "--tree-open", "--tree-right", "--tree-wrong", "--tree-incomplete"];

// Places of all nodes, leaves side by side, in two walks: children have larger numbers than their parents.
export function layOut(parent, depth) {
  const count = parent.length;
  const leaves = new Float64Array(count);
  for (let node = count - 1; node >= 0; node--) {
    if (leaves[node] === 0) leaves[node] = 1;
    if (node > 0) leaves[parent[node]] += leaves[node];
  }
  const from = new Float64Array(count);
  const taken = new Float64Array(count);
  const x = new Float64Array(count);
  let deepest = 1;
  for (let node = 0; node < count; node++) {
    if (node > 0) {
      from[node] = from[parent[node]] + taken[parent[node]];
      taken[parent[node]] += leaves[node];
    }
    x[node] = (from[node] + leaves[node] / 2) / leaves[0];
    deepest = Math.max(deepest, depth[node]);
  }
  return { x, y: Float64Array.from(depth, (level) => level / deepest) };
}

function decode(text, Type) {
  return new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

class LiveTree extends HTMLElement {
  connectedCallback() {
    if (!this.canvas) {
      this.canvas = document.createElement("canvas");
      this.canvas.setAttribute("role", "img");
      this.append(this.canvas);
    }
    this.watch = new ResizeObserver(() => this.draw(1));
    this.watch.observe(this);
    this.theme = new MutationObserver(() => this.draw(1));
    this.theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.theme.disconnect();
    cancelAnimationFrame(this.frame);
  }

  show(tree) {
    const parent = decode(tree.columns.parent, Int32Array);
    const places = layOut(parent, decode(tree.columns.depth, Int32Array));
    const before = this.places;
    this.parent = parent;
    this.status = decode(tree.columns.status, Uint8Array);
    this.places = places;
    this.origin = before && grownFrom(before, places, parent);
    const ended = (status) => this.status.filter((each) => each === status).length;
    this.canvas.setAttribute("aria-label", `Tree of ${parent.length} nodes: ${ended(RIGHT)} ended right, ${ended(WRONG)} wrong`);
    this.grow();
  }

  grow() {
    cancelAnimationFrame(this.frame);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!this.origin || still || this.parent.length > MOST_MOVED) return this.draw(1);
    const begun = performance.now();
    const tick = (now) => {
      const share = Math.min(Math.max((now - begun) / GROWTH_MS, 0), 1);
      this.draw(share);
      if (share < 1) this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  draw(share) {
    const width = this.clientWidth;
    const height = this.clientHeight;
    if (!this.places || !width || !height) return;
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const ink = this.canvas.getContext("2d");
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, width, height);
    const { x, y } = this.at(share, width, height);
    this.drawEdges(ink, x, y);
    this.drawNodes(ink, x, y, width);
  }

  at(share, width, height) {
    const { places, origin } = this;
    const mix = (name, node) => (origin && share < 1 ? origin[name][node] + (places[name][node] - origin[name][node]) * share : places[name][node]);
    const x = places.x.map((_, node) => PAD + mix("x", node) * (width - 2 * PAD));
    const y = places.y.map((_, node) => PAD + mix("y", node) * (height - 2 * PAD));
    return { x, y };
  }

  drawEdges(ink, x, y) {
    ink.strokeStyle = this.colour("--tree-edge");
    ink.lineWidth = 1;
    ink.beginPath();
    for (let node = 1; node < x.length; node++) {
      ink.moveTo(x[this.parent[node]], y[this.parent[node]]);
      ink.lineTo(x[node], y[node]);
    }
    ink.stroke();
  }

  drawNodes(ink, x, y, width) {
    const size = x.length > width ? 2 : x.length > width / 3 ? 3 : 4;
    for (const [status, draw] of [[EXPANDED, dot], [OPEN, ring], [INCOMPLETE, dash], [WRONG, cross], [RIGHT, triangle]]) {
      ink.fillStyle = ink.strokeStyle = this.colour(COLOURS[status]);
      ink.lineWidth = status === OPEN ? 1 : 1.5;
      ink.beginPath();
      for (let node = 0; node < x.length; node++) if (this.status[node] === status) draw(ink, x[node], y[node], size);
      if (status === EXPANDED || status === RIGHT) ink.fill();
      else ink.stroke();
    }
  }

  colour(name) {
    return getComputedStyle(this).getPropertyValue(name);
  }
}

function dot(ink, x, y, size) {
  ink.moveTo(x, y);
  ink.arc(x, y, size / 2.5, 0, 7);
}

function ring(ink, x, y, size) {
  ink.moveTo(x + size / 2, y);
  ink.arc(x, y, size / 2, 0, 7);
}

function dash(ink, x, y, size) {
  ink.moveTo(x - size, y);
  ink.lineTo(x + size, y);
}

function cross(ink, x, y, size) {
  const arm = size * 0.75;
  ink.moveTo(x - arm, y - arm);
  ink.lineTo(x + arm, y + arm);
  ink.moveTo(x + arm, y - arm);
  ink.lineTo(x - arm, y + arm);
}

function triangle(ink, x, y, size) {
  ink.moveTo(x, y - size * 1.2);
  ink.lineTo(x + size * 1.1, y + size * 0.8);
  ink.lineTo(x - size * 1.1, y + size * 0.8);
  ink.closePath();
}

// Where each node is drawn at first: where it was, or for a new one, where its parent was.
function grownFrom(before, places, parent) {
  const known = before.x.length;
  if (known > parent.length) return null; // another tree
  const x = places.x.slice();
  const y = places.y.slice();
  for (let node = 0; node < parent.length; node++) {
    x[node] = node < known ? before.x[node] : x[parent[node]];
    y[node] = node < known ? before.y[node] : y[parent[node]];
  }
  return { x, y };
}

customElements.define("live-tree", LiveTree);
