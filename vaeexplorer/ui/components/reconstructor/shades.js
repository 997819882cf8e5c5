// Numbers as colours: signed differences, spreads, and pictures, each as RGBA on its own canvas.

import { el } from "./dom.js";
import { writeBytes } from "./pixels.js";

const MORE = [58, 166, 85], LESS = [224, 85, 159], SPREAD = [64, 200, 172];
const STEPS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5];     // where a scale of spreads may end

/** Little-endian RGBA of red, green and blue. */
const rgba = (r, g, b) => 0xff000000 | (b << 16) | (g << 8) | r;

/** −1..1 -> colour: green where the reconstruction is brighter than the image, pink where it is darker, else black. */
export function signedColour(value) {
  const strength = Math.min(1, Math.abs(value)) ** 0.75, [r, g, b] = value > 0 ? MORE : LESS, white = 0.25 * strength;
  const mix = (part) => Math.round(strength * (part + white * (255 - part)));
  return rgba(mix(r), mix(g), mix(b));
}

/** 0..1 -> colour: black, sea green, nearly white. */
export function spreadColour(value) {
  const t = Math.min(1, Math.max(0, value)), light = Math.max(0, t - 0.6) / 0.4;
  const mix = (part) => Math.round(Math.min(1, t / 0.6) * part + light * 0.85 * (255 - part));
  return rgba(mix(SPREAD[0]), mix(SPREAD[1]), mix(SPREAD[2]));
}

/** The smallest round end of a scale that holds these spreads. */
export function spreadEnd(spreads) {
  let most = 0;
  for (const values of spreads) for (const v of values) if (v > most) most = v;
  return STEPS.find((end) => end >= most) ?? Math.ceil(most * 10) / 10;
}

/** An empty picture; `kind` says in which colour it is framed. */
export function tile(shape, label, kind = "") {
  return el("canvas", { class: `tile ${kind}`, width: shape[2], height: shape[1], role: "img", "aria-label": label });
}

function put(canvas, width, height, fill) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Show bytes (C*H*W). */
export function paintBytes(canvas, bytes, shape) {
  put(canvas, shape[2], shape[1], (pixels) => writeBytes(bytes, 0, null, 0, shape, pixels, shape[2], 0, 0));
}

/** Show numbers in [0, 1] (C*H*W). */
export function paintUnit(canvas, values, shape) {
  paintBytes(canvas, Uint8Array.from(values, (v) => Math.round(255 * v)), shape);
}

/** Show numbers (H*W) by a colour for each. */
export function paintNumbers(canvas, values, [, height, width], colour) {
  put(canvas, width, height, (pixels) => { values.forEach((v, i) => { pixels[i] = colour(v); }); });
}

/** Four pictures as one, two by two, a pixel of black between them. */
export function paintFour(canvas, pictures, shape) {
  const [, height, width] = shape, across = 2 * width + 1, down = 2 * height + 1;
  put(canvas, across, down, (pixels) => {
    pixels.fill(0xff000000);
    pictures.slice(0, 4).forEach((bytes, k) => (
      writeBytes(bytes, 0, null, 0, shape, pixels, across, (k % 2) * (width + 1), (k >> 1) * (height + 1))));
  });
}

/** A colour scale with its numbers: low and high at the ends of a ramp.  Returns: { element, set(low, high) }. */
export function ramp(colour, low, high, label) {
  const canvas = el("canvas", { class: "ramp-colours", width: 64, height: 1, role: "img", "aria-label": label });
  put(canvas, 64, 1, (pixels) => pixels.forEach((_, i) => { pixels[i] = colour(i / 63); }));
  const ends = [el("span", {}, low), el("span", {}, high)];
  return {
    element: el("span", { class: "scale-ramp" }, ends[0], canvas, ends[1]),
    set(first, last) {
      [ends[0].textContent, ends[1].textContent] = [first, last];
    },
  };
}
