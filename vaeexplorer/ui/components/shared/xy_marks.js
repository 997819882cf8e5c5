// What stands in a chart: lines with bands, dots with error bars, histograms, bars, levels and uprights, on a canvas.

const FEW = 40;                 // a line with at most so many points also shows them as dots

/** Runs of points in a row with finite values; a line breaks where there is none. */
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) found.at(-1).push(point);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((run) => run.length);
}

function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function trace(context, run, x, y) {
  context.beginPath();
  run.forEach((point, i) => context[i ? "lineTo" : "moveTo"](x(point[0]), y(point[1])));
  context.stroke();
}

const errored = (run) => run.filter(([, , low, high]) => Number.isFinite(low) && Number.isFinite(high));

function band(context, run, x, y) {
  const known = errored(run);
  if (known.length < 2) return;
  context.globalAlpha = 0.18;
  context.beginPath();
  known.forEach(([at, , , high]) => context.lineTo(x(at), y(high)));
  known.slice().reverse().forEach(([at, , low]) => context.lineTo(x(at), y(low)));
  context.fill();
  context.globalAlpha = 1;
}

function whiskers(context, run, x, y) {
  context.lineWidth = 1.4;
  context.beginPath();
  for (const [at, , low, high] of errored(run)) {
    context.moveTo(x(at), y(low));
    context.lineTo(x(at), y(high));
    for (const end of [low, high]) {
      context.moveTo(x(at) - 3, y(end));
      context.lineTo(x(at) + 3, y(end));
    }
  }
  context.stroke();
}

function line(context, { points, dash, errors = "band", width = 2, dots }, { x, y }) {
  for (const run of runs(points)) {
    if (errors === "band") band(context, run, x, y);
    if (errors === "bars") whiskers(context, run, x, y);
    context.lineWidth = dash ? Math.min(width, 1.6) : width;
    context.setLineDash(dash ? [5, 4] : []);
    trace(context, run, x, y);
    context.setLineDash([]);
    if (dots ?? run.length <= FEW) for (const [at, value] of run) dot(context, x(at), y(value), 2.4);
  }
}

function dots(context, { points, radius = 3, errors = "bars" }, { x, y }) {
  for (const run of runs(points)) {
    if (errors) whiskers(context, run, x, y);
    for (const [at, value] of run) dot(context, x(at), y(value), radius);
  }
}

function bars(context, { points, width = 0.7, errors = "bars" }, { x, y, base, text }) {
  for (const point of points.filter(([, value]) => Number.isFinite(value))) {
    const left = x(point[0] - width / 2), right = x(point[0] + width / 2), top = y(point[1]);
    context.globalAlpha = 0.75;
    context.fillRect(left, Math.min(base, top), Math.max(1, right - left), Math.max(1, Math.abs(base - top)));
    context.globalAlpha = 1;
  }
  if (!errors) return;
  context.strokeStyle = text;
  whiskers(context, points, x, y);
}

/** Counts over edges: bars that touch, or only their outline. */
function histogram(context, { edges, counts, filled = true, dash }, { x, y, base }) {
  const end = edges.length - 1;
  if (filled) {
    context.globalAlpha = 0.5;
    counts.forEach((count, i) => {
      const left = x(edges[i]), right = x(edges[i + 1]), top = count > 0 ? Math.min(base - 1, y(count)) : base;
      context.fillRect(left, top, Math.max(0.5, right - left - (right - left > 4 ? 1 : 0)), base - top);
    });
    context.globalAlpha = 1;
    return;
  }
  context.setLineDash(dash ? [5, 4] : []);
  context.beginPath();
  context.moveTo(x(edges[0]), base);
  counts.forEach((count, i) => {
    const top = count > 0 ? y(count) : base;
    context.lineTo(x(edges[i]), top);
    context.lineTo(x(edges[i + 1]), top);
  });
  context.lineTo(x(edges[end]), base);
  context.stroke();
  context.setLineDash([]);
}

/** Words beside a line, on a ground that keeps them readable. */
function words(context, text, x, y, align, ground) {
  const wide = context.measureText(text).width, left = align === "right" ? x - wide : x, colour = context.fillStyle;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = ground;
  context.globalAlpha = 0.8;
  context.fillRect(left - 3, y - 8, wide + 6, 16);
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.fillText(text, left, y);
}

function level(context, { y: value, low, high, dash = true, width = 1.6 }, { y, box }) {
  const at = y(value), right = box.left + box.width;
  if (Number.isFinite(low) && Number.isFinite(high)) {
    context.globalAlpha = 0.15;
    context.fillRect(box.left, y(high), box.width, Math.max(1, y(low) - y(high)));
    context.globalAlpha = 1;
  }
  context.lineWidth = width;
  context.setLineDash(dash ? [6, 4] : []);
  context.beginPath();
  context.moveTo(box.left, at);
  context.lineTo(right, at);
  context.stroke();
  context.setLineDash([]);
}

function upright(context, { x: value, dash = true, width = 1.6 }, { x, box }) {
  const at = x(value);
  context.lineWidth = width;
  context.setLineDash(dash ? [6, 4] : []);
  context.beginPath();
  context.moveTo(at, box.top);
  context.lineTo(at, box.top + box.height);
  context.stroke();
  context.setLineDash([]);
}

function levelWords(context, { y: value, words: text, side = "right" }, { y, box, ground }) {
  const at = y(value), left = side === "left";
  words(context, text, left ? box.left + 6 : box.left + box.width - 6, at < box.top + 22 ? at + 11 : at - 10,
        left ? "left" : "right", ground);
}

function uprightWords(context, { x: value, words: text, row = 0 }, { x, box, ground }) {
  const at = x(value), left = at > box.left + box.width * 0.6;
  words(context, text, left ? at - 7 : at + 7, box.top + 9 + 18 * row, left ? "right" : "left", ground);
}

const DRAW = { line, dots, bars, histogram, level, upright };
const WRITE = { level: levelWords, upright: uprightWords };

/**
 * Draw a mark, or with `written` the words beside it, which stand over all marks.
 * Args: context with its font set; mark (see xy.js); scale = { x(value), y(value) in CSS pixels, base (y of the foot of
 * bars), box, ground and text (CSS colours) }; colour, CSS.
 */
export function drawMark(context, mark, scale, colour, written = false) {
  const task = written ? mark.words && WRITE[mark.type] : DRAW[mark.type];
  if (!task) return;
  context.save();
  context.strokeStyle = context.fillStyle = colour;
  context.lineJoin = "round";
  task(context, mark, scale);
  context.restore();
}
