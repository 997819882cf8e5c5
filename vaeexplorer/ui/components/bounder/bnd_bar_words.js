// The bar of terms in words: a sentence with the present numbers, and the caption that says what they are. No DOM.

import { count } from "./scales.js";

const SURE = 2;                 // standard errors from which a gap is more than chance

/** "IWAE, 100 draws of z". */
export function estimatorWords({ title, samples, counted }) {
  return samples ? `${title}, ${count(samples)} ${counted ?? "draws"}` : title;
}

/** What the numbers of one image say. */
export function sentenceOf(name, { elbo, reconstruction, kl, marginal, gap }, units) {
  const unit = units.label(), names = units.names(), text = (e) => units.text(e.value, e.stderr);
  const amount = (e) => units.amountText(e.value, e.stderr);
  const made = `${name}: ${reconstructionWords(reconstruction, units)} and its code takes ${amount(kl)} ${unit}: `
    + `${names.bound} = ${text(elbo)} ${unit}.`;
  if (!marginal) return `${made} How far that is from ${units.name()} is being estimated.`;
  return `${made} ${marginalWords(marginal, units)} ${gapWords(gap, units)}`;
}

function reconstructionWords({ value, stderr }, units) {
  const sized = units.amountText(Math.abs(value), stderr);
  return value <= 0 ? `given its code the pixels cost ${sized} ${units.label()}`
    : `given its code the pixels have a density of ${sized} ${units.label()} above 1`;
}

function marginalWords(marginal, units) {
  const { kind, value, stderr } = marginal, bound = units.kindWord(kind);
  const is = { "lower bound": "is at least about", "upper bound": "is at most about" }[bound] ?? "is";
  return `The ${units.turned() ? "surprisal" : "true log p(x)"} ${is} ${units.text(value, stderr)} ${units.label()} `
    + `(${estimatorWords(marginal)}).`;
}

function gapWords({ value, stderr, kind }, units) {
  const side = units.turned() ? "high" : "low", text = units.amountText(value, stderr);
  if (stderr !== null && value < SURE * stderr) {
    return `A gap of ${text} is not told apart from 0 by these draws.`;
  }
  const least = kind === "lower bound" ? "at least " : "";
  return `So the bound is ${least}${text} ${units.label()} too ${side}: KL(q(z|x) ‖ p(z|x)).`;
}

const article = (kind) => `${kind.startsWith("u") ? "an" : "a"} ${kind}`;

function termsWords({ elbo, reconstruction, kl }, units) {
  const mean = reconstruction.n
    ? `the mean over n = ${count(reconstruction.n)} samples of q (${reconstruction.kind})`
    : `sampled anew with the split (${reconstruction.kind})`;
  return `${units.names().bound} and reconstruction: ${mean}; the bound is ${article(units.kindWord(elbo.kind))} of `
    + `${units.name()}. KL: ${kl.kind}. Whiskers: ± 1.96 standard errors; ± is one.`;
}

function restsWords({ marginal, gap }, units) {
  const more = marginal.kind === "lower bound" ? " in expectation: the gap may be larger" : "";
  const what = units.turned() ? "the surprisal" : "log p(x)";
  return `The value of ${what}, and with it the gap: by ${estimatorWords(marginal)} `
    + `(${units.kindWord(marginal.kind)}${more}).${gap.kind === "lower bound" ? "" : ` The gap is ${gap.kind}.`}`;
}

const PARTS_WORDS = "Amortization: best diagonal q of this image against the encoder's; approximation: log p(x) "
  + "against that q; both from fitted q (Cremer, Li and Duvenaud 2018).";

/** What stands below: n, error, kind, unit, source. */
export function captionOf(sum, units, { source, pixels }) {
  const dims = units.label() === "bits per dimension" ? `, ${count(pixels)} dimensions` : "";
  return [
    termsWords(sum, units), sum.marginal ? restsWords(sum, units) : null, sum.parts ? PARTS_WORDS : null,
    `Unit: ${units.label()} of one image${dims}. Kingma and Welling 2014, eq. 3.`,
    source && sum.marginal ? `Estimate: ${source}.` : null,
  ].filter(Boolean).join(" ");
}
