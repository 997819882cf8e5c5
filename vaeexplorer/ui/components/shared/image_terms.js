// What the app says about chosen images of a model: their pictures and the terms of their bounds. No DOM.

import { readDocument } from "./documents.js";

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/**
 * The document of bounds/terms.
 * Returns: { images: [{ key, title, label, words, elbo, reconstruction, kl (estimates), original, seen, mean (bytes,
 *   C*H*W), kl_per_dimension (D) }], leftOut: [{ key, why }] }.
 */
export function readTerms(buffer) {
  const { header, body } = readDocument(buffer), { shape, latent_dim: D } = header, S = size(shape);
  const bytes = (offset, i) => new Uint8Array(buffer, body + offset + i * S, S);
  const images = header.items.map((item, i) => ({
    ...item, shape,
    original: bytes(header.original, i), seen: bytes(header.seen, i), mean: bytes(header.mean, i),
    kl_per_dimension: new Float32Array(buffer, body + header.kl_per_dimension + 4 * i * D, D),
  }));
  return { images, leftOut: header.left_out ?? [] };
}
