// The aggregate posterior  qhat(z) = mean_i q(z|x_i)  over held-out images: where the codes of real pictures live.

import { readDocument } from "./decoder.js";

/** Per image: log of q's constant factor, and what multiplies (z - mean)^2. */
function gaussianTerms(mean, std, count, dimensions) {
  const scale = new Float64Array(count * dimensions), constant = new Float64Array(count);
  for (let m = 0, i = 0; m < count; m++) {
    let sum = -0.5 * dimensions * Math.log(2 * Math.PI);
    for (let d = 0; d < dimensions; d++, i++) {
      sum -= Math.log(std[i]);
      scale[i] = -0.5 / (std[i] * std[i]);
    }
    constant[m] = sum;
  }
  return (z, m) => {
    let sum = constant[m], i = m * dimensions;
    for (let d = 0; d < dimensions; d++, i++) {
      const distance = z[d] - mean[i];
      sum += scale[i] * distance * distance;
    }
    return sum;
  };
}

/** Bernoulli codes: log q(z|x_m) = sum of log-probabilities of the bits. */
function bitTerms(mean, dimensions) {
  const clip = (p) => Math.min(1 - 1e-6, Math.max(1e-6, p));
  const on = Float64Array.from(mean, (p) => Math.log(clip(p)));
  const off = Float64Array.from(mean, (p) => Math.log1p(-clip(p)));
  return (z, m) => {
    let sum = 0, i = m * dimensions;
    for (let d = 0; d < dimensions; d++, i++) sum += z[d] * on[i] + (1 - z[d]) * off[i];
    return sum;
  };
}

/** Share of the quantile table (0..100) that lies below a value, by straight lines between its entries. */
export function rank(quantiles, value) {
  if (!(value > quantiles[0])) return 0;
  const above = quantiles.findIndex((q) => q >= value);
  if (above < 0) return 100;
  const low = quantiles[above - 1], high = quantiles[above];
  return ((above - 1 + (value - low) / (high - low)) * 100) / (quantiles.length - 1);
}

/**
 * Read a codes document.  Returns: { count, quantiles, logDensity(z) in nats, rank(logDensity) in per cent }.
 * Raises: DecoderError if the document cannot be read.
 */
export function createDensity(buffer) {
  const { header, body } = readDocument(buffer);
  const { count, latent_dim: dimensions, quantiles } = header;
  const table = (offset) => new Float32Array(buffer, body + offset, count * dimensions);
  const mean = table(header.mean);
  const term = header.kind === "bernoulli"
    ? bitTerms(mean, dimensions) : gaussianTerms(mean, table(header.std), count, dimensions);
  const terms = new Float64Array(count);
  return {
    count, quantiles,
    logDensity(z) {
      let largest = -Infinity, sum = 0;
      for (let m = 0; m < count; m++) largest = Math.max(largest, (terms[m] = term(z, m)));
      for (let m = 0; m < count; m++) sum += Math.exp(terms[m] - largest);
      return largest + Math.log(sum / count);
    },
    rank: (value) => rank(quantiles, value),
  };
}
