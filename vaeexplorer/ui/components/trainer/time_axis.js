// An axis of seconds of work for things that are known by their step. No DOM.

import { lastUpTo } from "./rows.js";
import { duration, ticks } from "./scales.js";

const APART = 84;               // pixels between two ticks: "1 h 5 min" has room

/** Whether rows know how long they took. */
export const timed = (rows) => rows.length > 1 && Number.isFinite(rows.train.seconds.at(rows.length - 1));

/**
 * Where a step lies by the seconds of work until it, in 0..1, and back, as stepAxis; between rows in proportion.
 * marks(pixels): [words, place] of its ticks.
 */
export function timeAxis({ train: { step: steps, seconds } }) {
  const end = Math.max(1e-3, seconds.at(seconds.length - 1));
  return {
    kind: "time", end,
    at: (step) => between(steps, seconds, step) / end,
    step: (u) => between(seconds, steps, u * end),
    marks: (pixels) => ticks(0, end, Math.max(2, Math.floor(pixels / APART)))
      .filter((value) => value <= end).map((value) => [words(value, end), value / end]),
  };
}

/** The value at x between two neighbours of rising xs, as if both began at 0; beyond the last one it is the last. */
function between(xs, values, x) {
  const i = lastUpTo(xs, x), last = xs.length - 1;
  if (i >= last) return values.at(last);
  const [x0, v0] = i < 0 ? [0, 0] : [xs.at(i), values.at(i)];
  const x1 = xs.at(i + 1), part = x1 > x0 ? (x - x0) / (x1 - x0) : 0;
  return v0 + Math.max(0, part) * (values.at(i + 1) - v0);
}

/** Short times with the digits that their distance needs. */
const words = (value, end) => (end < 10 ? `${Number(value.toPrecision(2))} s` : duration(value));
