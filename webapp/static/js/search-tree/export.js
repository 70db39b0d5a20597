// The visible part as a file: SVG and PNG as it looks, JSON as figures.

import { straight } from "./collect.js";
import { STATUS_WORDS } from "./data.js";
import { inkOn } from "./paint.js";

export function exportAs(kind, viewer) {
  const { stage, tree } = viewer;
  stage.update();
  const name = `tree-${tree.id}`;
  if (kind === "svg") save(new Blob([toSvg(stage.shapes(), stage.scene)], { type: "image/svg+xml" }), `${name}.svg`);
  if (kind === "json") save(new Blob([JSON.stringify(toFigures(viewer), null, 1)], { type: "application/json" }), `${name}-visible.json`);
  if (kind === "png") {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [stage.canvas.width, stage.canvas.height];
    const context = canvas.getContext("2d");
    context.fillStyle = stage.scene.theme.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    stage.draw();
    context.drawImage(stage.canvas, 0, 0);
    canvas.toBlob((blob) => save(blob, `${name}.png`));
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const escape = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const n = (value) => Math.round(value * 10) / 10;

export function toSvg(shapes, scene) {
  const { camera, theme } = scene;
  const parts = [`<svg xmlns="http://www.w3.org/2000/svg" width="${camera.width}" height="${camera.height}" font-family="system-ui, sans-serif" font-size="12">`];
  parts.push(`<rect width="100%" height="100%" fill="${theme.ground}"/>`);
  for (const key of [...shapes.lines.keys()].sort()) parts.push(lines(shapes.lines.get(key), straight(scene)));
  for (const map of [shapes.boxes, shapes.bands]) {
    for (const [colour, list] of map) {
      for (let i = 0; i < list.length; i += 4) parts.push(`<rect x="${n(list[i])}" y="${n(list[i + 1])}" width="${n(list[i + 2])}" height="${n(list[i + 3])}" fill="${colour}"/>`);
    }
  }
  for (const [colour, list] of shapes.fills) circles(parts, list, `fill="${colour}"`);
  for (const [key, list] of shapes.rings) {
    const [colour, width, dash] = key.split("|");
    circles(parts, list, `fill="none" stroke="${colour}" stroke-width="${width}"${dash ? ` stroke-dasharray="${dash}"` : ""}`);
  }
  for (const [x, y, width, height] of shapes.frames) parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="none" stroke="${theme.focus}" stroke-width="2.5"/>`);
  for (const { text, label, x, y, on } of shapes.glyphs) write(parts, text ?? label, x, y, inkOn(on, theme), text ? "middle" : "start");
  for (const { text, x, y, colour } of shapes.labels) write(parts, text, x, y, colour, "start", theme.ground);
  for (const { text, x, y } of shapes.stubs) if (text) write(parts, text, x + 16, y, theme.accent, "start", theme.ground);
  parts.push("</svg>");
  return parts.join("\n");
}

function lines({ colour, width, dash, points }, isStraight) {
  let path = "";
  for (let i = 0; i < points.length; i += 4) {
    const [x1, y1, x2, y2] = points.slice(i, i + 4).map(n);
    const middle = n((x1 + x2) / 2);
    path += isStraight ? `M${x1} ${y1}L${x2} ${y2}` : `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  }
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${width}"${dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : ""}/>`;
}

function circles(parts, list, look) {
  for (let i = 0; i < list.length; i += 3) parts.push(`<circle cx="${n(list[i])}" cy="${n(list[i + 1])}" r="${n(list[i + 2])}" ${look}/>`);
}

function write(parts, text, x, y, colour, anchor, halo) {
  const edge = halo ? ` stroke="${halo}" stroke-width="4" paint-order="stroke" stroke-linejoin="round"` : "";
  parts.push(`<text x="${n(x)}" y="${n(y)}" dominant-baseline="central" text-anchor="${anchor}" fill="${colour}"${edge}>${escape(text)}</text>`);
}

/** Figures of the nodes in view, at the present event. */
export function toFigures(viewer) {
  const { tree, replay, stage, texts } = viewer;
  const [low, high] = stage.camera.window(0);
  const nodes = [];
  for (const level of stage.scene.layout.levels) {
    level.ids.forEach((id, item) => {
      if (id < 0 || level.high[item] < low || level.low[item] > high || !replay.isBorn(id)) return;
      const figure = (name) => (Number.isNaN(tree[name][id]) ? null : tree[name][id]);
      nodes.push({
        node: id, parent: tree.parent[id], depth: tree.depth[id], status: STATUS_WORDS[replay.status(id)],
        visits: replay.visits[id], q: replay.q[id], score: figure("score"), surprise: figure("surprise"),
        entropy: figure("entropy"), advantage: figure("advantage"), loss_share: figure("loss_share"),
        text: texts.get(id) ?? null,
      });
    });
  }
  return { tree: tree.id, event: replay.length ? replay.at : null, colour: viewer.colour, nodes };
}
