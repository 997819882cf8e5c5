// Orders and ranks among the held-out images, by a term of their bound. No DOM.

/** The quantities that images are sorted by: { key: [name, whether more is better, the kind of its values] }. */
export const TERMS = {
  elbo: ["ELBO", true, "unbiased"],
  reconstruction: ["reconstruction", true, "unbiased"],
  kl: ["KL", false, "exact"],
};

/** The orders, by their names on the page. */
export const ORDERS = {
  typical: "most typical first", best: "best first", worst: "worst first", given: "as in the data set",
};

const finite = (values, indices) => indices.filter((i) => Number.isFinite(values[i]));

/** Finite values in ascending order. */
export const sorted = (values) => Float32Array.from(values.filter(Number.isFinite)).sort();

export const median = (ascending) => {
  const n = ascending.length, half = n >> 1;
  return n % 2 ? ascending[half] : (ascending[half - 1] + ascending[half]) / 2;
};

/**
 * Indices of images in an order; those without a finite value come last.
 * Args: values (N); term, a key of TERMS; order, a key of ORDERS; labels (N) and wanted: one class, or null for all.
 */
export function ordered(values, term, order, labels = null, wanted = null) {
  const all = Array.from(values.keys()).filter((i) => wanted === null || labels[i] === wanted);
  if (order === "given") return all;
  const known = finite(values, all), unknown = all.filter((i) => !Number.isFinite(values[i]));
  const middle = order === "typical" && known.length ? median(sorted(known.map((i) => values[i]))) : 0;
  const up = (order === "best") === TERMS[term][1] ? -1 : 1;
  const key = order === "typical" ? (i) => Math.abs(values[i] - middle) : (i) => up * values[i];
  return [...known.sort((a, b) => key(a) - key(b) || a - b), ...unknown];
}

/** How many of the ascending values lie below `value`. */
export function below(ascending, value) {
  let low = 0, high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The share of values below `value`, those equal to it counted half: 0..1. */
export function share(ascending, value) {
  const less = below(ascending, value);
  let equal = less;
  while (equal < ascending.length && ascending[equal] === value) equal++;
  return (less + (equal - less) / 2) / ascending.length;
}

/** Counts in `bins` equal parts of [low, high]; what lies outside goes into the first or last part. */
export function histogram(ascending, bins, low, high) {
  const counts = new Uint32Array(bins), scale = bins / (high - low || 1);
  for (const value of ascending) counts[Math.min(bins - 1, Math.max(0, Math.floor((value - low) * scale)))]++;
  return counts;
}

/** [low, high] that holds all values but the outermost thousandth at each end. */
export function span(ascending) {
  const at = (q) => ascending[Math.min(ascending.length - 1, Math.floor(q * ascending.length))];
  const [low, high] = [at(0.001), at(0.999)], room = 0.04 * (high - low) || 1;
  return [low - room, high + room];
}

/** Counts of each class: Map label -> count, in the order of the labels; −1 is unknown. */
export function classCounts(labels) {
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/** Mean of the pairwise differences a − b with its standard error: { value, stderr, n }. */
export function pairedMean(a, b) {
  const differences = Array.from(a, (v, i) => v - b[i]).filter(Number.isFinite), n = differences.length;
  if (!n) return null;
  const value = differences.reduce((sum, v) => sum + v, 0) / n;
  const spread = differences.reduce((sum, v) => sum + (v - value) ** 2, 0);
  return { value, stderr: n > 1 ? Math.sqrt(spread / (n - 1) / n) : null, n };
}
