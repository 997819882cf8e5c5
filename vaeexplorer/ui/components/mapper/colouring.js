// From what is known of each point to its colour: by class, by a number, or one for all.

import { DISTINCT, classColours } from "./colours.js";

const TAIL = 0.01;              // of the numbers at each end share the last colour of the ramp
const STEPS = 256;
// From low to high. Light to dark on a light page, dark to light on a dark one: what is high stands out in both.
const RAMPS = {
  light: ["#f3c96b", "#e79a55", "#d0665a", "#a63c72", "#6c2a7e", "#2f1d5e"],
  dark: ["#4b3b8f", "#8a3f9c", "#c94a86", "#ee7365", "#fbab60", "#fdeaa0"],
};
const AROUND = {                // low, the middle, high: of numbers that lie around zero
  light: ["#1565a8", "#5b9bd0", "#b9bcc2", "#dc8a5c", "#a83c14"],
  dark: ["#5cb4ff", "#3f78b0", "#6c7078", "#b8693c", "#ff9e63"],
};
const NONE = { light: "#9aa0a8", dark: "#6f767f" };     // of what is not known

const seen = new Map();         // CSS colour -> pixel

/** A CSS colour as a pixel of ImageData in a Uint32Array: 0xAABBGGRR. */
export function pixelOf(css) {
  if (!seen.has(css)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const probe = canvas.getContext("2d");
    probe.fillStyle = css;
    probe.fillRect(0, 0, 1, 1);
    seen.set(css, new Uint32Array(probe.getImageData(0, 0, 1, 1).data.buffer)[0]);
  }
  return seen.get(css);
}

/** A pixel between the stops (CSS colours, evenly spaced) at t in 0..1. */
function between(stops, t) {
  const at = Math.min(stops.length - 1.000001, t * (stops.length - 1)), k = Math.floor(at), share = at - k;
  const [a, b] = [pixelOf(stops[k]), pixelOf(stops[k + 1])];
  const mixed = [0, 8, 16].map((shift) => {
    const [p, q] = [(a >>> shift) & 255, (b >>> shift) & 255];
    return Math.round(p + share * (q - p)) << shift;
  });
  return (0xff000000 | mixed[0] | mixed[1] | mixed[2]) >>> 0;
}

/** [low, high] that all but a share of the finite values lie in, or null if there are none. */
export function span(values, tail = TAIL) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return null;
  const at = (q) => sorted[Math.round(q * (sorted.length - 1))];
  return [at(tail), at(1 - tail)];
}

function byClass(values, names, theme) {
  let count = names?.length ?? 0;
  for (let i = 0; i < values.length; i++) if (values[i] >= count) count = values[i] + 1;
  const css = classColours(theme, count), pixels = css.map(pixelOf), none = pixelOf(NONE[theme]);
  const counts = new Uint32Array(count + 1), colours = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const known = values[i] >= 0;
    colours[i] = known ? pixels[values[i]] : none;
    counts[known ? values[i] : count]++;
  }
  const legend = css.map((colour, key) => ({ name: String(names?.[key] ?? key), colour, count: counts[key], key }));
  if (counts[count]) legend.push({ name: "not known", colour: NONE[theme], count: counts[count], key: -1 });
  return { colours, legend, ramp: null, repeats: count > DISTINCT };
}

function byNumber(values, theme, around) {
  const found = span(values) ?? [0, 0], far = Math.max(Math.abs(found[0]), Math.abs(found[1]));
  const [low, high] = around ? [-far, far] : found, stops = (around ? AROUND : RAMPS)[theme];
  const table = Uint32Array.from({ length: STEPS }, (_, k) => between(stops, k / (STEPS - 1)));
  const none = pixelOf(NONE[theme]), colours = new Uint32Array(values.length);
  const per = high > low ? STEPS / (high - low) : 0;
  let unknown = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value - value !== 0) {
      colours[i] = none;
      unknown++;
    } else colours[i] = table[per ? Math.max(0, Math.min(STEPS - 1, Math.floor((value - low) * per))) : STEPS >> 1];
  }
  const legend = unknown ? [{ name: "not known", colour: NONE[theme], count: unknown, key: -1 }] : null;
  return { colours, legend, ramp: { low, high, stops } };
}

/**
 * A colour for each point.
 * Args: kind "class" (values whole numbers, -1 where not known; names of the classes), "number" (values, NaN where not
 *       known; around: true for numbers that lie around zero, whose ramp then has its middle there), or "single" (count
 *       points in `colour`, a CSS colour); theme "dark" or "light".
 * Returns: { colours (pixels), legend [{ name, colour, count, key }] or null, ramp { low, high, stops } or null,
 *          repeats: whether several classes share a colour }. Values beyond low and high have the colours of the ends.
 */
export function colourBy({ kind, values, names = null, theme, around = false, count = values?.length, colour = null }) {
  if (kind === "class") return byClass(values, names, theme);
  if (kind === "number") return byNumber(values, theme, around);
  const pixel = pixelOf(colour ?? classColours(theme, 2)[1]);
  return { colours: new Uint32Array(count).fill(pixel), legend: null, ramp: null };
}
