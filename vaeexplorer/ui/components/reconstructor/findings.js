// What the app found out about images, read from its binary documents. No DOM.
//
// A finding is one image and what a model makes of it: pictures as bytes (C*H*W, channel-major), spread as floats, the
// code q(z|x), and the two terms of its bound as estimates { value, stderr, n, kind, over, unit }.

import { readDocument } from "./documents.js";

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** The document of /vaex/reconstructions -> findings, in its order. */
export function readFindings(buffer) {
  const { header, body } = readDocument(buffer), { shape, shown, latent_dim: D } = header, S = size(shape);
  const bytes = (offset, n) => new Uint8Array(buffer, body + offset, n);
  const floats = (offset, n) => new Float32Array(buffer, body + offset, n);
  return header.items.map((item, i) => ({
    ...item, shape, samples: header.samples, likelihood: header.likelihood,
    original: bytes(header.original + i * S, S),
    seen: bytes(header.seen + i * S, S),
    mean: bytes(header.mean + i * S, S),
    draws: Array.from({ length: shown }, (_, k) => bytes(header.draws + (i * shown + k) * S, S)),
    spread: floats(header.spread + 4 * i * S, S),
    code: {
      mean: floats(header.code_mean + 4 * i * D, D), std: floats(header.code_std + 4 * i * D, D),
      kl: floats(header.kl_per_dimension + 4 * i * D, D),
    },
  }));
}

/** Held-out terms of /vaex/encoded: { count, title, terms: { elbo, reconstruction, kl }, labels, names, ... }. */
export function readHeldOut(buffer) {
  const { header, body } = readDocument(buffer), { count } = header;
  const floats = (offset) => (offset === null ? null : new Float32Array(buffer, body + offset, count));
  const labels = header.label === null ? null : new Int16Array(buffer, body + header.label, count);
  return {
    count, dimensions: header.dimensions, title: header.title, words: header.words, note: header.terms_note ?? "",
    terms: { elbo: floats(header.elbo), reconstruction: floats(header.reconstruction), kl: floats(header.kl) },
    labels: labels?.some((label) => label >= 0) ? labels : null, names: header.class_names ?? [], header, body, buffer,
  };
}

/** Pixel by pixel, reconstruction minus what the model saw, in −1..1 (H*W; the mean over the channels). */
export function difference({ shape: [channels, height, width], seen, mean }) {
  const plane = height * width, out = new Float32Array(plane);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++, at++) out[i] += (mean[at] - seen[at]) / (255 * channels);
  }
  return out;
}

/** The spread of each pixel (H*W): the root of the mean square over the channels. */
export function spreadOf({ shape: [channels, height, width], spread }) {
  if (channels === 1) return spread;
  const plane = height * width, out = new Float32Array(plane);
  for (let c = 0, at = 0; c < channels; c++) for (let i = 0; i < plane; i++, at++) out[i] += spread[at] ** 2 / channels;
  return out.map(Math.sqrt);
}

/** Bytes as numbers in [0, 1]. */
export const toUnit = (bytes) => Float32Array.from(bytes, (v) => v / 255);

/** Whether two pictures are the same bytes. */
export const sameBytes = (a, b) => a.every((v, i) => v === b[i]);

/** a − b of two independent estimates: errors add in squares. */
export function change(a, b) {
  return { ...a, value: a.value - b.value, stderr: Math.hypot(a.stderr ?? 0, b.stderr ?? 0) };
}

/**
 * How far one code lies from another: for Gaussians KL(q1 ‖ q0) in nats, exact; for bits the same of Bernoullis.
 * Args: codes { mean, std }; bits, whether the latents are 0 or 1.
 */
export function codeShift(one, zero, bits) {
  const term = bits ? bernoulliKl : gaussianKl;
  let sum = 0;
  one.mean.forEach((m, i) => { sum += term(m, one.std[i], zero.mean[i], zero.std[i]); });
  return sum;
}

function gaussianKl(m1, s1, m0, s0) {
  const ratio = (s1 / s0) ** 2;
  return 0.5 * (ratio + ((m1 - m0) / s0) ** 2 - 1 - Math.log(ratio));
}

function bernoulliKl(p1, _s1, p0) {
  const part = (a, b) => (a > 0 ? a * Math.log(a / Math.max(b, 1e-12)) : 0);
  return Math.max(0, part(p1, p0) + part(1 - p1, 1 - p0));
}
