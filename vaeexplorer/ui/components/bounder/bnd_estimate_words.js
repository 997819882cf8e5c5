// Sentences about estimates of log p(x): what the present numbers say, by stated rules. No DOM.

import { USUAL, boundWord, truthOf, written } from "./bnd_methods.js";
import { rough } from "./bnd_panel_words.js";
import { count } from "./scales.js";

const SURE = 2;                 // standard errors within which two numbers agree

/** log p(x) minus the ELBO with the errors of both: { value, stderr }, or null where one is missing. */
export function gapOf(estimate, elbo) {
  if (!elbo || estimate.value === null) return null;
  const errors = [estimate.stderr, elbo.stderr];
  const known = errors.every((error) => error !== null && Number.isFinite(error));
  return { value: estimate.value - elbo.value, stderr: known ? Math.hypot(...errors) : null };
}

const finite = (estimates) => estimates.filter(({ value }) => value !== null);

/** "AIS agrees with it within 2 standard errors; IWAE is 0.5 nats too low, more than its error explains." */
function againstTruth(others, truth, units) {
  const off = others.filter((one) => Math.abs(one.value - truth.value) > SURE * errorOf(one, truth));
  const fine = others.filter((one) => !off.includes(one)), parts = [];
  if (fine.length) {
    parts.push(`${names(fine)} ${fine.length > 1 ? "agree" : "agrees"} with it within ${SURE} standard errors`);
  }
  off.forEach((one, i) => {
    const moved = one.value - truth.value, low = moved < 0 !== units.turned();
    const far = rough(units.amount(Math.abs(moved)));
    parts.push(`${one.title} is ${far}${i ? "" : ` ${units.label()}`} too ${low ? "low" : "high"}`);
  });
  const why = off.length ? `, more than ${off.length > 1 ? "their errors explain" : "its error explains"}` : "";
  return parts.length ? ` ${parts.join("; ")}${why}.` : "";
}

/** "The estimators differ by up to 8.8 nats ..." where their errors do not explain it, or "". */
function disagreement(estimates, settles, units) {
  const lowest = estimates.reduce((a, b) => (b.value < a.value ? b : a));
  const highest = estimates.reduce((a, b) => (b.value > a.value ? b : a)), apart = highest.value - lowest.value;
  if (estimates.length < 2 || apart <= SURE * errorOf(highest, lowest)) return "";
  return ` The estimators differ by up to ${rough(units.amount(apart))} ${units.label()}, more than their errors `
    + `explain${settles ? `: ${settles} would settle it` : ""}.`;
}

const errorOf = (one, truth) => Math.hypot(one.stderr ?? Infinity, truth.stderr ?? 0);

/** "A", "A and B", "A, B and C". */
function names(estimates) {
  const all = estimates.map(({ title }) => title);
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}

function gapWords(one, elbo, units) {
  const gap = gapOf(one, elbo);
  if (!gap) return "";
  const { bound, gap: name } = units.names(), what = units.turned() ? name : `${name} to the ${bound}`;
  return ` That puts the ${what} at ${units.amountText(gap.value, gap.stderr)} ${units.label()}.`;
}

const doubts = (estimates) => estimates.filter(({ warnings }) => warnings?.some(({ code }) => code !== "partial"));

/**
 * One or two sentences about an image's estimates.
 * Args: estimates, those there are; best, the surest of them; elbo, an Estimate or null; units; name of the image;
 *   settles, the title of a method that would give the exact value, or null.
 */
export function verdictWords({ estimates, best, elbo, units, name, settles = null }) {
  const known = finite(estimates);
  if (!known.length) return `Run an estimator: each says how probable the model finds ${name}, with its error.`;
  const truth = truthOf(known), surest = truth ?? best ?? known[0];
  const head = truth
    ? `${truth.title} gives the exact ${units.name()} of ${name}: ${written(truth, units)} ${units.label()}.`
    : `${surest.title} puts the ${units.name()} of ${name} at ${written(surest, units)} `
      + `${units.label()}.`;
  const others = known.filter((one) => one.method !== surest.method), wrong = doubts(known);
  const checked = truth ? againstTruth(others, truth, units) : disagreement(known, settles, units);
  const doubt = wrong.length
    ? ` Do not trust the error bar of ${names(wrong)}: see the ${wrong.length > 1 ? "warnings" : "warning"}.` : "";
  return head + gapWords(surest, elbo, units) + checked + doubt;
}

/** What the convergence chart shows.  Args: estimates with a curve; truth or null; units. */
export function curveWords(estimates, truth, units) {
  const drawn = estimates.filter(({ curve }) => curve?.length > 1);
  if (!drawn.length) return "The value of each estimator after its first draws, and how it settles, appears here.";
  const rising = drawn.filter(({ kind }) => kind === "lower bound");
  const one = rising.find(({ method }) => method === USUAL) ?? rising[0] ?? drawn[0];
  const [first, last] = [one.curve[0], one.curve.at(-1)];
  const moved = units.number(last[1]) - units.number(first[1]);
  const head = `${one.title} goes from ${units.text(first[1])} after ${draws(first[0], one)} to `
    + `${units.text(last[1])} after ${draws(last[0], one)}: ${moved < 0 ? "down" : "up"} by ${rough(Math.abs(moved))} `
    + `${units.label()}.`;
  const side = units.turned() ? "above" : "below";
  const bias = rising.length
    ? ` With few draws it stands ${side} the truth on average, for the logarithm of a mean is biased.` : "";
  return head + bias + (truth ? ` The dashed line is ${truth.title}, exact.` : "");
}

const draws = (k, { counted }) => `${count(k)} ${k === 1 ? one(counted) : counted}`;

/** "draws of q" for one: "draw of q". */
export const one = (counted) => (counted ?? "draws").replace(/^(\w+?)s\b/, "$1");

/** What the weights' distribution says about an estimate. */
export function weightsWords(estimate) {
  const { effective_sample_size: size, pareto_k: k, samples, counted, title } = estimate;
  const head = size === null || size === undefined ? ""
    : `${title}: ${count(samples)} ${counted} count as much as ${rough(size)} with equal weights (effective sample `
      + "size). ";
  if (k === null || k === undefined) return `${head}No tail could be fitted: too few different weights.`;
  const value = k.toFixed(2).replace("-", "−");
  if (k > 0.7) {
    return `${head}Pareto k = ${value}, above 0.7: so few weights decide that the error bar cannot be trusted.`;
  }
  if (k > 0.5) return `${head}Pareto k = ${value}: a heavy tail, the error bar is rough but usable (limit 0.7).`;
  return `${head}Pareto k = ${value}: a light tail, the error bar can be trusted (limit 0.7).`;
}

/** What the nested bounds say.  Args: estimate with nested, reference = { title, value } or null, units. */
export function nestedWords(estimate, reference, units) {
  const { nested, title } = estimate, [first, last] = [nested[0], nested.at(-1)];
  const tighter = rough(units.amount(Math.abs(last[1] - first[1])));
  const head = `The average bound of ${title} tightens by ${tighter} ${units.label()} from ${first[0]} `
    + `${first[0] === 1 ? "draw (the ELBO of its q)" : "draws"} to ${count(last[0])} draws.`;
  if (!reference || reference.method === estimate.method) return head;
  const missing = reference.value - last[1], error = Math.hypot(last[2] ?? estimate.stderr ?? 0, reference.stderr ?? 0);
  const amount = `${rough(units.amount(Math.abs(missing)))} ${units.label()}`;
  if (Math.abs(missing) <= SURE * error) return `${head} Nothing measurable is missing up to ${reference.title}.`;
  if (missing > 0) return `${head} ${amount} are missing up to ${reference.title}.`;
  return `${head} It has passed ${reference.title} by ${amount}: one of the two is not to be trusted.`;
}

/** The note below the table: numbers behind the digits. */
export function tableNote(images, units) {
  const many = images > 1 ? ` Time is for all ${images} images together.` : "";
  return `${units.name()} in ${units.label()} per image; ± is one standard error of the random part alone (for a grid `
    + `its numerical error): the bias of ${boundWord(units)} is not in it, and where a warning stands it `
    + `may be too small. A gap is always that of the estimator in its row; errors add in squares.${many}`;
}
