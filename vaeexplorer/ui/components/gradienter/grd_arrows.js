// Gradients in a plane: estimates as arrows or points, their mean and ellipse, the exact gradient as a bold arrow.

import { Plane } from "./plane.js";

const FEW = 40;                 // arrows of one estimator: more hide one another
const TAIL = 0.01;              // of the points on each side that a window may leave out
const ROOM = 0.1;               // of a window, free around what it shows
const HEAD = 8;                 // pixels of an arrow's head

const SHOWN = { wide: Infinity, narrow: 1, exact: 0 };      // clouds that a window holds, the narrowest first
const AROUND = 1.5;             // times the exact gradient, where it alone is shown

const quantiles = (values) => {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b), last = sorted.length - 1;
  return last < 0 ? [] : [sorted[Math.floor(TAIL * last)], sorted[Math.ceil((1 - TAIL) * last)]];
};

const spreadOf = ({ covariance: [[a], [, c]] }) => a + c;

/**
 * The window [u0, u1, v0, v1] around the origin, the exact gradients and the clouds: all of them, or the narrowest,
 * or none of them.   Args: clouds [{ points, mean, covariance }]; exacts [[u, v], ...]; zoom, a key of SHOWN.
 */
export function windowOf(clouds, exacts, zoom) {
  const sorted = clouds.slice().sort((a, b) => spreadOf(a) - spreadOf(b));
  const shown = sorted.slice(0, SHOWN[zoom]);
  const ends = [0, 1].map((axis) => {
    const reach = zoom === "exact" ? Math.max(...exacts.map((exact) => Math.hypot(...exact))) * AROUND : 0;
    const values = [-reach, reach, ...exacts.map((exact) => exact[axis]), ...shown.flatMap(({ points, mean }) => (
      [mean[axis], ...quantiles(points.map((point) => point[axis]))]))].filter(Number.isFinite);
    return [Math.min(...values), Math.max(...values)];
  });
  const wide = Math.max(...ends.map(([low, high]) => high - low), 1e-12);
  return ends.flatMap(([low, high]) => {
    const room = ROOM * Math.max(high - low, 0.3 * wide);       // a plane, not a line
    const more = Math.max(0, (0.3 * wide - (high - low)) / 2);
    return [low - room - more, high + room + more];
  });
}

/** How many points lie outside of a window. */
export const outsideOf = (points, [u0, u1, v0, v1]) => (
  points.filter(([u, v]) => !(u >= u0 && u <= u1 && v >= v0 && v <= v1)).length);

/** The line and the head of an arrow between two pixels: [[x, y], ...] of the head's triangle, or null if too short. */
export function headOf([x0, y0], [x1, y1], size) {
  const long = Math.hypot(x1 - x0, y1 - y0);
  if (long < 1) return null;
  const back = Math.min(size, 0.6 * long), u = (x1 - x0) / long, v = (y1 - y0) / long;
  const corner = (side) => [x1 - back * u - side * 0.42 * back * v, y1 - back * v + side * 0.42 * back * u];
  return [[x1, y1], corner(1), corner(-1)];
}

/**
 * A plane (plane.js) whose scene has, besides: clouds [{ points, mean, covariance, colour }] with colours
 * among those of `theme`; exacts [{ exact [u, v], colour }]; arrows: whether estimates are arrows from the origin.
 */
export class GradientPlane extends Plane {
  draw() {
    super.draw();
    const { scene, colours, scale, canvas } = this;
    if (!scene?.clouds || !colours || !scale || !canvas.clientWidth) return;
    const context = canvas.getContext("2d"), [u0, u1, v0, v1] = scale.window;
    const [x0, y1] = scale.toPixel(u0, v0), [x1, y0] = scale.toPixel(u1, v1), shown = scene.clouds;
    context.save();
    context.beginPath();
    context.rect(x0, y0, x1 - x0, y1 - y0);
    context.clip();
    for (const cloud of shown) (scene.arrows ? this.drawArrows : this.drawDots).call(this, context, cloud);
    for (const { mean, covariance, colour } of shown) this.drawEllipse(context, { mean, covariance, colour });
    for (const cloud of shown) this.drawMean(context, cloud);
    for (const { exact, colour } of scene.exacts) this.drawExact(context, exact, colour);
    context.restore();
  }

  drawDots(context, { points, colour }) {
    context.fillStyle = this.colours[colour];
    context.globalAlpha = 0.4;
    for (const point of points) {
      const [x, y] = this.scale.toPixel(...point);
      context.fillRect(x - 1.3, y - 1.3, 2.6, 2.6);
    }
    context.globalAlpha = 1;
  }

  drawArrows(context, { points, colour }) {
    context.globalAlpha = 0.45;
    for (const point of points.slice(0, FEW)) this.drawArrow(context, point, this.colours[colour], 1.2, HEAD * 0.75);
    context.globalAlpha = 1;
  }

  drawArrow(context, point, colour, width, size) {
    const from = this.scale.toPixel(0, 0), to = this.scale.toPixel(...point), head = headOf(from, to, size);
    if (!head) return;
    const foot = [(head[1][0] + head[2][0]) / 2, (head[1][1] + head[2][1]) / 2];
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...foot);                // the line ends where the head begins
    context.stroke();
    context.beginPath();
    for (const corner of head) context.lineTo(...corner);
    context.fill();
  }

  drawMean(context, { mean, colour }) {
    const [x, y] = this.scale.toPixel(...mean);
    context.beginPath();
    context.arc(x, y, 4.2, 0, 2 * Math.PI);
    context.fillStyle = this.colours[colour];
    context.fill();
    context.lineWidth = 1.6;
    context.strokeStyle = this.colours.page;
    context.stroke();
  }

  drawExact(context, exact, colour) {
    this.drawArrow(context, exact, this.colours.page, 7, HEAD * 2.1);
    this.drawArrow(context, exact, this.colours[colour], 3.4, HEAD * 1.7);
  }
}
