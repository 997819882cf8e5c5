// The code of a 2-D model on its plane: the ellipse of q(z|x) among the codes of held-out images.

import { classColours } from "./colours.js";
import { surface } from "./plot.js";
import { tickText, ticks } from "./scales.js";

const FINDABLE = 13;            // pixels: a smaller ellipse gets a thin ring, so that one finds it
const LEFT = 30, BOTTOM = 20, TOP = 6;

/** Half the side of the square around the origin that holds nearly all points. */
function reachOf(points) {
  if (!points) return 3;
  const far = Float32Array.from({ length: points.length / 2 }, (_, i) => (
    Math.max(Math.abs(points[2 * i]), Math.abs(points[2 * i + 1])))).sort();
  return Math.max(2.4, far[Math.floor(0.998 * (far.length - 1))] || 0);
}

function drawGrid(context, { left, top, wide, high }, scale, half, colours) {
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.beginPath();
  for (const value of ticks(-half[1], half[1], 5)) {
    const [, y] = scale(0, value);
    context.moveTo(left, y);
    context.lineTo(left + wide, y);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(tickText(value, 1), left - 5, y);
  }
  for (const value of ticks(-half[0], half[0], 7)) {
    const [x] = scale(value, 0);
    context.moveTo(x, top);
    context.lineTo(x, top + high);
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(tickText(value, 1), x, top + high + 4);
  }
  context.stroke();
}

function drawPoints(context, { points, labels, names }, scale, theme) {
  const classes = labels ? Math.max(...labels) + 1 : 1, palette = classColours(theme, Math.max(classes, names.length));
  const size = points.length > 8000 ? 1.6 : 2.6;
  context.globalAlpha = 0.55;
  for (let i = 0; 2 * i < points.length; i++) {
    const [x, y] = scale(points[2 * i], points[2 * i + 1]), label = labels ? labels[i] : 0;
    context.fillStyle = label < 0 ? "#888" : palette[label % palette.length];
    context.fillRect(x - size / 2, y - size / 2, size, size);
  }
  context.globalAlpha = 1;
}

/** One and two standard deviations of q(z|x). */
function drawEllipse(context, { mean, std }, scale, k, colours, dashed) {
  const [x, y] = scale(mean[0], mean[1]);
  context.setLineDash(dashed ? [4, 4] : []);
  for (const [far, colour] of [[3.5, colours.page], [2, colours.encoder]]) {
    context.strokeStyle = colour;
    context.lineWidth = far;
    for (const radius of [1, 2]) {
      context.beginPath();
      context.ellipse(x, y, Math.max(1, radius * std[0] * k), Math.max(1, radius * std[1] * k), 0, 0, 2 * Math.PI);
      context.stroke();
    }
  }
  context.setLineDash([]);
  context.fillStyle = colours.mu;
  context.beginPath();
  context.arc(x, y, 2.5, 0, 2 * Math.PI);
  context.fill();
  if (dashed || 2 * Math.max(...std) * k > FINDABLE) return;
  context.strokeStyle = colours.text;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y, FINDABLE, 0, 2 * Math.PI);
  context.stroke();
}

/**
 * Draw a code onto a canvas. Args: code and clean { mean, std } (clean may be null: dashed); cloud { points (N*2),
 * labels (N) or null, names } or null; circles, whether the prior is standard normal; colours and theme of the page.
 */
export function drawPlane(canvas, { code, clean, cloud, circles, colours, theme }) {
  const ground = surface(canvas);
  if (!ground) return;
  const { context, width, height } = ground, wide = width - LEFT - 6, high = height - BOTTOM - TOP;
  const far = [code, clean].map((one) => (one ? Math.max(...one.mean.map(Math.abs)) + Math.max(...one.std) : 0));
  const limit = 1.06 * Math.max(cloud ? cloud.reach ??= reachOf(cloud.points) : 3, ...far);
  const k = Math.min(wide, high) / (2 * limit), middle = [LEFT + wide / 2, TOP + high / 2];
  const scale = (u, v) => [middle[0] + u * k, middle[1] - v * k];
  context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  drawGrid(context, { left: LEFT, top: TOP, wide, high }, scale, [wide / (2 * k), high / (2 * k)], colours);
  context.save();
  context.beginPath();
  context.rect(LEFT, TOP, wide, high);
  context.clip();
  if (cloud) drawPoints(context, cloud, scale, theme);
  if (circles) {
    context.strokeStyle = colours.z;
    context.setLineDash([4, 4]);
    for (const radius of [1, 2]) {
      context.beginPath();
      context.arc(...middle, radius * k, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }
  if (clean) drawEllipse(context, clean, scale, k, colours, true);
  drawEllipse(context, code, scale, k, colours, false);
  context.restore();
}
