// What a density on a grid says about a posterior, and how q differs from it. No DOM.
//
// Densities are logarithms in nats at the w x h nodes of a window [u0, u1, v0, v1], as contours.js has them.

import { diagonal, klNormal, logNormal } from "./bnd_gaussian.js";
import { levelsOf } from "./contours.js";

const SMALL = 0.02;             // of the mass: a peak with less is none

const step = (from, to, count) => (count > 1 ? (to - from) / (count - 1) : 1);

/**
 * Mass, mean and covariance of a density over a window.  Args: density (w * h), size [w, h], window.
 * Returns: { mass, mean [2], covariance [[..]], std [2], correlation }; the moments are those of the density divided by
 *   its mass in the window.
 */
export function gridMoments(density, [w, h], [u0, u1, v0, v1]) {
  const du = step(u0, u1, w), dv = step(v0, v1, h);
  let mass = 0, mu = 0, mv = 0, uu = 0, uv = 0, vv = 0;
  for (let j = 0, k = 0; j < h; j++) {
    for (let i = 0; i < w; i++, k++) {
      const p = Math.exp(density[k]), u = u0 + i * du, v = v0 + j * dv;
      if (!(p > 0)) continue;
      mass += p;
      mu += p * u;
      mv += p * v;
      uu += p * u * u;
      uv += p * u * v;
      vv += p * v * v;
    }
  }
  const mean = [mu / mass, mv / mass];
  const a = uu / mass - mean[0] ** 2, b = uv / mass - mean[0] * mean[1], c = vv / mass - mean[1] ** 2;
  const std = [Math.sqrt(Math.max(0, a)), Math.sqrt(Math.max(0, c))];
  return { mass: mass * du * dv, mean, covariance: [[a, b], [b, c]], std,
           correlation: std[0] * std[1] > 0 ? b / (std[0] * std[1]) : 0 };
}

/** Logarithm of a diagonal normal's density at a point. */
export const logDiagonal = (u, v, { mean, std }) => (
  -Math.log(2 * Math.PI * std[0] * std[1]) - 0.5 * (((u - mean[0]) / std[0]) ** 2 + ((v - mean[1]) / std[1]) ** 2));

/**
 * KL(q || p) of a diagonal normal q against a density p on a grid, in nats; null where the window or the grid is too
 * coarse for q (its mass on the nodes is not 1 within half a per cent).
 * Args: near { mean, covariance }, a Gaussian like p: KL(q || near), which is exact, has the tails of q that the window
 * leaves out in it; the grid adds E_q[log near - log p].
 * Error: what that difference is beyond the window, times the mass of q there.
 */
export function gridKl(density, [w, h], [u0, u1, v0, v1], q, near) {
  const du = step(u0, u1, w), dv = step(v0, v1, h), { mean, covariance } = near;
  let sum = 0, mass = 0;
  for (let j = 0, k = 0; j < h; j++) {
    for (let i = 0; i < w; i++, k++) {
      const u = u0 + i * du, v = v0 + j * dv, p = Math.exp(logDiagonal(u, v, q));
      if (p < 1e-12) continue;
      mass += p;
      sum += p * (logNormal([u, v], mean, covariance) - density[k]);
    }
  }
  const whole = Math.abs(mass * du * dv - 1) < 5e-3 && Number.isFinite(sum);
  return whole ? klNormal(diagonal(q), near) + sum * du * dv : null;
}

/** How many separate regions hold 90 % of the probability; tiny ones are not counted. */
export function peaks(density, [w, h], [u0, u1, v0, v1]) {
  const area = step(u0, u1, w) * step(v0, v1, h), level = levelsOf(density, area, [0.9])[0];
  if (level === null) return 1;
  const inside = density.map((value) => (value >= level ? 1 : 0)), stack = [];
  let found = 0;
  for (let start = 0; start < inside.length; start++) {
    if (!inside[start]) continue;
    let mass = 0;
    stack.push(start);
    inside[start] = 0;
    while (stack.length) {
      const k = stack.pop(), i = k % w;
      mass += Math.exp(density[k]) * area;
      for (const [near, there] of [[k - 1, i > 0], [k + 1, i + 1 < w], [k - w, k >= w], [k + w, k + w < w * h]]) {
        if (!there || !inside[near]) continue;
        inside[near] = 0;
        stack.push(near);
      }
    }
    if (mass > SMALL) found += 1;
  }
  return Math.max(1, found);
}
