// What a cloud of gradients in the plane says: who points uphill, what the axes are. No DOM.

import { outsideOf } from "./grd_arrows.js";
import { boundOf, listed, rough, truthWords, unfinished } from "./grd_words.js";
import { count } from "./scales.js";
import { sentence } from "./words.js";

const dot = (a, b) => a[0] * b[0] + a[1] * b[1];

/** The share of points that lie less than a right angle from the exact gradient. */
export function uphill(points, exact) {
  return points.filter((point) => dot(point, exact) > 0).length / points.length;
}

/** Degrees between two vectors of the plane. */
export function angle(a, b) {
  const long = Math.hypot(...a) * Math.hypot(...b);
  return long > 0 ? (Math.acos(Math.min(1, Math.max(-1, dot(a, b) / long))) * 180) / Math.PI : NaN;
}

const SYMBOLS = { loc: "μ", log_scale: "log σ", logits: "logit " };

/** Names of the axes.  Args: axes of the answer. */
export const axisNames = (axes) => axes.map(({ part, dim }) => `gradient by ${SYMBOLS[part]}${dim + 1}`);

/** What each cloud should be around: the exact gradient of its own bound, each of them once. */
export function exactsOf({ clouds, exact }) {
  const found = new Map(clouds.map((one) => [boundOf(one), { exact: one.exact ?? exact, estimator: one.estimator }]));
  return [...found].map(([bound, one]) => ({ ...one, bound }));
}

/** The sentence above the cloud. */
export function cloudWords(answer, titleOf) {
  if (!answer?.clouds.length) return "Every estimate of the gradient is an arrow. Which ones point the right way?";
  const aims = (one) => one.exact ?? answer.exact;
  if (!answer.clouds.every((one) => Math.hypot(...aims(one)) > 0)) {
    return "The exact gradient is zero here: no direction is the right one.";
  }
  const shares = answer.clouds.filter(({ points }) => points.length)
    .map((one) => ({ title: titleOf(one.estimator), share: uphill(one.points, aims(one)) }))
    .sort((a, b) => b.share - a.share);
  const said = shares.map(({ title, share }, i) => (
    `${rough(100 * share)} %${i ? "" : " of the estimates"} by ${title}`));
  return `${listed(said)} point uphill: less than a right angle from the exact gradient, in this plane.`;
}

/** The note below it. */
export function cloudNote(answer, { window, samples, replicates, titleOf, image, arrows, running }) {
  if (!answer?.clouds.length) return "";
  const out = answer.clouds.map(({ estimator, points }) => ({ estimator, far: outsideOf(points, window) }))
    .filter(({ far }) => far > 0).map(({ estimator, far }) => `${count(far)} by ${titleOf(estimator)}`);
  return [
    `${count(replicates)} estimates with S = ${count(samples)} each, ${image}; ${arrows
      ? "the first 40 as arrows from zero; " : ""}ellipses hold 50 and 90 % of a Gaussian with the same covariance, `
      + "dots are the means.",
    `Bold: ${truthWords(answer.truth)}${exactsOf(answer).length > 1
      ? "; in colour that of the bound of K samples" : ""}.`, sentence(answer.why ?? ""),
    unfinished(answer.complete, running),
    out.length ? `Outside of the picture: ${listed(out)}.` : "",
  ].filter(Boolean).join(" ");
}
