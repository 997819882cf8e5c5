// One fit as a picture: the points, the bells over them, threads from each point to the bells that answer for it, and
// a strip that says which bell made a point there.

import { classColours } from "./colours.js";
import { density, mixture, pull, responsibility, tallest } from "./lab_two_bells.js";
import { FONT } from "./plot.js";

const STRIP = 18, POINTS = 30, FOOT = 22;       // pixels: the strip, the points' row, the axis' words
const CURVE = 160;
const THREAD = 0.5;             // of a thread that has the whole point

/** CSS colours of the two bells: hidden classes, so the colours of classes. */
export const bellColours = (theme) => [5, 2].map((k) => classColours(theme, 10)[k]);

/** "rgb(r, g, b)" between two colours of six hex digits. */
export function between(one, other, t) {
  const part = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  return `rgb(${[0, 1, 2].map((i) => Math.round(part(other, i) + (part(one, i) - part(other, i)) * t)).join(", ")})`;
}

/** Where everything stands in a picture of this size. */
function layOut({ width, height }, about) {
  const room = (about.high - about.low) * 0.06, low = about.low - room, high = about.high + room;
  const base = height - STRIP - POINTS - FOOT, top = 8, most = tallest(about);
  return {
    width, low, high, base, top, row: base + POINTS / 2 + 2, strip: base + POINTS,
    x: (value) => (value - low) / (high - low) * width,
    y: (value) => base - Math.min(1.1, value / most) * (base - top),
  };
}

function bars(context, about, { x, y, base }, colours) {
  const wide = (about.high - about.low) / about.counts.length;
  context.fillStyle = colours.input;
  context.globalAlpha = 0.2;
  about.counts.forEach((count, i) => {
    const left = x(about.low + i * wide), right = x(about.low + (i + 1) * wide), up = y(count / (about.n * wide));
    context.fillRect(left, up, Math.max(1, right - left - 1), base - up);
  });
  context.globalAlpha = 1;
}

function curve(context, value, { x, y, low, high }) {
  context.beginPath();
  for (let i = 0; i <= CURVE; i++) {
    const at = low + (high - low) * i / CURVE;
    context[i ? "lineTo" : "moveTo"](x(at), y(value(at)));
  }
}

function bells(context, fit, place, [first, second], colours) {
  [first, second].forEach((colour, k) => {
    curve(context, (at) => fit.weights[k] * density(fit, k, at), place);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2.6;
    context.setLineDash(k ? [9, 5] : []);
    context.stroke();
    context.setLineDash([]);
    context.lineTo(place.width, place.base);
    context.lineTo(0, place.base);
    context.globalAlpha = 0.13;
    context.fill();
    context.globalAlpha = 1;
  });
  curve(context, (at) => mixture(fit, at), place);
  context.strokeStyle = colours.decoder;
  context.lineWidth = 1.6;
  context.stroke();
}

/** From each point to the top of each bell, as strong as the point pulls there. */
function threads(context, fit, about, draws, place, colours) {
  const tops = fit.means.map((mean, k) => [place.x(mean), place.y(fit.weights[k] * density(fit, k, mean))]);
  context.lineWidth = 1.1;
  for (const point of about.points) {
    const first = pull(fit, point, draws), from = [place.x(point), place.row];
    [first, 1 - first].forEach((strength, k) => {
      if (strength < 0.02) return;
      const [to, up] = tops[k], bend = from[1] - 0.55 * (from[1] - up);
      context.strokeStyle = colours[k];
      context.globalAlpha = THREAD * Math.sqrt(strength);
      context.beginPath();
      context.moveTo(...from);
      context.bezierCurveTo(from[0], bend, to, bend, to, up);
      context.stroke();
    });
  }
  context.globalAlpha = 1;
}

/** The bells' numbers at their tops: where both stand in one place, one covers the other. */
function numbers(context, fit, { x, y }, colours, page) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  fit.means.forEach((mean, k) => {
    const at = x(mean), up = y(fit.weights[k] * density(fit, k, mean));
    context.fillStyle = colours[k];
    context.beginPath();
    context.arc(at, up, 9, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = page;
    context.fillText(String(k + 1), at, up + 0.5);
  });
}

function dots(context, about, { x, row }, colours) {
  context.fillStyle = colours.input;
  about.points.forEach((point, i) => {
    context.beginPath();
    context.arc(x(point), row + ((i * 7) % 5 - 2) * 3, 2.6, 0, 2 * Math.PI);
    context.fill();
  });
}

function strip(context, fit, { x, low, high, width, strip: top }, [first, second]) {
  const ground = context.createLinearGradient(0, 0, width, 0);
  for (let i = 0; i <= 60; i++) {
    const at = low + (high - low) * i / 60;
    ground.addColorStop(x(at) / width, between(first, second, responsibility(fit, at)));
  }
  context.fillStyle = ground;
  context.fillRect(0, top, width, STRIP - 4);
}

/**
 * Draw a fit. Args: ground of plot.js's surface; fit { weights, means, stds }; about: the first moment's; draws: null
 * for the log outside; look { colours, theme }; family of the font.
 */
export function drawFit(ground, fit, about, draws, { colours, theme }, family) {
  const { context, width } = ground, place = layOut(ground, about), pair = bellColours(theme);
  context.save();
  bars(context, about, place, colours);
  threads(context, fit, about, draws, place, pair);
  bells(context, fit, place, pair, colours);
  dots(context, about, place, colours);
  strip(context, fit, place, pair);
  context.font = `600 ${FONT}px ${family}`;
  numbers(context, fit, place, pair, colours.page);
  context.restore();
  context.font = `${FONT}px ${family}`;
  context.fillStyle = colours.quiet;
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillText("which bell made a point here?", 0, place.strip + STRIP - 1, width / 2);
  const known = pair.map((colour, k) => [colour, `bell ${k + 1}`]);
  let right = width;
  for (const [colour, words] of known.reverse()) {
    context.textAlign = "right";
    context.fillStyle = colours.quiet;
    context.fillText(words, right, place.strip + STRIP - 1);
    right -= context.measureText(words).width + 6;
    context.fillStyle = colour;
    context.fillRect(right - 12, place.strip + STRIP, 12, 10);
    right -= 24;
  }
}
