// What the app tells about a posterior: the document of bounds/posterior, and what follows from it. No DOM.

import { gridKl, gridMoments, peaks } from "./bnd_moments.js";
import { bitsWords, posteriorWords, rough } from "./bnd_panel_words.js";
import { readDocument } from "./documents.js";
import { sentence } from "./words.js";

const PRIOR_REACH = 2.6;        // standard deviations of the prior that are in sight with it
const DOUBTFUL = 0.7;           // Pareto k
const POINTS = 161;             // of a curve that is drawn by its formula

export const LAYERS = {         // what can be shown beside the true posterior: [colour, words, dashes]
  q: ["encoder", "q(z|x) of the encoder", null],
  diagonal: ["sigma", "best independent q", [7, 4]],
  full: ["decoder", "best Gaussian q", [2, 4]],
  prior: ["quiet", "prior p(z)", [5, 5]],
  points: ["z", "draws of the posterior", null],
};

export const zTitle = (k) => `z${k + 1}`;
export const titlesOf = ({ dims }) => (dims ?? [0, 1]).map(zTitle);

/**
 * Header and buffers of POST bounds/posterior; density (w * h) and points (2 * count) as Float32Array or null, `kind`,
 * and shape: "bits", "curve" (one latent dimension) or "plane".
 */
export function readPosterior(buffer) {
  const { header, body } = readDocument(buffer), has = (offset) => offset !== null && offset !== undefined;
  const cells = header.size ? header.size[0] * header.size[1] : 0;
  return {
    ...header, shape: header.bits ? "bits" : header.size[1] === 1 ? "curve" : "plane",
    density: has(header.density) ? new Float32Array(buffer, body + header.density, cells) : null,
    points: has(header.points) ? new Float32Array(buffer, body + header.points, 2 * header.count) : null,
  };
}

/** Mean, covariance, std and correlation of the true posterior, as the app tells them or by the grid, or null. */
export function truthOf({ truth, density, size, window, shape }) {
  if (!truth) return density ? gridMoments(density, size, shape === "curve" ? [...window, 0, 1] : window) : null;
  const { mean, covariance } = truth, std = covariance.map((row, i) => Math.sqrt(row[i]));
  return { mean, covariance, std, correlation: std.length > 1 ? covariance[0][1] / (std[0] * std[1]) : 0 };
}

/** KL(q || p(z|x)) in nats where a grid shows all there is of both; else null.  Args: truth (truthOf). */
export const wholeGap = ({ shape, kind, latent_dim: dimensions, density, size, window, q }, truth) => (
  shape === "plane" && kind === "exact" && dimensions === 2 && density
    ? gridKl(density, size, window, q, truth) : null);

/** The window that also holds the prior's outer line. */
export function windowWith([u0, u1, v0, v1], { mean: [m, n], covariance }) {
  const [a, b] = [0, 1].map((i) => PRIOR_REACH * Math.sqrt(covariance[i][i]));
  return [Math.min(u0, m - a), Math.max(u1, m + a), Math.min(v0, n - b), Math.max(v1, n + b)];
}

const square = (std) => [[std[0] ** 2, 0], [0, std[1] ** 2]];

/** The ellipses that are switched on, from the back to the front.  Args: found (readPosterior); shown, of LAYERS. */
export const ellipsesOf = (found, shown) => (
  ["prior", "full", "diagonal", "q"].filter((name) => found[name] && shown.has(name)).map((name) => {
    const { mean, std, covariance } = found[name], [colour, , dash] = LAYERS[name];
    return { mean, covariance: covariance ?? square(std), colour, dash, centre: name === "q" ? "mu" : false };
  }));

/** Standard deviation of a Gaussian along one of the shown dimensions. */
export const stdOf = ({ std, covariance }, i) => std?.[i] ?? Math.sqrt(covariance[i][i]);

/** The marks of one latent dimension for xy.js: densities over z. */
export function curveMarks(found, shown) {
  const [low, high] = found.window, wide = high - low;
  const normal = ({ mean }, std) => Array.from({ length: POINTS }, (_, i) => {
    const u = low + (wide * i) / (POINTS - 1);
    return [u, Math.exp(-0.5 * ((u - mean[0]) / std) ** 2) / (std * Math.sqrt(2 * Math.PI))];
  });
  const lines = ["prior", "full", "diagonal", "q"].filter((name) => found[name] && shown.has(name)).map((name) => {
    const [colour, label, dash] = LAYERS[name];
    return { type: "line", points: normal(found[name], stdOf(found[name], 0)), colour, dash, label };
  });
  const step = wide / Math.max(1, found.density.length - 1);
  const points = Array.from(found.density, (log, i) => [low + i * step, Math.exp(log)]);
  return [{ type: "line", points, colour: "z", width: 3, label: "true posterior" }, ...lines];
}

/** The sentence above the picture.  Args: found; truth (truthOf); gap (wholeGap); units. */
export function wordsOf(found, { truth, gap, units }) {
  if (found.shape === "bits") return bitsWords(found.bits);
  if (!truth) return sentence(found.why);
  const modes = found.shape === "plane" && found.kind === "exact" ? peaks(found.density, found.size, found.window) : 1;
  const rest = gap === null ? "" : ` The difference of the two shapes, KL(q‖p(z|x)), is about `
    + `${rough(units.amount(gap))} ${units.label()}: that is this image's whole gap.`;
  const count = found.shape === "curve" ? 1 : 2;
  const cut = ({ mean, std }) => ({ mean: mean.slice(0, count), std: std.slice(0, count) });
  return posteriorWords({ truth: { ...truth, ...cut(truth) }, q: cut(found.q), names: titlesOf(found), modes }) + rest;
}

/** What stands below: of what, how found, how sure, what the lines are. */
export function captionOf(found, { title, many, stretched }) {
  const plane = found.shape === "plane";
  const effective = Number.isFinite(found.ess ?? NaN)
    ? `Effective sample size ${Math.round(found.ess).toLocaleString("en-US")}.` : "";
  const doubt = found.pareto_k > DOUBTFUL
    ? `Pareto k ${found.pareto_k.toFixed(2)}: a few draws decide, do not trust it.` : "";
  return [
    sentence(found.title ?? title), sentence(found.why), sentence(found.note), effective, doubt,
    plane ? "Lines hold 50 % and 90 % of the probability of the posterior and of every q; the dot is q's mean." : "",
    plane && stretched ? "The axes have scales of their own." : "",
    many ? "The number beside a dimension: KL of the best Gaussian's marginal to q's." : "",
    "Source: Bayes' rule; Cremer, Li and Duvenaud 2018.",
  ].filter(Boolean).join(" ");
}

/** The read-out at a place: [[text, colour], ...].  Args: log, own: logarithms of both densities there; units. */
export function placeWords([u, v], titles, { log, own }, units) {
  const minus = (value) => value.toFixed(2).replace("-", "−");
  const head = [`${titles[0]} = ${minus(u)}, ${titles[1]} = ${minus(v)}`, null];
  if (log === null) return [head];
  const text = (nats) => units.amountText(nats);
  return [head, [`log p(z|x): ${text(log)}`, "z"], [`log q(z|x): ${text(own)}`, "encoder"],
          [`difference: ${text(own - log)} ${units.label()}`, "gap"]];
}

/** The density at a place of the window (its nearest node), or null outside. */
export function densityAt({ density, size: [w, h], window: [u0, u1, v0, v1] }, u, v) {
  const i = Math.round(((u - u0) / (u1 - u0)) * (w - 1)), j = Math.round(((v - v0) / (v1 - v0)) * (h - 1));
  return i < 0 || j < 0 || i >= w || j >= h ? null : density[j * w + i];
}

/** A dimension's name in the choices: with the KL of its marginal, where that is known. */
export const dimensionWords = (k, nats, units) => (
  nats === undefined || nats === null ? zTitle(k) : `${zTitle(k)}: ${rough(units.amount(nats))} ${units.label()}`);
