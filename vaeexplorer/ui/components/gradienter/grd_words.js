// Sentences about measured gradients: what the present numbers say, by stated rules. No DOM.

import { varianceOf } from "./grd_numbers.js";
import { count, parts, plain } from "./scales.js";
import { sentence } from "./words.js";

const SAME = 1.15;              // ratio of variances that is not worth a word

export const PARTS = { total: "all of it", loc: "by the means", log_scale: "by the log standard deviations",
                       logits: "by the logits" };

export const partWords = (part) => PARTS[part] ?? part;

const TRUTHS = {
  enumeration: "the exact gradient, all codes added up",
  quadrature: "the exact gradient by quadrature",
  "closed form": "the exact gradient in closed form",
  reference: "a large reference sample, whose own error is allowed for",
};

export const truthWords = (truth) => TRUTHS[truth] ?? "the exact gradient";

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (power) => (power < 0 ? "⁻" : "") + [...String(Math.abs(power))].map((digit) => RAISED[digit]).join("");

/** A figure in running text: two digits, thousands with commas, "1.3·10⁶" where it is very large or small. */
export function rough(value, digits = 2) {
  if (!Number.isFinite(value)) return "unknown";
  const round = Number(value.toPrecision(digits)), size = Math.abs(round);
  if (size >= 1000 && size < 1e6) return count(round).replace("-", "−");
  if (size === 0 || (size >= 1e-3 && size < 1e6)) return plain(round);
  const power = Math.floor(Math.log10(size) + 1e-12);
  return `${plain(Number((round / 10 ** power).toPrecision(digits)))}·10${raised(power)}`;
}

/** "4,100 times", "1.3 times". */
export const times = (ratio) => `${rough(ratio)} times`;

/** "A", "A and B", "A, B and C". */
export function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A number with its standard error: "−1.003 ± 0.012". */
export function withError(value, stderr) {
  const { value: shown, error } = parts({ value, stderr });
  return error ? `${shown} ${error}` : shown;
}

/** Whose gradient it is: only those of the same bound compare.  "expectation" and "elbo" both have the ELBO's. */
export const boundOf = ({ objective }) => (objective === "iwae" ? "iwae" : "elbo");

const PRICE_WORDS = { estimate: "", evaluations: " at equal decoder evaluations", seconds: " in equal time" };

/** Which of the unbiased estimators of the ELBO's gradient varies the least and which the most. */
function spreadWords(rows, part, price) {
  const found = rows.filter((row) => boundOf(row) === "elbo" && row.unbiased)
    .map((row) => ({ title: row.title, value: varianceOf(row, part, price)?.value }))
    .filter(({ value }) => Number.isFinite(value)).sort((a, b) => a.value - b.value);
  if (found.length < 2) return "";
  const [best, most] = [found[0], found.at(-1)], capital = best.title[0].toUpperCase() + best.title.slice(1);
  if (most.value <= SAME * best.value) return `All unbiased estimators vary about as much${PRICE_WORDS[price]}.`;
  const head = `${capital} varies the least of the unbiased estimators${PRICE_WORDS[price]}`;
  return best.value > 0 ? `${head}; ${most.title} varies ${times(most.value / best.value)} as much.`
    : `${head}: not at all; ${most.title} varies the most.`;
}

/** Who misses the truth by more than chance. */
function biasWords(rows, truth) {
  const off = rows.filter((row) => row.bias?.biased), expected = off.filter(({ unbiased }) => !unbiased);
  const surprise = off.filter(({ unbiased }) => unbiased), words = [];
  if (expected.length) {
    const one = expected.length === 1;
    words.push(`${listed(expected.map(({ title }) => title))} ${one ? "is" : "are"} wrong on average: `
      + `${one ? "its mean misses" : "their means miss"} ${truthWords(truth)}, by more than chance explains.`);
  }
  if (surprise.length) {
    words.push(`The mean of ${listed(surprise.map(({ title }) => title))} should be right and is not: do not trust `
      + `${surprise.length === 1 ? "this row" : "these rows"}.`);
  }
  return words.map(sentence).join(" ");
}

/** The sentences above the table.  Args: answer of gradients/diagnose or null; view { part, price }. */
export function tableWords(answer, { part, price }) {
  if (!answer?.rows.length) {
    return "Every estimator aims at the same gradient. How far do they scatter around it, at what cost, and are they "
      + "right on average?";
  }
  return [spreadWords(answer.rows, part, price), biasWords(answer.rows, answer.truth)].filter(Boolean).join(" ")
    || "One estimator so far: there is nothing to compare it with.";
}

/** What is said of an answer that is not complete. */
export const unfinished = (complete, running) => (
  complete !== false ? "" : running ? "Still running." : "Stopped early.");

/** The note below the table. */
export function tableNote(answer, { part, price, images, of, running }) {
  if (!answer?.rows.length) return "";
  const { replicates, samples, truth, complete, rows } = answer, bounds = rows.some((row) => boundOf(row) === "iwae");
  return [
    `Variance: ${part === "total" ? "summed over all components" : `of the part “${partWords(part)}”`}, ${of}; with `
      + `its 95 % interval, from ${count(replicates)} replicates with S = ${count(samples)}`
      + `${images > 1 ? `, mean over ${images} images` : ""}; bars are logarithmic.`,
    "Signal ⁄ noise: length of the mean gradient over the spread of one estimate. Direction: cosine of one estimate to "
      + "the exact gradient, on average.",
    truth ? `Bias: the largest |z| of any component against its limit (Bonferroni), held against ${truthWords(truth)}.`
      : "The exact gradient by every weight of the decoder is not known: bias and direction stay open.",
    price === "estimate" ? "" : "What an equal budget buys: a cheap estimate can be repeated more often.",
    bounds ? "Those of a bound of K samples follow another gradient (K = S): compare them among themselves." : "",
    unfinished(complete, running),
  ].filter(Boolean).join(" ");
}
