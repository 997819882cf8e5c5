// The code q(z|x) as bars: the mean of each dimension with its standard deviation, and its KL below. Ordered by the
// model's own KL, so that the same place is always the same dimension.

import { surface } from "./plot.js";
import { tickText, ticks } from "./scales.js";

const LEFT = 40, RIGHT = 8, TOP = 8, KL_HIGH = 34, NAMES = 18;

/** The range of values that the bars must hold. */
function rangeOf(codes, bits) {
  if (bits) return [0, 1];
  let far = 2.2;
  for (const { mean, std } of codes) mean.forEach((m, i) => { far = Math.max(far, Math.abs(m) + std[i]); });
  return [-1.08 * far, 1.08 * far];
}

function drawAxis(context, { left, right, y }, [low, high], colours) {
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.edge;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.beginPath();
  const round = ticks(low, high, 4), each = round.length > 1 ? round[1] - round[0] : 1;
  for (const value of round) {
    const at = Math.round(y(value)) + 0.5;
    context.moveTo(left, at);
    context.lineTo(right, at);
    context.fillText(tickText(value, each), left - 6, at);
  }
  context.stroke();
}

/** One standard deviation of the prior around its mean, as a band. */
function drawPrior(context, prior, order, x, wide, y, colours) {
  context.fillStyle = colours.z;
  context.globalAlpha = 0.12;
  order.forEach((d, k) => {
    const [top, bottom] = [y(prior.mean[d] + prior.std[d]), y(prior.mean[d] - prior.std[d])];
    context.fillRect(x(k), top, wide, bottom - top);
  });
  context.globalAlpha = 1;
}

function drawCode(context, code, { order, x, step, y, range: [least, most] }, zero, colours, hollow) {
  const bar = Math.max(2, step * 0.44), dx = (step - bar) / 2;
  order.forEach((d, k) => {
    const at = x(k) + dx, top = y(code.mean[d]), base = y(zero);
    context.fillStyle = context.strokeStyle = colours.mu;
    context.globalAlpha = hollow ? 0.9 : 1;
    if (hollow) context.strokeRect(at - 2.5, Math.min(top, base), bar + 5, Math.abs(base - top));
    else context.fillRect(at, Math.min(top, base), bar, Math.max(1.5, Math.abs(base - top)));
    if (hollow) return;
    context.strokeStyle = colours.sigma;
    context.lineWidth = Math.max(1.5, Math.min(3, bar / 4));
    context.beginPath();
    context.moveTo(at + bar / 2, y(Math.min(most, code.mean[d] + code.std[d])));
    context.lineTo(at + bar / 2, y(Math.max(least, code.mean[d] - code.std[d])));
    context.stroke();
    context.lineWidth = 1;
  });
  context.globalAlpha = 1;
}

function drawKl(context, code, order, x, step, bottom, colours) {
  const most = Math.max(0.5, ...code.kl);
  context.fillStyle = colours.encoder;
  order.forEach((d, k) => {
    const high = Math.max(1, ((KL_HIGH - 6) * Math.max(0, code.kl[d])) / most), bar = Math.max(2, step * 0.44);
    context.fillRect(x(k) + (step - bar) / 2, bottom - high, bar, high);
  });
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(most.toFixed(1), LEFT - 6, bottom - KL_HIGH + 8);
  context.fillText("KL", LEFT - 6, bottom - 5);
}

/**
 * Draw a code onto a canvas. Args: code { mean, std, kl } (D each); clean, the code of the clean image (outlined) or
 * null; order of the dimensions; prior { mean, std }; bits; colours of the page.
 */
export function drawBars(canvas, { code, clean, order, prior, bits, colours }) {
  const ground = surface(canvas);
  if (!ground) return;
  const { context, width, height } = ground, right = width - RIGHT, step = (right - LEFT) / order.length;
  const range = rangeOf(clean ? [code, clean] : [code], bits), bottom = height - NAMES;
  const high = bottom - KL_HIGH - TOP - 6;
  const y = (v) => TOP + ((range[1] - v) / (range[1] - range[0])) * high, x = (k) => LEFT + k * step;
  context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  drawPrior(context, prior, order, x, step, y, colours);
  drawAxis(context, { left: LEFT, right, y }, range, colours);
  const room = { order, x, step, y, range };
  drawCode(context, code, room, bits ? 0.5 : 0, colours, false);
  if (clean) drawCode(context, clean, room, bits ? 0.5 : 0, colours, true);
  drawKl(context, code, order, x, step, bottom, colours);
  context.fillStyle = colours.quiet;
  context.textAlign = "center";
  context.textBaseline = "top";
  const every = Math.ceil(26 / step);
  order.forEach((d, k) => { if (k % every === 0) context.fillText(`z${d + 1}`, x(k) + step / 2, bottom + 4); });
}
