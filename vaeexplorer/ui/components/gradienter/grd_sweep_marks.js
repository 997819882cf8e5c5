// Curves of gradients/sweep: points, theory, slopes and the sentences that they give. No DOM.

import { numberCell } from "./csv.js";
import { listed, rough, times, unfinished, withError } from "./grd_words.js";
import { plain } from "./scales.js";

/** What can be drawn of a point: id -> words of the switch, of the axis, and where value, low and high stand in it. */
export const MEASURES = {
  variance: { words: "variance", axis: "variance of one estimate", at: [1, 2, 3] },
  snr: { words: "signal to noise", axis: "signal-to-noise ratio ‖E ĝ‖ ⁄ √variance", at: [4, 5, 6] },
};
const BIAS = 7;                 // the place of the squared bias, where it is known

const STEADY = 0.15;            // of a logarithm: a change not worth a word
const PARABOLA = "baseline";    // over which the axes are not logarithmic

const number = (value) => (value === null || value === undefined ? NaN : value);

/** Points of a series as they were measured: [[x, y, low, high], ...] in the order of x. */
export function pointsOf({ points }, measure) {
  const [value, low, high] = MEASURES[measure].at;
  return points.map((point) => [point[0], number(point[value]), number(point[low]), number(point[high])])
    .sort((a, b) => a[0] - b[0]);
}

const positive = (value) => value > 0;

/** The same for a logarithmic axis: what is zero has no place there, an interval from zero begins at its foot. */
export function risen(points, foot) {
  return points.map(([x, y, low, high]) => (y > 0 ? [x, y, Math.max(low, foot), high] : [x, NaN, NaN, NaN]));
}

/** Where a logarithmic axis of these points begins: a little below all that is above zero. */
export function footOf(all) {
  const values = all.flatMap((points) => points.flatMap(([, ...rest]) => rest)).filter(positive);
  return values.length ? Math.min(...values) / 1.5 : 1;
}

/** Squared bias: [[x, y], ...], or [] where none is known. */
export const biasOf = ({ points }) => points.filter((point) => Number.isFinite(number(point[BIAS])))
  .map((point) => [point[0], point[BIAS]]).sort((a, b) => a[0] - b[0]);

/** Logarithmic or not: { x, y }. */
export const axesOf = ({ over, log_x: log }) => (
  { x: log ? "log" : "linear", y: over === PARABOLA ? "linear" : "log" });

/**
 * Marks of the chart.  Args: answer of gradients/sweep; measure of MEASURES; colourOf(estimator); titleOf(estimator).
 * Theory lies over the measured points, dashed, where it is about what is drawn (answer.measure).
 */
export function sweepMarks(answer, measure, colourOf, titleOf) {
  const about = answer.measure ?? "variance", behind = [], front = [], over = [];
  const foot = footOf(answer.series.map((one) => pointsOf(one, measure))), log = axesOf(answer).y === "log";
  const drawn = (points) => (log ? risen(points, foot) : points);
  for (const one of answer.series) {
    const colour = colourOf(one.estimator), title = titleOf(one.estimator);
    if (measure === about && one.theory?.length) {
      over.push({ type: "line", points: one.theory, colour: "text", dash: true, errors: null, dots: false, width: 1.3,
                  label: `${title}, theory` });
    }
    const bias = measure === "variance" ? biasOf(one) : [];
    if (bias.length) {
      behind.push({ type: "line", points: drawn(bias), colour, errors: null, width: 1.2, dash: true,
                    label: `${title}, bias²` });
    }
    const curved = answer.over === PARABOLA && one.theory?.length;      // straight lines would miss the curve
    front.push({ type: curved ? "dots" : "line", points: drawn(pointsOf(one, measure)), colour,
                 label: title });
  }
  const uprights = (answer.marks ?? []).map(({ x, words }, row) => (
    { type: "upright", x, words, row: row % 3, colour: "quiet" }));
  return [...uprights, ...behind, ...front, ...over];
}

const finite = (points) => points.filter(([, y]) => Number.isFinite(y));

/** "pathwise: slope −1.003 ± 0.012". */
export const slopeWords = (slope) => (
  Number.isFinite(slope?.value ?? NaN) ? withError(slope.value, slope.stderr) : "");

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** How much a measure changes from the first to the last point of a series: last / first, or NaN. */
function growth(series, measure) {
  const there = finite(pointsOf(series, measure));
  return there.length > 1 && there[0][1] > 0 ? there.at(-1)[1] / there[0][1] : NaN;
}

function slopesWords(answer, titleOf) {
  const said = answer.series.filter(({ estimator }) => slopeWords(answer.slope?.[estimator]))
    .map(({ estimator }) => `${slopeWords(answer.slope[estimator])} for ${titleOf(estimator)}`);
  return said.length ? `the slope on logarithmic axes is ${listed(said)}` : "";
}

function samplesWords(answer, titleOf) {
  const said = slopesWords(answer, titleOf);
  return said && `Twice the samples, half the variance would be a slope of −1: ${said}.`;
}

/** IWAE's signal drowns, DReG's does not. */
function manyWords(answer, titleOf) {
  const said = answer.series.map(({ estimator }) => ({ title: titleOf(estimator), slope: answer.slope?.[estimator] }))
    .filter(({ slope }) => slopeWords(slope))
    .map(({ title, slope: { value, stderr } }) => {
      const sure = Math.abs(value) > 2 * (stderr ?? 0), way = value > 0 ? "rises" : "drowns";
      return `of ${title} ${sure ? way : "changes by no more than its error"} (slope ${withError(value, stderr)})`;
    });
  return said.length ? `With more samples K the signal in the encoder's gradient ${listed(said)}.` : "";
}

/** The minimum of each parabola. */
function baselineWords(answer, titleOf) {
  const said = answer.series.map((one) => ({ one, there: finite(pointsOf(one, "variance")) }))
    .filter(({ there }) => there.length > 2).map(({ one, there }) => {
      const least = there.reduce((a, b) => (b[1] < a[1] ? b : a)), most = there.reduce((a, b) => (b[1] > a[1] ? b : a));
      const beside = least[0] === 0 ? "at the mean of f itself" : `${rough(Math.abs(least[0]), 3)} nats `
        + `${least[0] > 0 ? "above" : "below"} the mean of f`;
      return `of these baselines, ${titleOf(one.estimator)} varies the least ${beside}, `
        + `${times(most[1] / least[1])} less than ${rough(Math.abs(most[0]), 3)} nats `
        + `${most[0] > 0 ? "above" : "below"} it`;
    });
  return said.length
    ? `${capital(listed(said))}: what is taken off f changes nothing on average, but all of the scatter.` : "";
}

/** Where variance and squared bias together are least. */
function temperatureWords(answer, titleOf) {
  const said = answer.series.map((one) => {
    const bias = new Map(biasOf(one)), sums = finite(pointsOf(one, "variance")).filter(([x]) => bias.has(x))
      .map(([x, y]) => [x, y + bias.get(x)]);
    return { one, sums };
  }).filter(({ sums }) => sums.length > 1).map(({ one, sums }) => {
    const least = sums.reduce((a, b) => (b[1] < a[1] ? b : a));
    return `at temperature ${rough(least[0])} for ${titleOf(one.estimator)}`;
  });
  const head = "A low temperature makes estimates scatter, a high one makes them wrong";
  return said.length ? `${head}: variance and squared bias together are least ${listed(said)}.` : "";
}

function changeWords(answer, titleOf) {
  const measure = answer.measure ?? "variance", thing = MEASURES[measure].words;
  const said = answer.series.map((one) => ({ title: titleOf(one.estimator), ratio: growth(one, measure) }))
    .filter(({ ratio }) => Number.isFinite(ratio))
    .map(({ title, ratio }) => {
      if (Math.abs(Math.log(ratio)) < STEADY) return `stays about the same for ${title}`;
      return ratio > 1 ? `grows ${rough(ratio)}-fold for ${title}` : `falls to ${rough(100 * ratio)} % for ${title}`;
    });
  const all = answer.series.flatMap(({ points }) => points.map(([x]) => x));
  const ends = `${rough(Math.min(...all), 4)} and ${rough(Math.max(...all), 4)}`;
  return said.length ? `Between ${ends} (${answer.x_title}) the ${thing} ${listed(said)}.` : "";
}

const WORDS = { samples: samplesWords, k: manyWords, baseline: baselineWords, temperature: temperatureWords };

/** The sentence above the chart.  Args: answer or null; titleOf(estimator); words of the sweep, until there is one. */
export function sweepWords(answer, titleOf, words) {
  const enough = answer?.series.some(({ points }) => points.length > 1);
  return (enough && (WORDS[answer.over]?.(answer, titleOf) || changeWords(answer, titleOf))) || words;
}

/** The note below it. */
export function sweepNote(answer, { replicates, words, theory, measure, running }) {
  if (!answer?.series.length) return "";
  const bias = answer.series.some((one) => biasOf(one).length), log = axesOf(answer).y === "log";
  const none = log && answer.series.some((one) => pointsOf(one, measure).some(([, y]) => y === 0));
  return [words, `Points: from ${plain(replicates)} replicates, band: 95 %.`,
          theory ? "Dashed without points: theory." : "",
          bias ? "Thin and dashed: squared bias, where it is above chance." : "",
          none ? "A value of zero has no place on a logarithmic axis." : "",
          unfinished(answer.complete, running)].filter(Boolean).join(" ");
}

/** A sweep as rows of cells, names first. */
export function sweepRows({ x_title: title, series }) {
  const names = ["estimator", title, "variance", "low", "high", "snr", "snr low", "snr high", "squared bias"];
  return [names, ...series.flatMap(({ estimator, points }) => (
    points.map((point) => [estimator, ...Array.from({ length: 8 }, (_, i) => numberCell(number(point[i])))])))];
}
