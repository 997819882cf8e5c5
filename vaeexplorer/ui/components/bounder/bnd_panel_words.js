// The sentences above the panels' pictures: what the present numbers say, by stated rules. No DOM.

import { sentence } from "./words.js";

const BESIDE = 0.3, BEYOND = 1;         // standard deviations from the middle of the posterior: not worth a word, much
const NARROW = 0.8, WIDE = 1.25;        // times the posterior's width
const TILTED = 0.3;                     // correlation
const AGREED = 0.02;                    // difference of probabilities
const FEWEST = 8;                       // images that have quartiles
const LATELY = 1 / 3;                   // of a run's steps
const SURE = 2;                         // standard errors that a change must exceed
const DONE = 0.02;                      // nats of amortization gap that are as good as none

/** A figure in running text: two digits, no more. */
export function rough(value, digits = 2) {
  if (!Number.isFinite(value)) return "unknown";
  const round = Number(value.toPrecision(digits));
  const text = Math.abs(round) >= 1e6 || (round !== 0 && Math.abs(round) < 1e-3)
    ? round.toExponential().replace("e+", "e") : String(round);
  return text.replaceAll("-", "−");
}

/** How far a point lies from the middle of a Gaussian, in its standard deviations. */
function distance(point, { mean, covariance: [[a, b], [, c]] }) {
  const u = point[0] - mean[0], v = point[1] - mean[1], det = a * c - b * b;
  return det > 0 ? Math.sqrt(Math.max(0, (c * u * u - 2 * b * u * v + a * v * v) / det)) : 0;
}

function placeWords(far) {
  if (far < BESIDE) return "sits in the middle of the true posterior";
  if (far < BEYOND) return `lies ${rough(far)} standard deviations beside the middle of the true posterior`;
  return `misses the middle of the true posterior by ${rough(far)} standard deviations`;
}

function widthWords(ratios, names) {
  const odd = ratios.map((ratio, i) => ({ ratio, name: names[i] }))
    .filter(({ ratio }) => ratio < NARROW || ratio > WIDE);
  const words = ({ ratio, name }) => (
    `too ${ratio < 1 ? "narrow" : "wide"} along ${name} (${rough(ratio)} times as wide)`);
  return odd.length ? `is ${odd.map(words).join(" and ")}` : "is about as wide";
}

/**
 * One sentence or more about q and the true posterior.
 * Args: truth (of gridMoments; in one dimension { mean [1], std [1], covariance [[v]] }); q { mean, std }; names of the
 * dimensions; modes (of peaks).
 */
export function posteriorWords({ truth, q, names, modes = 1 }) {
  const far = q.mean.length === 1 ? Math.abs(q.mean[0] - truth.mean[0]) / truth.std[0] : distance(q.mean, truth);
  const ratios = q.std.map((s, i) => s / truth.std[i]);
  const first = `The encoder's q ${placeWords(far)} and ${widthWords(ratios, names)}.`;
  const tilt = Math.abs(truth.correlation ?? 0) > TILTED
    ? ` The posterior is tilted (correlation ${rough(truth.correlation)}), which a q with independent dimensions `
      + "cannot follow." : "";
  const many = modes > 1
    ? ` The posterior has ${modes} separate peaks; a single Gaussian can cover one of them, or smear over all.` : "";
  return first + tilt + many;
}

/** The bits on which q errs the most, in words.  Args: bits [{ posterior, q }, ...] probabilities that a bit is 1. */
export function bitsWords(bits) {
  const worst = bits.map(({ posterior, q }, i) => ({ i, posterior, q, off: Math.abs(q - posterior) }))
    .sort((a, b) => b.off - a.off)[0];
  if (!worst || worst.off < AGREED) return "On every bit the encoder's q agrees with the true posterior within 2 %.";
  const share = (p) => `${rough(100 * p)} %`;
  return `The encoder errs the most on bit ${worst.i + 1}: it gives ${share(worst.q)} to “on”, `
    + `the true posterior ${share(worst.posterior)}.`;
}

/** A whole number with separators. */
export const whole = (value) => Math.round(value).toLocaleString("en-US");

/** "1 image", "2 images". */
export const many = (count, thing) => `${whole(count)} ${thing}${count === 1 ? "" : "s"}`;

const unstopped = (text) => sentence(text).replace(/\.$/, "");

/**
 * What the gaps of a data set say.
 * Args: answer (of bounds/dataset); middle [quartile, quartile] in nats; worst { index, gap } or null; units.
 */
export function datasetWords({ answer: { title, done, mean, kind }, middle, worst, units }) {
  const name = unstopped(title), amount = (nats) => rough(units.amount(nats), 3);
  if (!mean?.gap) return `${name}: not every value is finite, so there is no mean.`;
  const { value, stderr } = mean.gap, half = middle.map(amount), least = kind === "lower bound" ? "at least " : "";
  const spread = done >= FEWEST ? `, half of them between ${half[0]} and ${half[1]}` : "";
  const most = worst && done > 1 ? ` The worst one, image ${whole(worst.index)}, loses ${amount(worst.gap)}.` : "";
  return `${name}: on ${many(done, "image")} the bound loses `
    + `${least}${units.amountText(value, stderr)} ${units.label()} on average${spread}.${most}`;
}

/** How a set of images compares with the model's own.  Args: own, other (answers); score of separation; units. */
export function outsideWords({ own, other, score, units }) {
  const { value, stderr } = score, means = [other, own].map(({ mean }) => mean?.log_marginal?.value ?? null);
  const numbers = means.map((nats) => rough(units.number(nats ?? NaN), 4));
  const both = means.includes(null) ? "" : `mean ${units.name()} ${numbers.join(" against ")} ${units.label()}; `;
  const error = stderr > 0 ? ` ± ${rough(100 * stderr, 1)} %` : "";
  const share = value === 1 ? "every pair" : value === 0 ? "no pair" : `${rough(100 * value, 3)} %${error} of pairs`;
  const line = `${unstopped(other.title)} against ${own.title}: ${both}in ${share} the model's own image is the more `
    + "likely one";
  if (value > 0.9) return `${line}. The model tells them apart.`;
  if (value >= 0.45) return `${line}: log p(x) alone does not tell them apart well.`;
  return `${line}: the model finds the strangers MORE likely. A high log p(x) does not mean “normal”.`;
}

/**
 * What a run's history says: how far the bound came, of what the rest consists, and where the gap goes.
 * Args: history (of bounds/history: steps, subo, surprisal, gap and their errors); units.
 */
export function historyWords({ steps, subo, surprisal, gap, gap_stderr: errors }, units) {
  const known = (i) => [subo, surprisal, gap].every((part) => Number.isFinite(part[i] ?? NaN));
  const there = steps.map((_, i) => i).filter(known);
  if (!there.length) return "This run has not been observed yet.";
  const first = there[0], last = there.at(-1), number = (nats) => rough(units.number(-nats), 4);
  const amount = (nats) => rough(units.amount(nats)), unit = units.label(), { bound, marginal } = units.names();
  const rest = `Now, at step ${whole(steps[last])}, ${marginal} is ${number(surprisal[last])} and the bound loses `
    + `${amount(gap[last])} ${unit} of it to the gap.`;
  if (first === last) return rest;
  const risen = subo[last] < subo[first];
  const way = `In ${whole(steps[last] - steps[first])} steps the bound (${bound}) went from ${number(subo[first])} to `
    + `${number(subo[last])} ${unit}${risen ? "" : ", for the worse"}. `;
  const since = there.find((i) => steps[i] >= steps[last] - LATELY * (steps[last] - steps[first])) ?? first;
  const moved = gap[last] - gap[since], error = Math.hypot(errors?.[last] ?? NaN, errors?.[since] ?? NaN);
  if (since === last || !(Math.abs(moved) > SURE * error)) return `${way}${rest}`;
  const lately = moved > 0
    ? ` Since step ${whole(steps[since])} the gap has grown by ${amount(moved)}: the encoder falls behind the decoder.`
    : ` Since step ${whole(steps[since])} the gap has shrunk by ${amount(-moved)}: the encoder catches up.`;
  return `${way}${rest}${lately}`;
}

/** What walking a wrong road costs.  Args: road (of bounds/roads); { text, amount, label } of writerOf. */
export function roadWords({ printed_value: printed, correct_value: correct, truth }, { text, amount, label }) {
  const target = Number.isFinite(truth ?? NaN) ? truth : correct;
  if (!Number.isFinite(printed ?? NaN) || !Number.isFinite(target ?? NaN)) return "";
  const off = Math.abs(printed - target);
  const so = off < 1e-12 ? "no difference here" : `off by ${rough(amount(off), 3)}${label ? ` ${label}` : ""}`;
  return `As printed ${text(printed)}, where the truth is ${text(target)}: ${so}.`;
}

/** What the hand on q does in the exact model, in words.  Args: terms of exactTerms; units. */
export function exactWords({ gap, approximation, amortization, relativeVariance }, units) {
  const unit = units.label(), amount = (nats) => rough(units.amount(nats), 3);
  const most = amortization < DONE ? "This q is as good as one with independent dimensions can be"
    : amortization > 2 * approximation ? "Nearly all of it comes from where q stands: move it, and the gap falls"
    : "Part of it comes from where q stands";
  const narrow = Number.isFinite(relativeVariance) ? ""
    : " q is too narrow: the weights have an INFINITE variance, and no error bar of importance sampling is right.";
  return `With this q the bound loses ${amount(gap)} ${unit}. ${most}; ${amount(approximation)} ${unit} remain, `
    + `because the true posterior is tilted and q is not.${narrow}`;
}
