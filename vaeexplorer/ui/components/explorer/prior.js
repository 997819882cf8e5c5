// The prior p(z): drawing from it, moving between z and standard coordinates, and how far out a place is.

import { normals, uniforms } from "./random.js";

/** log Gamma(a), a > 0 (Lanczos, g = 7, 9 terms: 15 digits). */
export function logGamma(a) {
  const terms = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
                 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  const sum = terms.reduce((total, term, i) => total + term / (a + i), 0.99999999999980993);
  const t = a + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (a - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Regularised lower incomplete gamma P(a, x): series below a + 1, continued fraction (Lentz) above. */
function gammaP(a, x) {
  if (x <= 0) return 0;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a, sum = term;
    for (let n = 1; n < 2000 && term > sum * 1e-16; n++) sum += term *= x / (a + n);
    return Math.min(1, front * sum);
  }
  let b = x + 1 - a, c = 1e300, d = 1 / b, fraction = d;
  for (let n = 1; n < 2000; n++) {
    const step = -n * (n - a);
    b += 2;
    d = 1 / (step * d + b || 1e-300);
    c = b + step / c || 1e-300;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return 1 - front * fraction;
}

/** P(X <= x) for X chi-square with `dimensions` degrees of freedom. */
export function chiSquareCdf(x, dimensions) {
  return gammaP(dimensions / 2, x / 2);
}

/** P(X <= x) for X standard normal. */
export function normalCdf(x) {
  return 0.5 + (Math.sign(x) * gammaP(0.5, (x * x) / 2)) / 2;
}

/** The x with cdf(x) = p, by bisection between two bounds (60 halvings reach double precision). */
function invert(cdf, p, low, high) {
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The distance from the middle that a share p of prior samples does not exceed, in D dimensions. */
export function distanceQuantile(p, dimensions) {
  return Math.sqrt(invert((x) => chiSquareCdf(x, dimensions), p, 0, 20 * dimensions + 200));
}

export function normalQuantile(p) {
  return invert(normalCdf, p, -9, 9);
}

/** z = mean + L e for standard e; L lower triangular, or diagonal where the prior has no covariance. */
function gaussianPrior({ mean, std, cholesky }) {
  const dimensions = mean.length;
  const fromStandard = (e) => Float64Array.from(mean, (m, i) => {
    if (!cholesky) return m + std[i] * e[i];
    let sum = m;
    for (let j = 0; j <= i; j++) sum += cholesky[i][j] * e[j];
    return sum;
  });
  const toStandard = (z) => {
    const e = new Float64Array(dimensions);
    for (let i = 0; i < dimensions; i++) {
      let rest = z[i] - mean[i];
      if (!cholesky) { e[i] = rest / std[i]; continue; }
      for (let j = 0; j < i; j++) rest -= cholesky[i][j] * e[j];
      e[i] = rest / cholesky[i][i];
    }
    return e;
  };
  return {
    bits: false, dimensions, fromStandard, toStandard,
    standard: !cholesky && mean.every((m) => m === 0) && std.every((s) => s === 1),
    middle: Float64Array.from(mean),
    /** [least, greatest] of dimension i's slider: the mean and 3.5 standard deviations either way. */
    range: (i) => [mean[i] - 3.5 * std[i], mean[i] + 3.5 * std[i]],
    draw: (seed) => fromStandard(normals(seed, dimensions)),
    /** Mahalanobis distance from the prior's mean: the norm of z for a standard normal prior. */
    distance: (z) => Math.hypot(...toStandard(z)),
  };
}

/** Independent bits with the given probabilities of being 1. */
function bitPrior({ mean }) {
  const coordinates = (z) => Float64Array.from(z);
  return {
    bits: true, dimensions: mean.length, standard: true, fromStandard: coordinates, toStandard: coordinates,
    middle: new Float64Array(mean.length), range: () => [0, 1],
    draw(seed) {
      const uniform = uniforms(seed);
      return Float64Array.from(mean, (p) => (uniform() < p ? 1 : 0));
    },
  };
}

/** The prior of a model: `posterior` is "gaussian" or "bernoulli", `prior` has mean, std and cholesky or null. */
export function createPrior({ posterior, prior }) {
  return posterior === "bernoulli" ? bitPrior(prior) : gaussianPrior(prior);
}
