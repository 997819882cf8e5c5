// What the rows of gradients/diagnose say in numbers: which variance, at which price, in which order. No DOM.

/** What variances are compared at: id -> words of the switch, of the column and of its unit of cost. */
export const PRICES = {
  estimate: { words: "one estimate", head: "variance", of: "of one estimate" },
  evaluations: { words: "equal evaluations", head: "variance × evaluations",
                 of: "times the decoder evaluations it took: what a fixed number of evaluations leaves" },
  seconds: { words: "equal time", head: "variance × seconds",
             of: "times the seconds it took: what a fixed time on this machine leaves" },
};

const priced = { evaluations: (row) => row.per_evaluation, seconds: (row) => row.per_second };

/** By what the variance of a row is multiplied: the price of one estimate. */
function factorOf(row, price) {
  if (price === "estimate") return 1;
  const total = row.variance?.total?.value, whole = priced[price](row) ?? NaN;
  return total > 0 ? whole / total : Number.isFinite(whole) ? 0 : NaN;
}

/**
 * The variance of a part of the gradient at a price.  Args: row of gradients/diagnose; part, a key of its variance;
 * price of PRICES.   Returns: { value, low, high }, or null where it is not known.
 */
export function varianceOf(row, part, price) {
  const found = row.variance?.[part], factor = factorOf(row, price);
  if (!found || !Number.isFinite(found.value) || !Number.isFinite(factor)) return null;
  const times = (value) => (value === null || value === undefined ? NaN : value * factor);
  return { value: found.value * factor, low: times(found.low), high: times(found.high) };
}

/** The parts that any row has, the whole first. */
export function partsOf(rows) {
  const all = [...new Set(rows.flatMap(({ variance }) => Object.keys(variance ?? {})))];
  return all.includes("total") ? ["total", ...all.filter((part) => part !== "total")] : all;
}

/** The part that is shown: the wanted one where it is there. */
export const partShown = (parts, wanted) => (parts.includes(wanted) ? wanted : parts[0] ?? "total");

const known = (value) => Number.isFinite(value ?? NaN);

/** Column -> the number that it is sorted by. */
const KEYS = {
  title: (row) => row.title,
  variance: (row, { part, price }) => varianceOf(row, part, price)?.value,
  snr: (row) => row.snr?.value,
  cosine: (row) => row.cosine_of_one,
  bias: (row) => row.bias?.largest_z ?? null,
  cost: (row, { price }) => (price === "seconds" ? row.seconds : row.evaluations),
};

/** Rows in the order of a column; those without a number there stand last.  Args: sort { column, down }; view. */
export function sorted(rows, { column, down }, view) {
  const key = (row) => KEYS[column](row, view), sign = down ? -1 : 1;
  const there = (row) => (typeof key(row) === "string" ? true : known(key(row)));
  return rows.slice().sort((a, b) => {
    if (!there(a) || !there(b)) return Number(there(b)) - Number(there(a));
    const [left, right] = [key(a), key(b)];
    return sign * (typeof left === "string" ? left.localeCompare(right) : left - right);
  });
}

const DECADES = 16;             // more than so many orders below the largest is nothing but rounding

/** The range of a logarithmic bar over some variances: [low, high] in powers of ten, or null. */
export function barRange(found) {
  const values = found.flatMap((one) => (one ? [one.value, one.low, one.high] : [])).filter((v) => known(v) && v > 0);
  if (!values.length) return null;
  const most = Math.log10(Math.max(...values)), least = Math.log10(Math.min(...values));
  const high = Math.ceil(most + 1e-9), low = Math.max(Math.floor(least - 1e-9), high - DECADES);
  return [Math.min(low, high - 1), high];
}

/** Where a value lies on that bar, in 0..1. */
export const onBar = (value, [low, high]) => (
  value > 0 ? Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low))) : 0);
