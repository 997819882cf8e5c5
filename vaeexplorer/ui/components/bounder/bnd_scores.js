// Values of many images: in what order they stand, how they are spread, how well one set is told from another. No DOM.

const OUTLYING = 4;             // ranges so many times wider than the middle 98 % are cut
const FEWEST = 12, LARGEST = 60;        // bins of a histogram

const numbers = (values) => values.filter((value) => Number.isFinite(value));

/** Finite values in ascending order. */
export const ascending = (values) => Float64Array.from(numbers(Array.from(values, (v) => v ?? NaN))).sort();

/** The value below which a share of ascending values lies, between the two neighbours where need be. */
export function quantile(sorted, share) {
  if (!sorted.length) return NaN;
  const at = share * (sorted.length - 1), low = Math.floor(at), high = Math.min(sorted.length - 1, low + 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** Places of the finite values, the largest (or least) first; equal ones in their order. */
export function extremes(values, largest) {
  const sign = largest ? -1 : 1;
  return Array.from(values.keys()).filter((i) => Number.isFinite(values[i] ?? NaN))
    .sort((a, b) => sign * (values[a] - values[b]) || a - b);
}

/** Edges of bins over several sets; a range that a few outliers would stretch is cut, the ends hold the rest. */
export function edgesFor(sets) {
  const all = ascending(sets.flatMap((values) => Array.from(values)));
  if (!all.length) return null;
  const [low, high] = [all[0], all.at(-1)], middle = [quantile(all, 0.01), quantile(all, 0.99)];
  const core = middle[1] - middle[0], cut = core > 0 && high - low > OUTLYING * core;
  const from = cut ? Math.max(low, middle[0] - core / 2) : low, to = cut ? Math.min(high, middle[1] + core / 2) : high;
  const wide = to > from ? to - from : Math.abs(from) || 1, begin = to > from ? from : from - wide / 2;
  const count = Math.round(Math.min(LARGEST, Math.max(FEWEST, 1.5 * Math.sqrt(all.length / sets.length))));
  return Array.from({ length: count + 1 }, (_, k) => begin + (wide * k) / count);
}

/** How many values lie in each bin, those beyond the ends in the first and the last.  Returns: { counts, beyond }. */
export function countsIn(values, edges) {
  const counts = new Array(edges.length - 1).fill(0), low = edges[0], high = edges.at(-1);
  let beyond = 0;
  for (const value of values) {
    if (!Number.isFinite(value ?? NaN)) continue;
    if (value < low || value > high) beyond += 1;
    const k = Math.floor(((value - low) / (high - low)) * counts.length);
    counts[Math.min(counts.length - 1, Math.max(0, k))] += 1;
  }
  return { counts, beyond };
}

/** How many of the ascending values are below, and how many equal to, a value: [below, equal]. */
function rank(sorted, value) {
  const first = (above) => {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (above ? sorted[middle] <= value : sorted[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const below = first(false);
  return [below, first(true) - below];
}

/**
 * How often a value of `own` is greater than one of `other` (ties count half): the area under the ROC curve, unbiased
 * over draws of both sets.  P(own > other) = mean of the placements;  its error by E. R. DeLong, D. M. DeLong and D. L.
 * Clarke-Pearson 1988: the variances of the placements in each set over its size.
 * Returns: { value, stderr (NaN with fewer than two values in a set), n: [of own, of other] }.
 */
export function separation(own, other) {
  const a = ascending(own), b = ascending(other);
  const placements = (values, against) => Array.from(values, (value) => {
    const [below, equal] = rank(against, value);
    return (below + equal / 2) / against.length;
  });
  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = (values) => {
    const middle = mean(values);
    return values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1);
  };
  const ofOwn = placements(a, b), ofOther = placements(b, a);
  const stderr = Math.sqrt(variance(ofOwn) / a.length + variance(ofOther) / b.length);
  return { value: mean(ofOwn), stderr, n: [a.length, b.length] };
}
