// The document of codes: what is known of each point of the map. No DOM.

import { readDocument } from "./documents.js";
import { toFloats } from "./halves.js";

/** Columns of numbers, one float for each point: key -> words in menus and tables. */
export const TERMS = { elbo: "ELBO", reconstruction: "Reconstruction", kl: "KL" };

/**
 * Read the answer of /vaex/encoded.
 * Returns: { header, source, count, dimensions, mean (N*D), std (N*D) or null, elbo, reconstruction, kl (N nats) or
 *   null, label (N, -1 unknown) or null, names (of the classes), factors [{ name, values, index (N) }], step (N) or
 *   null, hasImages, zOf(i), stdOf(i), className(k), labelOf(i) }.
 */
export function readCodes(buffer) {
  const { header, body } = readDocument(buffer), { count, dimensions } = header;
  const there = (offset) => offset !== null && offset !== undefined;
  const take = (Kind, offset, length) => (there(offset) ? new Kind(buffer, body + offset, length) : null);
  const codes = (offset) => (there(offset)
    ? toFloats(buffer, body + offset, count * dimensions, header.codes_dtype) : null);
  const wide = header.factors ?? [], factorTable = take(Int16Array, header.factor, count * wide.length);
  const mean = codes(header.mean), std = codes(header.std);
  const label = take(Int16Array, header.label, count), names = header.class_names ?? [];
  const className = (k) => (k < 0 ? "unknown" : names[k] ?? String(k));
  return {
    header, count, dimensions, mean, std, label, names, className,
    source: header.source, hasImages: Boolean(header.has_images), bits: header.posterior === "bernoulli",
    elbo: take(Float32Array, header.elbo, count), kl: take(Float32Array, header.kl, count),
    reconstruction: take(Float32Array, header.reconstruction, count), step: take(Int32Array, header.step, count),
    factors: factorTable ? wide.map((factor, k) => ({
      name: factor.name, values: factor.values,
      index: Int16Array.from({ length: count }, (_, i) => factorTable[i * wide.length + k]),
    })) : [],
    zOf: (i) => mean.slice(i * dimensions, (i + 1) * dimensions),
    stdOf: (i) => (std ? std.slice(i * dimensions, (i + 1) * dimensions) : null),
    labelOf: (i) => (label && label[i] >= 0 ? className(label[i]) : null),
  };
}

/** Dimension d of every code. */
export function dimension(codes, d) {
  const { mean, count, dimensions } = codes, values = new Float32Array(count);
  for (let i = 0, at = d; i < count; i++, at += dimensions) values[i] = mean[at];
  return values;
}

/** How often each class occurs among `indices` (all points for null): [[class, count], ...], most frequent first. */
export function classCounts(codes, indices = null) {
  if (!codes.label) return [];
  const found = new Map(), add = (k) => found.set(k, (found.get(k) ?? 0) + 1);
  if (indices) for (const i of indices) add(codes.label[i]);
  else codes.label.forEach(add);
  return [...found].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

/** The mean code of some points, D numbers. */
export function meanCode(codes, indices) {
  const { mean, dimensions } = codes, sum = new Float64Array(dimensions);
  for (const i of indices) for (let d = 0, at = i * dimensions; d < dimensions; d++) sum[d] += mean[at + d];
  return sum.map((v) => v / Math.max(1, indices.length));
}

/**
 * The points nearest to z in latent space (Euclidean distance of the means), nearest first, without `self`.
 * Returns: [{ index, distance }], at most `wanted`.
 */
export function nearestCodes(codes, z, wanted, self = -1) {
  const { mean, count, dimensions } = codes, best = [];
  let worst = Infinity;
  for (let i = 0, at = 0; i < count; i++, at += dimensions) {
    let sum = 0;
    for (let d = 0; d < dimensions && sum < worst; d++) sum += (mean[at + d] - z[d]) ** 2;
    if (sum >= worst || i === self) continue;
    let place = best.length;
    while (place > 0 && best[place - 1].distance > sum) place--;
    best.splice(place, 0, { index: i, distance: sum });
    if (best.length > wanted) best.pop();
    if (best.length === wanted) worst = best[wanted - 1].distance;
  }
  return best.map(({ index, distance }) => ({ index, distance: Math.sqrt(distance) }));
}

/** `wanted` of the indices, evenly spread, in their order. */
export function evenly(indices, wanted) {
  if (indices.length <= wanted) return Array.from(indices);
  return Array.from({ length: wanted }, (_, k) => indices[Math.floor(((k + 0.5) * indices.length) / wanted)]);
}
