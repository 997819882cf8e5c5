// A histogram of gradient estimates for each estimator, all over one axis: heights, ranges, words. No DOM.

import { rough, times, truthWords, unfinished, withError } from "./grd_words.js";
import { count, plain } from "./scales.js";

const ROOM = 0.04;              // of a range, left free at both ends

/** Counts as densities, the tallest of them 1: bins may differ in width. */
export function heights({ edges, counts }) {
  const dense = counts.map((many, i) => many / (edges[i + 1] - edges[i]));
  const most = Math.max(...dense.filter(Number.isFinite), 0);
  return dense.map((value) => (most > 0 && Number.isFinite(value) ? value / most : 0));
}

/** The range of the bins that hold anything, or null. */
function filled({ edges, counts }) {
  const there = counts.map((many, i) => (many > 0 ? i : -1)).filter((i) => i >= 0);
  return there.length ? [edges[there[0]], edges[there.at(-1) + 1]] : null;
}

/** The range of the common axis: of the widest histogram or of the narrowest one, the truth always inside. */
export function rangeOf(series, truth, zoom) {
  const all = series.map(filled).filter(Boolean).sort((a, b) => (a[1] - a[0]) - (b[1] - b[0]));
  const chosen = zoom === "narrow" ? all.slice(0, 1) : all, inside = Number.isFinite(truth) ? [truth] : [];
  const ends = [...chosen.flat(), ...inside];
  if (!ends.length) return null;
  const low = Math.min(...ends), high = Math.max(...ends), room = ROOM * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** Standard deviation of the replicates behind a mean and its error. */
export const spreadOf = ({ std, stderr }, replicates) => std ?? stderr * Math.sqrt(replicates);

/** What an estimator aims at: a bound of K samples has a gradient of its own. */
const truthOf = (one, answer) => (one.truth === undefined ? answer : one);

const TINY = 1e-4;             // of a value: an error not worth a word

const errorWords = (value, error) => (error > TINY * Math.abs(value) ? ` ± ${rough(error)}` : "");

/** Marks of one histogram. */
export function histogramMarks(one, answer, colour) {
  const { truth, truth_error: error } = truthOf(one, answer);
  const marks = [{ type: "histogram", edges: one.edges, counts: heights(one), colour }];
  if (Number.isFinite(truth)) {
    marks.push({ type: "upright", x: truth, colour: "text", dash: true,
                 words: `true ${plain(truth)}${errorWords(truth, error)}` });
  }
  if (Number.isFinite(one.mean)) marks.push({ type: "upright", x: one.mean, colour, dash: false, width: 2.2 });
  return marks;
}

/** What the read-out says at x: the bin there and how many fell into it. */
export function histogramReadout(one, title, x) {
  const k = one.edges.findIndex((edge, i) => i < one.counts.length && x >= edge && x < one.edges[i + 1]);
  if (k < 0) return null;
  return [[`${rough(one.edges[k], 4)} to ${rough(one.edges[k + 1], 4)}`, null],
          [`${title}: ${count(one.counts[k])}`, "text"]];
}

/** What a parameter of q is called: "the mean of z3". */
export const parameterWords = ({ part, dim }) => (
  `the ${{ loc: "mean", log_scale: "log standard deviation", logits: "logit" }[part]} of z${dim + 1}`);

/** How far a mean lies from the truth, in standard errors of the difference. */
export function zOf(one, answer) {
  const { truth, truth_error: error } = truthOf(one, answer);
  return (one.mean - truth) / Math.hypot(one.stderr, error ?? 0);
}

const FAR = 4;                  // standard errors: more than chance, with a handful of histograms

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** One or two sentences about the histograms.  Args: answer or null; titles: estimator -> title. */
export function histogramWords(answer, titles, replicates) {
  if (!answer?.series.length) return "How do single estimates of one and the same derivative scatter around its value?";
  const wide = answer.series.map((one) => ({ ...one, spread: spreadOf(one, replicates) }))
    .filter(({ spread }) => Number.isFinite(spread)).sort((a, b) => a.spread - b.spread);
  if (!wide.length) return "No estimate is finite.";
  const [least, most] = [wide[0], wide.at(-1)], where = parameterWords(answer.parameter);
  const head = wide.length > 1 && least.spread > 0
    ? `Around the true derivative by ${where}, ${titles(most.estimator)} scatters ${times(most.spread / least.spread)} `
      + `as far as ${titles(least.estimator)}.`
    : wide.length > 1 ? `${capital(titles(least.estimator))} does not scatter at all; ${titles(most.estimator)} does.`
      : `${capital(titles(least.estimator))} scatters by ${rough(least.spread)} around its mean.`;
  const off = answer.series.filter((one) => Math.abs(zOf(one, answer)) > FAR).map(({ estimator }) => titles(estimator));
  if (!off.length) return head;
  return `${head} ${capital(off.join("; "))}: the mean lies beside the true value by more than chance explains.`;
}

/** What stands beside a row: mean with its error, spread, what lies beyond the edges. */
export function rowWords(one, replicates) {
  const [below = 0, above = 0] = one.beyond ?? [], beyond = below + above;
  const out = beyond
    ? `; ${count(beyond)} of ${count(replicates)} lie beyond (${count(below)} below, ${count(above)} above)` : "";
  return `mean ${withError(one.mean, one.stderr)}, standard deviation ${rough(spreadOf(one, replicates), 3)}${out}`;
}

/** The note below the histograms. */
export function histogramNote(answer, { replicates, samples, image, running }) {
  if (!answer?.series.length) return "";
  const { how, truth, truth_error: error } = answer;
  return `${count(replicates)} estimates with S = ${count(samples)} each, ${image}; heights are shares per width of a `
    + `bar, the tallest is 1. Dashed: ${truthWords(how)}${errorWords(truth, error)}; `
    + `solid: the mean of the estimates. Bars: the middle 99 % of each. ${unfinished(answer.complete, running)}`.trim();
}
