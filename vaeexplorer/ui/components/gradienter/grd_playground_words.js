// The playground's sentences and filled formulas: what the present numbers say, by stated rules. No DOM.

import { heightShare } from "./grd_formulas.js";

const SAME = 1.15;              // ratio of variances that is not worth a word
const MOSTLY = 0.8;             // share of the variance that the height alone makes
const NONE = 1e-9;              // a gradient so small, or so little off, is nothing

/** A number as a student checks it: six digits. */
export function exactly(value) {
  if (!Number.isFinite(value)) return "not finite";
  const round = Number(value.toPrecision(6)), size = Math.abs(round);
  const text = size !== 0 && (size < 1e-4 || size >= 1e9) ? value.toExponential(4).replace("e+", "e") : String(round);
  return text.replaceAll("-", "−");
}

/** A number in running text: two or three digits, thousands with commas. */
export function roughly(value) {
  if (!Number.isFinite(value)) return "unknown";
  const round = Number(value.toPrecision(value >= 100 && value < 1000 ? 3 : 2)), size = Math.abs(round);
  const text = size !== 0 && (size < 1e-3 || size >= 1e7) ? round.toExponential().replace("e+", "e")
    : round.toLocaleString("en-US", { maximumFractionDigits: 6 });
  return text.replaceAll("-", "−");
}

const QUESTION = { mu: "Which way should q move, so that f is higher on average?",
                   lam: "Should q be wider or narrower, so that f is higher on average?" };
const ANSWER = { mu: ["to the left", "to the right"], lam: ["narrower", "wider"] };
const OF = { mu: "by μ", lam: "by log σ" };

/** What a gradient says, in a word; nothing where it is none. */
const answer = (by, gradient) => (Math.abs(gradient) < NONE ? "" : `: ${ANSWER[by][Number(gradient > 0)]}`);

/** Whether pathwise has another mean than the truth: f jumps, and its slope does not know. */
export const misled = ({ gradient, pathwise }) => Math.abs(pathwise.mean - gradient) > NONE * (1 + Math.abs(gradient));

/** The sentence above the picture.  Args: moments; variances { pathwise, score }; settings. */
export function leadWords(moments, { pathwise, score }, settings) {
  const { by, samples, others, baseline } = settings, part = moments.by[by];
  const aim = `${QUESTION[by]} The true gradient ${OF[by]} is ${exactly(part.gradient)}${answer(by, part.gradient)}.`;
  if (misled(part)) {
    return `${aim} Pathwise answers ${exactly(part.pathwise.mean)}: where f only jumps there is no slope to follow, so `
      + "it is sure of itself and wrong. The score function never asks for a slope, and is right on average.";
  }
  const ratio = score / pathwise, each = samples === 1 ? "one draw" : `${samples} draws`;
  if (!(pathwise > 0) && !(score > 0)) return `${aim} Both say so every time: nothing is left to chance.`;
  const first = `${aim} Both ways are right on average; from ${each} `;
  if (ratio > SAME) {
    const height = others ? 0 : heightShare(moments, by, baseline);
    const why = height > MOSTLY
      ? ` ${roughly(100 * height)} % of its variance comes from the bare height E f − C = `
        + `${exactly(moments.mean - baseline)}, which says nothing about a direction: take it off with the baseline.`
      : "";
    return `${first}the score function scatters ${roughly(Math.sqrt(ratio))} times as widely, so it needs `
      + `${roughly(ratio)} times as many draws to be as sure.${why}`;
  }
  if (ratio < 1 / SAME) {
    return `${first}the score function is the better one here: pathwise needs ${roughly(1 / ratio)} times as many `
      + "draws, for slopes that swing from place to place say little about the average.";
  }
  return `${first}they are about equally sure.`;
}

const square = (value) => exactly(value * value);
const brackets = (value) => (value < 0 ? `(${exactly(value)})` : exactly(value));

/** Formulas of a quadratic: by -> { pathwise, score, others }: [in letters, with the numbers]. Written for S draws. */
const QUADRATIC = {
  mu: {
    pathwise: ({ a }, { S, s }) => ["4a²σ² ⁄ S", `4 · ${square(a)} · ${square(s)} ⁄ ${S}`],
    score: ({ a }, { S, s, m, left }) => [
      "[(E f − C + 2aσ²)² + 2m²σ² + 6a²σ⁴] ⁄ (σ² S)",
      `[(${exactly(left)} + ${brackets(2 * a * s * s)})² + ${exactly(2 * (m * s) ** 2)} + `
        + `${exactly(6 * (a * s * s) ** 2)}] ⁄ (${square(s)} · ${S})`],
    others: ({ a }, { S, s, m }) => [
      "(2m² + 10a²σ²) ⁄ S + (2m² + 2a²σ²) ⁄ (S(S − 1))",
      `(${exactly(2 * m * m)} + ${exactly(10 * (a * s) ** 2)}) ⁄ ${S} + (${exactly(2 * m * m)} + `
        + `${exactly(2 * (a * s) ** 2)}) ⁄ ${S * (S - 1)}`],
  },
  lam: {
    pathwise: ({ a }, { S, s, m }) => ["(m²σ² + 8a²σ⁴) ⁄ S",
                                       `(${square(m * s)} + ${exactly(8 * (a * s * s) ** 2)}) ⁄ ${S}`],
    score: ({ a }, { S, s, m, left }) => [
      "[2(E f − C + 4aσ²)² + 10m²σ² + 24a²σ⁴] ⁄ S",
      `[2(${exactly(left)} + ${brackets(4 * a * s * s)})² + ${exactly(10 * (m * s) ** 2)} + `
        + `${exactly(24 * (a * s * s) ** 2)}] ⁄ ${S}`],
    others: ({ a }, { S, s, m }) => [
      "(10m²σ² + 56a²σ⁴) ⁄ S + (2m²σ² + 8a²σ⁴) ⁄ (S(S − 1))",
      `(${exactly(10 * (m * s) ** 2)} + ${exactly(56 * (a * s * s) ** 2)}) ⁄ ${S} + (${exactly(2 * (m * s) ** 2)} + `
        + `${exactly(8 * (a * s * s) ** 2)}) ⁄ ${S * (S - 1)}`],
  },
};

/** The same where no closed form is used: what is integrated. */
function general(moments, { by, baseline }, S) {
  const { gradient, pathwise, centred, tilt, squared } = moments.by[by], left = moments.mean - baseline;
  const slope = by === "mu" ? "f′(z)" : "f′(z)σε", score = by === "mu" ? "(z − μ)²⁄σ⁴" : "(ε² − 1)²";
  const second = centred + 2 * left * tilt + left * left * squared, products = moments.variance * squared;
  const own = centred - gradient * gradient;
  return {
    pathwise: [`(E[(${slope})²] − E[${slope}]²) ⁄ S`,
               `(${exactly(pathwise.variance + pathwise.mean ** 2)} − ${square(pathwise.mean)}) ⁄ ${S}`],
    score: [`(E[(f − C)² ${score}] − g²) ⁄ S`, `(${exactly(second)} − ${square(gradient)}) ⁄ ${S}`],
    others: [`(E[(f − E f)² ${score}] − g²) ⁄ S + (Var f · E[${score}] + g²) ⁄ (S(S − 1))`,
             `${exactly(own)} ⁄ ${S} + (${exactly(products)} + ${square(gradient)}) ⁄ ${S * (S - 1)}`],
  };
}

/**
 * The formulas of both variances, filled.  Args: f; moments; variances; settings.
 * Returns: { pathwise, score }, each { letters, numbers, value }.
 */
export function filled(f, moments, variances, settings) {
  const { by, samples: S, others, sigma: s, baseline } = settings, score = others ? "others" : "score";
  const known = { S, s, m: moments.m, left: moments.mean - baseline };
  const both = f.quadratic
    ? { pathwise: QUADRATIC[by].pathwise(f.quadratic, known), score: QUADRATIC[by][score](f.quadratic, known) }
    : (({ pathwise, ...rest }) => ({ pathwise, score: rest[score] }))(general(moments, settings, S));
  const one = (name) => ({ letters: both[name][0], numbers: both[name][1], value: exactly(variances[name]) });
  return { pathwise: one("pathwise"), score: one("score") };
}
