// The bell over one pixel, free and fixed: the same area, so the narrower the taller, beyond the top of the picture.

import { FONT } from "./plot.js";

const REACH = 0.6;              // of the way from black to white, on each side of the true grey
const FIXED_PEAK = 0.42;        // of the picture's height
const POINTS = 240;

/** The height of a bell of width s over its centre. */
export const peak = (std) => 1 / (std * Math.sqrt(2 * Math.PI));

/** A bell as [x, height] for x in [-reach, reach], dense where it is narrow. */
export function bell(std, reach = REACH, points = POINTS) {
  const ends = Math.asinh(reach / std);
  return Array.from({ length: points + 1 }, (_, i) => {
    const x = std * Math.sinh(ends * (2 * i / points - 1));
    return [x, peak(std) * Math.exp(-0.5 * (x / std) ** 2)];
  });
}

function trace(context, points, x, y) {
  context.beginPath();
  points.forEach(([at, height], i) => context[i ? "lineTo" : "moveTo"](x(at), y(height)));
}

function fillBell(context, std, { x, y, base, top, colour, dash }) {
  const points = bell(std);
  trace(context, points, x, (height) => Math.max(top - 20, y(height)));
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2.4;
  context.setLineDash(dash ? [6, 4] : []);
  context.stroke();
  context.setLineDash([]);
  context.lineTo(x(REACH), base);
  context.lineTo(x(-REACH), base);
  context.globalAlpha = dash ? 0.1 : 0.28;
  context.fill();
  context.globalAlpha = 1;
}

const times = (ratio) => (ratio < 10 ? ratio.toFixed(1) : Math.round(ratio).toLocaleString("en-US"));

/** Words for the free bell: how tall it is beside the other one. */
export function heightWords(free, fixed) {
  const ratio = fixed / free;
  return ratio > 1.05 ? `${times(ratio)} × as tall` : ratio < 0.95 ? "lower and wider" : "as tall";
}

function drawGround(context, { width, base, left, right, x }, colours) {
  context.strokeStyle = colours.edge;
  context.fillStyle = colours.quiet;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, base + 0.5);
  context.lineTo(right, base + 0.5);
  for (const at of [-0.5, 0, 0.5]) {
    context.moveTo(Math.round(x(at)) + 0.5, base);
    context.lineTo(Math.round(x(at)) + 0.5, base + 5);
  }
  context.stroke();
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const [at, words] of [[-0.5, "darker"], [0, "the model’s guess"], [0.5, "brighter"]]) {
    context.fillText(words, x(at), base + 8, width / 3);
  }
}

/** Where the true grey is, typically: as far from the guess as the guesses are wrong. */
function drawTrue(context, error, { x, top, base }, colours) {
  const at = x(Math.min(error, REACH));
  context.strokeStyle = context.fillStyle = colours.input;
  context.lineWidth = 2;
  context.setLineDash([3, 4]);
  context.beginPath();
  context.moveTo(at, base);
  context.lineTo(at, top + 26);
  context.stroke();
  context.setLineDash([]);
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText("true grey", at + 7, top + 26);
}

/**
 * Both bells. Args: ground of plot.js's surface; data of a moment; colours; family of the font.
 * The fixed bell keeps its size in the picture; the free one leaves through the top when it is much narrower.
 */
export function drawBells({ context, width, height }, data, colours, family) {
  const { learned, fixed } = data, base = height - 30, top = 4, left = 8, right = width - 8;
  const x = (at) => (left + right) / 2 + at / REACH * (right - left) / 2;
  const y = (value) => base - value / peak(fixed.std) * FIXED_PEAK * (base - top);
  context.font = `${FONT + 1}px ${family}`;
  context.save();
  context.beginPath();
  context.rect(0, 0, width, base + 1);
  context.clip();
  fillBell(context, fixed.std, { x, y, base, top, colour: colours.noise, dash: true });
  fillBell(context, learned.std, { x, y, base, top, colour: colours.decoder });
  drawTrue(context, learned.error, { x, top, base }, colours);
  context.restore();
  drawGround(context, { width, base, left, right, x }, colours);
  label(context, learned, fixed, { x, y, left, top }, colours);
}

/** The free bell's words at its left foot, or with an arrow beside its top that is out of the picture; the fixed one's
 * on its right flank. */
function label(context, learned, fixed, { x, y, left, top }, colours) {
  const out = y(peak(learned.std)) < top, middle = x(0), foot = bell(learned.std)[Math.round(0.12 * POINTS)];
  const words = [`free: noise ${Number(learned.std.toPrecision(2))}`, heightWords(learned.std, fixed.std)];
  const down = out ? top + 2 : Math.max(top + 2, y(foot[1]) - 42);
  context.textBaseline = "top";
  context.textAlign = out ? "right" : "left";
  context.fillStyle = colours.decoder;
  words.forEach((text, i) => context.fillText(text, out ? middle - 32 : left, down + 17 * i));
  if (out) {
    context.beginPath();
    [[-24, 17], [-16, 2], [-8, 17]].forEach(([right, low]) => context.lineTo(middle + right, top + low));
    context.fill();
  }
  context.fillStyle = colours.noise;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  const side = Math.min(fixed.std, 0.2);
  context.fillText(`fixed: noise ${Number(fixed.std.toPrecision(2))}`, x(side) + 10, y(peak(fixed.std) * 0.64));
}
