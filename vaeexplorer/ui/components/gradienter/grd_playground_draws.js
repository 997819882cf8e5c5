// Many single estimates of one gradient by both ways, from the same draws, and what is known of them. No DOM.

import { carriedOf, scoreOf } from "./grd_formulas.js";

/**
 * One estimate from the draws noise[from .. from + S).
 * Args: f; settings { mu, sigma, by, samples, others, baseline }.
 * Returns: { pathwise, score (the means), draws [{ z, value, slope, baseline, pathwise, score }, ...] (their parts) }.
 */
export function estimateAt(f, settings, noise, from) {
  const { mu, sigma, by, samples, others, baseline } = settings, draws = [];
  let sum = 0;
  for (let i = 0; i < samples; i++) {
    const z = mu + sigma * noise[from + i], value = f.value(z), slope = f.slope(z);
    draws.push({ z, value, slope, noise: noise[from + i] });
    sum += value;
  }
  let pathwise = 0, score = 0;
  for (const draw of draws) {
    draw.baseline = others ? (sum - draw.value) / (samples - 1) : baseline;
    draw.pathwise = carriedOf[by](draw.slope, draw.noise, sigma);
    draw.score = (draw.value - draw.baseline) * scoreOf[by](draw.noise, sigma);
    pathwise += draw.pathwise;
    score += draw.score;
  }
  return { pathwise: pathwise / samples, score: score / samples, draws };
}

/**
 * `count` estimates in a row, as estimateAt has each.  Returns: { pathwise, score }, Float64Arrays.
 * With h the score, leave-one-out is sum_i (f_i - (F - f_i)/(S - 1)) h_i, F the sum of f: sums are enough.
 */
export function estimates(f, { mu, sigma, by, samples, others, baseline }, noise, count) {
  const pathwise = new Float64Array(count), score = new Float64Array(count);
  const carried = carriedOf[by], scored = scoreOf[by], own = others ? samples / (samples - 1) : 1;
  for (let i = 0; i < count; i++) {
    let slopes = 0, total = 0, scores = 0, weighed = 0;
    for (let k = i * samples; k < (i + 1) * samples; k++) {
      const z = mu + sigma * noise[k], value = f.value(z) - baseline, h = scored(noise[k], sigma);
      slopes += carried(f.slope(z), noise[k], sigma);
      total += value;
      scores += h;
      weighed += value * h;
    }
    pathwise[i] = slopes / samples;
    score[i] = (own * weighed - (others ? total * scores / (samples - 1) : 0)) / samples;
  }
  return { pathwise, score };
}

/**
 * Mean and variance of the first `count` values, with their standard errors; that of the variance is
 * sqrt((mu4 - v^2 (n - 3)/(n - 1)) / n). Infinite where there are too few values to tell.
 */
export function summary(values, count = values.length) {
  let mean = 0, square = 0, fourth = 0;
  for (let i = 0; i < count; i++) mean += values[i] / count;
  for (let i = 0; i < count; i++) {
    const off = (values[i] - mean) ** 2;
    square += off;
    fourth += off * off / count;
  }
  if (count < 2) return { mean, stderr: Infinity, variance: NaN, varianceError: Infinity, count };
  const variance = square / (count - 1), rest = fourth - variance * variance * (count - 3) / (count - 1);
  return { mean, stderr: Math.sqrt(variance / count), variance, count,
           varianceError: count < 4 ? Infinity : Math.sqrt(Math.max(0, rest) / count) };
}

/** The first `count` values in `bins` bins of [low, high]: { edges, counts, below, above }. */
export function binned(values, low, high, bins, count = values.length) {
  const counts = Array(bins).fill(0), edges = Array.from({ length: bins + 1 }, (_, i) => low + (high - low) * i / bins);
  let below = 0, above = 0;
  for (let i = 0; i < count; i++) {
    const at = Math.floor((values[i] - low) / (high - low) * bins);
    if (values[i] < low) below += 1;
    else if (values[i] > high) above += 1;
    else counts[Math.min(bins - 1, at)] += 1;
  }
  return { edges, counts, below, above };
}
