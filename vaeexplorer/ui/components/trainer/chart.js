// Curves over steps: thinned to one value a pixel, with error bands and, between two curves, a coloured gap.

import { el } from "./dom.js";
import { Plot } from "./plot.js";
import { lastUpTo } from "./rows.js";
import { powers, ticks } from "./scales.js";

const OUTLIERS = 0.03;          // share of pixel columns at either end that may lie outside of the vertical axis
const BARS = 60;                // so few points get error bars, more a band

/** Pixel column of every step; kept, and only extended while the axis stays. */
const memory = new WeakMap();

function places(steps, axis, width) {
  const key = `${axis.kind} ${axis.end} ${width}`;
  let known = memory.get(steps);
  if (!known || known.key !== key) memory.set(steps, known = { key, columns: new Int32Array(0), length: 0 });
  if (known.columns.length < steps.length) {
    const larger = new Int32Array(Math.max(steps.length * 2, 256));
    larger.set(known.columns);
    known.columns = larger;
  }
  for (; known.length < steps.length; known.length++) {
    known.columns[known.length] = Math.round(axis.at(steps.at(known.length)) * width);
  }
  return known.columns;
}

/** One point for every pixel column that has values: { x, mean, low, high, error } as arrays, in order. */
function thinned({ steps, values, errors }, axis, width) {
  const columns = places(steps, axis, width);
  const x = [], mean = [], low = [], high = [], error = [];
  for (let i = 0; i < steps.length;) {
    const column = columns[i];
    let sum = 0, n = 0, least = Infinity, most = -Infinity, wrong = 0;
    for (; i < steps.length && columns[i] === column; i++) {
      const value = values.at(i);
      if (!Number.isFinite(value)) continue;
      sum += value;
      n++;
      least = Math.min(least, value);
      most = Math.max(most, value);
      wrong = errors ? errors.at(i) : 0;
    }
    if (!n) continue;
    x.push(column);
    mean.push(sum / n);
    low.push(least);
    high.push(most);
    error.push(Number.isFinite(wrong) ? wrong : 0);
  }
  return { x, mean, low, high, error };
}

/** The range of the vertical axis: what the curves span but for the steepest few columns. */
function span(curves, logarithmic, outliers) {
  let least = Infinity, most = -Infinity;
  for (const { mean, error } of curves) {
    if (!mean.length) continue;
    const order = mean.map((value, i) => [value - error[i], value + error[i]]);
    const lows = order.map(([v]) => v).sort((a, b) => a - b), highs = order.map(([, v]) => v).sort((a, b) => a - b);
    const end = mean.length - 1;
    least = Math.min(least, lows[Math.floor(OUTLIERS * end)], mean[end]);
    most = Math.max(most, highs[end - Math.floor(outliers * end)], mean[end]);
  }
  if (!(least <= most)) return [0, 1];
  if (logarithmic) return [Math.max(least, 1e-12) / 1.15, Math.max(most, 2e-12) * 1.15];
  const room = (most - least) * 0.06 || Math.max(1e-6, Math.abs(most) * 0.05);
  return [least - room, most + room];
}

/**
 * A chart. `lines(rows)` gives its curves: { label, colour (a kind of the grammar, "text" or "quiet"), steps, values,
 * errors (columns, errors or null), dash, range (whether to show lowest and highest of a pixel) }.
 * between: [i, j, colour] fills the gap between two of them.   logarithmic: of the vertical axis.   outliers: share of
 * the pixel columns whose values may lie above it.
 */
export class Chart {
  constructor({ lines, between = null, logarithmic = false, outliers = OUTLIERS, ...plot }) {
    this.lines = lines;
    this.between = between;
    this.logarithmic = logarithmic;
    this.outliers = outliers;
    this.plot = new Plot(plot);
    this.element = this.plot.element;
  }

  draw(rows, axis, colours) {
    const begun = this.plot.begin(axis);
    if (!begun) return;
    const { context, box } = begun, lines = this.lines(rows);
    const curves = lines.map((line) => thinned(line, axis, Math.round(box.width)));
    if (!curves.some(({ x }) => x.length)) {
      this.plot.drawEmpty(context, colours);
      return;
    }
    const y = this.vertical(context, curves, box, colours);
    this.plot.drawSteps(context, axis, colours);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 2, box.width + 2, box.height + 4);
    context.clip();
    context.translate(box.left, 0);
    if (this.between) this.drawBetween(context, curves, y, colours);
    lines.forEach((line, i) => drawCurve(context, line, curves[i], y, colours));
    context.restore();
  }

  /** Draw the vertical axis; returns the place of a value. */
  vertical(context, curves, box, colours) {
    const [least, most] = span(curves, this.logarithmic, this.outliers), { top, height } = box;
    if (this.logarithmic) {
      const long = Math.log(most / least);
      const y = (v) => top + height - (Math.log(Math.max(v, 1e-12) / least) / long) * height;
      const round = powers(least, most);
      this.plot.drawValues(context, spaced(round.length > 2 ? round : ticks(least, most, 4), y), y, colours);
      return y;
    }
    const y = (v) => top + height - ((v - least) / (most - least)) * height;
    this.plot.drawValues(context, ticks(least, most, Math.max(2, height / 42)), y, colours);
    return y;
  }

  drawBetween(context, curves, y, colours) {
    const [from, to, colour] = this.between, upper = curves[from], lower = curves[to];
    if (upper.x.length < 2) return;
    context.fillStyle = colours[colour];
    context.globalAlpha = 0.35;
    context.beginPath();
    upper.x.forEach((x, i) => context.lineTo(x, y(upper.mean[i])));
    for (let i = lower.x.length - 1; i >= 0; i--) context.lineTo(lower.x[i], y(lower.mean[i]));
    context.fill();
    context.globalAlpha = 1;
  }
}

/** Values at least 14 pixels apart. */
function spaced(values, y) {
  const kept = [];
  for (const value of values) if (!kept.length || Math.abs(y(value) - y(kept.at(-1))) >= 14) kept.push(value);
  return kept;
}

function band(context, { x }, upper, lower) {
  context.globalAlpha = 0.22;
  context.beginPath();
  x.forEach((at, i) => context.lineTo(at, upper(i)));
  for (let i = x.length - 1; i >= 0; i--) context.lineTo(x[i], lower(i));
  context.fill();
  context.globalAlpha = 1;
}

function drawCurve(context, line, curve, y, colours) {
  const { x, mean, low, high, error } = curve;
  if (!x.length) return;
  context.strokeStyle = context.fillStyle = colours[line.colour];
  context.lineWidth = line.dash ? 1.5 : 2;
  context.lineJoin = "round";
  if (line.range) band(context, curve, (i) => y(high[i]), (i) => y(low[i]));
  if (line.errors && x.length > BARS) band(context, curve, (i) => y(mean[i] + error[i]), (i) => y(mean[i] - error[i]));
  context.setLineDash(line.dash ? [5, 4] : []);
  context.beginPath();
  x.forEach((at, i) => context.lineTo(at, y(mean[i])));
  context.stroke();
  context.setLineDash([]);
  if (line.errors && x.length <= BARS) drawBars(context, curve, y);
  else if (x.length === 1) dot(context, x[0], y(mean[0]), 2.5);
}

function drawBars(context, { x, mean, error }, y) {
  context.lineWidth = 1.2;
  context.beginPath();
  x.forEach((at, i) => {
    context.moveTo(at, y(mean[i] - error[i]));
    context.lineTo(at, y(mean[i] + error[i]));
  });
  context.stroke();
  x.forEach((at, i) => dot(context, at, y(mean[i]), 2.2));
}

function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** The last value of a line up to a step: { value, error, step } or null. */
export function valueAt({ steps, values, errors }, step) {
  let i = lastUpTo(steps, step);
  while (i >= 0 && !Number.isFinite(values.at(i))) i--;
  return i < 0 ? null : { value: values.at(i), stderr: errors ? errors.at(i) : NaN, step: steps.at(i) };
}

/** A legend's entry: a short stroke in the line's colour, and its name. */
export const key = ({ label, colour, dash }) => (
  el("span", { class: `key is-${colour}` }, el("i", { class: dash ? "stroke dashed" : "stroke" }), label));
