// The whole tree in a corner, with the part that is on the screen; a click or drag goes there.

const DOT = 1.6;

export class Minimap {
  constructor(canvas, go) {
    this.canvas = canvas;
    this.picture = document.createElement("canvas");
    this.go = go;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#move(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && this.#move(event));
  }

  /** Draws the tree itself; only when its structure or colours changed. */
  redraw(scene) {
    const scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    for (const each of [this.canvas, this.picture]) [each.width, each.height] = [width * scale, height * scale];
    this.width = width;
    this.height = height;
    const context = this.picture.getContext("2d");
    context.scale(scale, scale);
    const { layout, colour, theme, replay, marks } = scene;
    const along = (width - 8) / Math.max(layout.levels.length - 1, 1);
    this.along = along;
    this.across = (height - 8) / layout.size;
    layout.levels.forEach((level, depth) => {
      let last = -1;
      for (let item = 0; item < level.ids.length; item++) {
        const id = level.ids[item];
        const y = 4 + level.at[item] * this.across;
        const stands = id >= 0 && (marks.kind[id] || marks.best[id]);
        if (id < 0 || !replay.isBorn(id) || (y - last < 1 && !stands)) continue;
        last = y;
        const bucket = colour.bucket(id);
        context.fillStyle = stands ? (marks.kind[id] > 1 ? theme.wrong : theme.right) : bucket < 0 ? theme.line : colour.colours[bucket];
        if (!stands && context.fillStyle === theme.raised) context.fillStyle = theme.line;
        const side = stands ? DOT * 1.6 : DOT;
        context.fillRect(4 + depth * along - side / 2, y - side / 2, side, side);
      }
    });
    this.frame(scene);
  }

  /** Draws the frame of what is on the screen. */
  frame({ camera, theme }) {
    if (!this.width) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.picture, 0, 0);
    const scale = devicePixelRatio || 1;
    context.scale(scale, scale);
    const [left, top] = camera.under(0, 0);
    const [right, bottom] = camera.under(camera.width, camera.height);
    const edge = (value, most) => Math.min(Math.max(value, 1), most - 1);
    const x1 = edge(4 + left * this.along, this.width);
    const x2 = edge(4 + right * this.along, this.width);
    const y1 = edge(4 + top * this.across, this.height);
    const y2 = edge(4 + bottom * this.across, this.height);
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    context.strokeRect(x1, y1, Math.max(x2 - x1, 2), Math.max(y2 - y1, 2));
  }

  #move(event) {
    const box = this.canvas.getBoundingClientRect();
    this.go((event.clientX - box.left - 4) / this.along, (event.clientY - box.top - 4) / this.across);
  }
}
