// Damage to an image, pixel by pixel: the same settings and seed give the same picture. No DOM.

import { normals, uniforms } from "./random.js";

/** What can be done to an image of a shape, in this order: { key: { name, unit, least, most, step, words } }. */
export function corruptions([, height, width]) {
  const side = Math.min(height, width), far = Math.max(1, Math.round(0.4 * side));
  return {
    rotation: { name: "rotation", unit: "°", least: -180, most: 180, step: 3, words: "turned about the middle" },
    shift: { name: "shift", unit: " px", least: -far, most: far, step: side < 16 ? 0.25 : 0.5,
             words: "moved to the right, or to the left" },
    occlusion: { name: "occlusion", unit: " %", least: 0, most: 80, step: 1,
                 words: "a black square over this share of the picture; the seed says where" },
    noise: { name: "noise", unit: "", least: 0, most: 0.6, step: 0.02,
             words: "normal noise of this standard deviation on every pixel, then cut to 0..1" },
  };
}

/** No damage. */
export const whole = () => ({ rotation: 0, shift: 0, occlusion: 0, noise: 0, invert: false, seed: 1 });

/** Whether the settings leave an image as it is. */
export const untouched = ({ rotation, shift, occlusion, noise, invert }) => (
  !rotation && !shift && !occlusion && !noise && !invert);

/** Damage an image: values (C*H*W) in [0, 1] -> a new Float32Array in [0, 1]. What moves in from outside is black. */
export function corrupt(values, shape, settings) {
  let out = settings.invert ? values.map((v) => 1 - v) : Float32Array.from(values);
  if (settings.rotation || settings.shift) out = moved(out, shape, settings);
  if (settings.occlusion) cover(out, shape, settings);
  if (settings.noise) addNoise(out, settings);
  return out;
}

/** Turned by `rotation` degrees (against the clock) about the middle, then `shift` pixels to the right; bilinear. */
function moved(values, [channels, height, width], { rotation, shift }) {
  const out = new Float32Array(values.length), angle = (rotation * Math.PI) / 180, plane = height * width;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)], [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  for (let row = 0, at = 0; row < height; row++) {
    for (let col = 0; col < width; col++, at++) {
      const dx = col - cx - shift, dy = row - cy;
      const x = cx + cosine * dx - sine * dy, y = cy + sine * dx + cosine * dy;
      for (let c = 0; c < channels; c++) out[c * plane + at] = between(values, c * plane, height, width, x, y);
    }
  }
  return out;
}

/** The value between four pixels; black outside. */
function between(values, offset, height, width, x, y) {
  const left = Math.floor(x + 1e-9), top = Math.floor(y + 1e-9), u = Math.max(0, x - left), v = Math.max(0, y - top);
  const at = (row, col) => (
    row < 0 || col < 0 || row >= height || col >= width ? 0 : values[offset + row * width + col]);
  const mixed = (a, b, t) => (t ? a + t * (b - a) : a);
  return mixed(mixed(at(top, left), at(top, left + 1), u), mixed(at(top + 1, left), at(top + 1, left + 1), u), v);
}

/** Lay a black square over `occlusion` per cent of the picture; its place follows from the seed and lies inside. */
function cover(values, [channels, height, width], { occlusion, seed }) {
  const uniform = uniforms(seed), side = Math.sqrt(occlusion / 100);
  const high = Math.round(side * height), wide = Math.round(side * width);
  const left = Math.round(uniform() * (width - wide)), top = Math.round(uniform() * (height - high));
  for (let c = 0; c < channels; c++) {
    for (let row = top; row < top + high; row++) {
      const start = (c * height + row) * width + left;
      values.fill(0, start, start + wide);
    }
  }
}

const draws = { seed: null, values: new Float64Array(0) };       // the last ones: a slider asks for them again

function addNoise(values, { noise, seed }) {
  if (draws.seed !== seed || draws.values.length !== values.length) {
    draws.seed = seed;
    draws.values = normals(seed, values.length);
  }
  for (let i = 0; i < values.length; i++) values[i] = Math.min(1, Math.max(0, values[i] + noise * draws.values[i]));
}
