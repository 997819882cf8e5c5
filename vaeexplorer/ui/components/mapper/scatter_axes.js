// Grid lines, numbers and titles of the axes, inside the picture: the map has no margins.

import { tickText, ticks } from "./scales.js";

const APART = 90;               // CSS pixels between two lines, about
const FONT = 12;

/** Words on a halo of the background, readable over points. */
function write(context, text, x, y, colours) {
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours.page;
  context.strokeText(text, x, y);
  context.fillStyle = colours.quiet;
  context.fillText(text, x, y);
}

const known = new Map();        // numbers in words: making them anew for each frame costs more than drawing them
const KNOWN = 500;              // of these at most

function words(value, stride) {
  const key = `${value} ${stride}`;
  if (known.size > KNOWN) known.clear();
  if (!known.has(key)) known.set(key, tickText(value, stride));
  return known.get(key);
}

const places = (camera) => {
  const [u0, u1, v0, v1] = camera.window;
  return [ticks(u0, u1, camera.width / APART), ticks(v0, v1, camera.height / APART)];
};

/** Faint lines behind the points; the axes themselves a little stronger. */
export function drawGrid(context, camera, colours) {
  const [across, up] = places(camera);
  context.strokeStyle = colours.edge;
  const line = (value, from, to) => {
    context.lineWidth = value === 0 ? 2 : 1;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  for (const value of across) {
    const x = Math.round(camera.toPixel(value, 0)[0]) + 0.5;
    line(value, [x, 0], [x, camera.height]);
  }
  for (const value of up) {
    const y = Math.round(camera.toPixel(0, value)[1]) + 0.5;
    line(value, [0, y], [camera.width, y]);
  }
}

/** The numbers at the lower and the left edge, and the titles.  Args: titles [across, up]. */
export function drawNumbers(context, camera, titles, colours, family) {
  const [across, up] = places(camera), { width, height } = camera, stride = (values) => values[1] - values[0] || 1;
  context.font = `${FONT}px ${family}`;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  for (const value of across) {
    const [x] = camera.toPixel(value, 0);
    if (x > 44 && x < width - 20) write(context, words(value, stride(across)), x, height - 3, colours);
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const value of up) {
    const [, y] = camera.toPixel(0, value);
    if (y > 26 && y < height - 26) write(context, words(value, stride(up)), 4, y, colours);
  }
  drawTitles(context, camera, titles, colours, family);
}

/** The titles alone: of pictures whose numbers mean nothing. */
export function drawTitles(context, { width, height }, titles, colours, family) {
  context.font = `600 ${FONT}px ${family}`;
  context.textAlign = "right";
  context.textBaseline = "bottom";
  if (titles[0]) write(context, `${titles[0]} →`, width - 6, height - 19, colours);
  context.textAlign = "left";
  context.textBaseline = "top";
  if (titles[1]) write(context, `↑ ${titles[1]}`, 4, 4, colours);
}

/** Three axes in the lower left corner, as the cloud is turned. */
export function drawTriad(context, camera, turning, titles, colours, family) {
  const [x0, y0, long] = [58, camera.height - 58, 34];
  const axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis, k) => ({ seen: turning.seen(...axis), title: titles[k] }));
  context.font = `600 ${FONT}px ${family}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { seen: [u, v], title } of axes.sort((a, b) => a.seen[2] - b.seen[2])) {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x0 + u * long, y0 - v * long);
    context.strokeStyle = colours.quiet;
    context.lineWidth = 2;
    context.stroke();
    if (title && Math.hypot(u, v) > 0.2) write(context, title, x0 + u * (long + 15), y0 - v * (long + 11), colours);
  }
}
