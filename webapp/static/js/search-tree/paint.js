// Draws shapes on a canvas: one path for each colour.

import { straight } from "./collect.js";

export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export function paint(context, shapes, scene) {
  const { camera, theme } = scene;
  context.clearRect(0, 0, camera.width, camera.height);
  for (const key of [...shapes.lines.keys()].sort()) drawLines(context, shapes.lines.get(key), straight(scene));
  for (const [colour, boxes] of shapes.boxes) drawBoxes(context, colour, boxes);
  for (const [colour, boxes] of shapes.bands) drawBoxes(context, colour, boxes);
  for (const [colour, discs] of shapes.fills) drawDiscs(context, colour, discs);
  for (const [key, rings] of shapes.rings) drawRings(context, key, rings);
  drawFrames(context, shapes.frames, theme);
  drawGlyphs(context, shapes.glyphs, theme);
  drawLabels(context, shapes.labels, theme);
  drawStubs(context, shapes.stubs, theme);
}

function drawLines(context, { colour, width, dash, points }, isStraight) {
  context.beginPath();
  for (let i = 0; i < points.length; i += 4) {
    const middle = (points[i] + points[i + 2]) / 2;
    context.moveTo(points[i], points[i + 1]);
    if (isStraight) context.lineTo(points[i + 2], points[i + 3]);
    else context.bezierCurveTo(middle, points[i + 1], middle, points[i + 3], points[i + 2], points[i + 3]);
  }
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.setLineDash([]);
}

function drawBoxes(context, colour, boxes) {
  context.fillStyle = colour;
  for (let i = 0; i < boxes.length; i += 4) context.fillRect(boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]);
}

function circles(context, list) {
  context.beginPath();
  for (let i = 0; i < list.length; i += 3) {
    context.moveTo(list[i] + list[i + 2], list[i + 1]);
    context.arc(list[i], list[i + 1], list[i + 2], 0, 2 * Math.PI);
  }
}

function drawDiscs(context, colour, discs) {
  circles(context, discs);
  context.fillStyle = colour;
  context.fill();
}

function drawRings(context, key, rings) {
  const [colour, width, dash] = key.split("|");
  circles(context, rings);
  context.setLineDash(dash ? dash.split(" ").map(Number) : []);
  context.strokeStyle = colour;
  context.lineWidth = Number(width);
  context.stroke();
  context.setLineDash([]);
}

function drawFrames(context, frames, theme) {
  context.strokeStyle = theme.focus;
  context.lineWidth = 2.5;
  for (const frame of frames) context.strokeRect(...frame);
}

function drawGlyphs(context, glyphs, theme) {
  context.textBaseline = "middle";
  for (const { text, label, x, y, size, on } of glyphs) {
    context.fillStyle = inkOn(on, theme);
    context.textAlign = text ? "center" : "left";
    context.font = text ? FONT.replace("12px", `700 ${Math.round(size)}px`) : FONT;
    context.fillText(text ?? label, x, y + 0.5);
  }
}

function drawLabels(context, labels, theme) {
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = theme.ground;
  for (const { text, x, y, colour, bold, onEdges } of labels) {
    context.font = bold ? `600 ${FONT}` : FONT;
    context.fillStyle = theme.ground;
    if (onEdges) context.fillRect(x - 1, y - 7, context.measureText(text).width + 4, 14);
    else context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }
}

function drawStubs(context, stubs, theme) {
  context.font = FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const { x, y, text } of stubs) {
    context.fillStyle = theme.line;
    for (const shift of [0, 4, 8]) context.fillRect(x + shift - 1, y - 1, 2, 2);
    if (!text) continue;
    context.lineWidth = 4;
    context.strokeStyle = theme.ground;
    context.strokeText(text, x + 16, y);
    context.fillStyle = theme.accent;
    context.fillText(text, x + 16, y);
  }
}

/** Black or white, whichever reads better on a colour. */
export function inkOn(colour, theme) {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour);
  if (!hex) return theme.ink;
  const [r, g, b] = [0, 2, 4].map((i) => (parseInt(hex[1].slice(i, i + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
}
