// Axes of a chart: where a value lies in 0..1, which values are written, what range the marks need. No DOM.

import { plain, powers, shortCount, tickText, ticks } from "./scales.js";

const ROOM = 0.06;              // part of the range left free above and below the marks

/** A range that has a width: [low, high] widened where both are the same. */
const wide = ([low, high]) => (high > low ? [low, high] : [low - (Math.abs(low) || 1) * 0.05,
                                                           high + (Math.abs(high) || 1) * 0.05]);

const linear = {
  clean: wide,
  to: (value) => value,
  back: (u) => u,
  ticks: (low, high, wanted) => ticks(low, high, wanted),
  write: (value, step) => tickText(value, step),
};

/** Powers of ten, or round numbers where they are too few. */
function logTicks(low, high, wanted) {
  const found = powers(low, high), step = Math.max(1, Math.ceil(found.length / wanted));
  if (found.length < 2) return ticks(low, high, wanted).filter((value) => value > 0);
  return found.filter((_, i) => i % step === 0);
}

const KINDS = {
  linear,
  log: {
    clean: ([low, high]) => {
      const top = high > 0 ? high : 1, bottom = low > 0 ? low : top / 1000;
      return top > bottom ? [bottom, top] : [bottom / 1.3, bottom * 1.3];
    },
    to: (value) => Math.log(Math.max(value, 1e-300)),
    back: Math.exp,
    ticks: logTicks,
    write: (value) => (value >= 1 ? shortCount(value) : plain(value)),
  },
};

/**
 * An axis.  Args: kind "linear" or "log"; low, high; names, one for each of the places 0, 1, ... (then low and high are
 * not needed); text(value) for the read-out; wanted, about how many values to write.
 * Returns: { kind, low, high, at(value) -> 0..1 (outside where the value is), value(u), ticks(wanted) -> [[value,
 * text], ...], text(value) }.
 */
export function createAxis({ kind = "linear", low = 0, high = 1, names = null, text = null } = {}) {
  const { clean, to, back, ticks: round, write } = KINDS[kind];
  const [from, end] = names ? [-0.5, names.length - 0.5] : clean([low, high]), begin = to(from), long = to(end) - begin;
  const step = (values) => (values.length > 1 ? Math.abs(values[1] - values[0]) : Math.abs(end - from));
  function marked(wanted) {
    if (names) return names.map((name, i) => [i, name]);
    const values = round(from, end, Math.max(2, wanted));
    return values.map((value) => [value, write(value, step(values))]);
  }
  return {
    kind, low: from, high: end, names,
    at: (value) => (to(value) - begin) / long,
    value: (u) => back(begin + u * long),
    ticks: marked,
    text: text ?? (names ? (value) => names[Math.round(value)] ?? "" : (value) => write(value, (end - from) / 1000)),
  };
}

const ofPoints = ({ points, errors }) => ({
  x: points.map(([x]) => x),
  y: points.flatMap(([, y, low, high]) => (errors === null ? [y] : [y, low, high])),
});

/** The values that a mark puts on each axis. */
const EXTENT = {
  line: ofPoints,
  dots: ofPoints,
  bars: (mark) => ({ ...ofPoints(mark), y: [0, ...ofPoints(mark).y] }),
  histogram: ({ edges, counts }) => ({ x: [edges[0], edges.at(-1)], y: [0, ...counts] }),
  level: ({ y, low, high }) => ({ x: [], y: [y, low, high] }),
  upright: ({ x }) => ({ x: [x], y: [] }),
};

/** [low, high] of the finite values (positive ones for a log axis), or null. */
function span(values, positive) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || (positive && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : null;
}

/**
 * Both axes of some marks: what `x` and `y` (arguments of createAxis) leave open comes from the marks; the vertical
 * axis gets some room, none below bars and histograms that stand on it.   Returns: { x, y } or null without any value.
 */
export function axesFor(marks, x = {}, y = {}) {
  const extents = marks.map((mark) => EXTENT[mark.type](mark));
  const across = x.names ? [0, 1] : span(extents.flatMap((one) => one.x), x.kind === "log");
  const up = y.names ? [0, 1] : span(extents.flatMap((one) => one.y), y.kind === "log");
  if ((!across && !(x.high > x.low)) || (!up && !(y.high > y.low))) return null;
  const [low, high] = up ?? [y.low, y.high], standing = low === 0;
  const room = y.kind === "log" ? [low / 1.3, high * 1.5]
    : [standing ? 0 : low - ROOM * (high - low), high + ROOM * (high - low)];
  const given = (axis, [least, most]) => ({ ...axis, low: axis.low ?? least, high: axis.high ?? most });
  return { x: createAxis(given(x, across ?? [x.low, x.high])), y: createAxis(given(y, room)) };
}

/**
 * The place of a mark nearest to x on an axis: its index, or -1.  Points must be [x, ...]; only those with a finite y.
 */
export function nearest(points, axis, x) {
  let best = -1, least = Infinity;
  points.forEach(([at, y], i) => {
    const away = Math.abs(axis.at(at) - axis.at(x));
    if (Number.isFinite(y) && away < least) [best, least] = [i, away];
  });
  return best;
}
