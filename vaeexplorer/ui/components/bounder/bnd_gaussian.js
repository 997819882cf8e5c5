// The exact model with two latent dimensions in closed form: x = W z + b + noise, z ~ N(0, I). No DOM.
//
// All in nats. Every number below is exact (REFERENCE 2a); what must be sampled is asked of the app.

export const START = {          // REFERENCE 2a: also the numbers that the tests hold this module to
  weight: [[1, 0.5], [-0.3, 0.8], [0.2, -0.6]], bias: [0.1, -0.2, 0.3], variance: 0.25,
  x: [1, -0.5, 0.75], mean: [0.3, -0.1], std: [Math.sqrt(0.2), Math.sqrt(0.3)],
};

const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const det = ([[a, b], [c, d]]) => a * d - b * c;
const times = ([[a, b], [c, d]], [u, v]) => [a * u + b * v, c * u + d * v];

/** The inverse of a 2 x 2 matrix. */
export function inverse(matrix) {
  const [[a, b], [c, d]] = matrix, k = det(matrix);
  return [[d / k, -b / k], [-c / k, a / k]];
}

/** log N(u; mean, covariance) at a point of the plane. */
export function logNormal([u, v], [m, n], covariance) {
  const off = [u - m, v - n];
  return -Math.log(2 * Math.PI) - 0.5 * Math.log(det(covariance)) - 0.5 * dot(off, times(inverse(covariance), off));
}

/** KL of two Gaussians in the plane, each { mean, covariance }. */
export function klNormal(q, p) {
  const precision = inverse(p.covariance), off = [p.mean[0] - q.mean[0], p.mean[1] - q.mean[1]];
  const [[a, b], [c, d]] = precision, [[e, f], [g, h]] = q.covariance;
  const trace = a * e + b * g + c * f + d * h;
  return 0.5 * (trace - 2 + dot(off, times(precision, off)) + Math.log(det(p.covariance) / det(q.covariance)));
}

/** N(mean, diag std^2) as { mean, covariance }. */
export const diagonal = ({ mean, std }) => ({ mean, covariance: [[std[0] ** 2, 0], [0, std[1] ** 2]] });

/**
 * Relative variance of one weight p(x, z) / q(z), z ~ q = N(m, precision^-1): Infinity where q is too narrow.
 * With P = 2 Lam - precision, which must be positive definite (REFERENCE 2a).
 */
function relativeVariance(lam, mp, mean, precision) {
  const p = lam.map((row, i) => row.map((v, j) => 2 * v - precision[i][j]));
  if (!(p[0][0] > 0 && det(p) > 0)) return Infinity;
  const twice = times(lam, mp).map((v) => 2 * v), own = times(precision, mean), h = twice.map((v, i) => v - own[i]);
  const lg = Math.log(det(lam)) - 0.5 * Math.log(det(precision)) - 0.5 * Math.log(det(p))
    - dot(mp, times(lam, mp)) + 0.5 * dot(mean, own) + 0.5 * dot(h, times(inverse(p), h));
  return Math.expm1(lg);
}

/**
 * All that is known about an image x under a diagonal q.
 * Args: x (3), mean (2), std (2) of q; model { weight (3 x 2), bias (3), variance }.
 * Returns: { logMarginal, posterior { mean, covariance }, best { mean, std } (the best diagonal q), reconstruction, kl,
 *   elbo, gap, approximation, amortization, relativeVariance (Infinity where q is too narrow), prior: the same of
 *   proposals from the prior }.
 */
export function exactTerms({ x, mean, std }, { weight, bias, variance } = START) {
  const r = x.map((v, i) => v - bias[i]), d = x.length;
  const column = (j) => weight.map((row) => row[j]);
  const lam = [0, 1].map((i) => [0, 1].map((j) => (i === j ? 1 : 0) + dot(column(i), column(j)) / variance));
  const covariance = inverse(lam), projected = [0, 1].map((j) => dot(column(j), r) / variance);
  const mp = times(covariance, projected);
  const logMarginal = -0.5 * (d * Math.log(2 * Math.PI * variance) + Math.log(det(lam))
    + dot(r, r) / variance - dot(projected, mp));
  const left = r.map((v, i) => v - dot(weight[i], mean));
  const spread = dot([dot(column(0), column(0)), dot(column(1), column(1))], std.map((s) => s * s));
  const reconstruction = -0.5 * (d * Math.log(2 * Math.PI * variance) + (dot(left, left) + spread) / variance);
  const kl = 0.5 * [0, 1].reduce((sum, j) => sum + mean[j] ** 2 + std[j] ** 2 - 1 - 2 * Math.log(std[j]), 0);
  const elbo = reconstruction - kl, gap = klNormal(diagonal({ mean, std }), { mean: mp, covariance });
  const approximation = 0.5 * (Math.log(lam[0][0] * lam[1][1]) - Math.log(det(lam)));
  const precision = [[1 / std[0] ** 2, 0], [0, 1 / std[1] ** 2]];
  return {
    logMarginal, reconstruction, kl, elbo, gap, approximation, amortization: gap - approximation,
    posterior: { mean: mp, covariance }, best: { mean: mp, std: [lam[0][0] ** -0.5, lam[1][1] ** -0.5] },
    relativeVariance: relativeVariance(lam, mp, mean, precision),
    prior: relativeVariance(lam, mp, [0, 0], [[1, 0], [0, 1]]),
  };
}
