// Axes and numbers: where ticks stand, where a step lies, how a figure with its error is written. No DOM.

/** A round number near `rough`: 1, 2 or 5 times a power of ten. */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough)), part = rough / power;
  return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

/** About `count` round numbers in [low, high]. */
export function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const step = roundStep((high - low) / Math.max(1, count)), found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

/** Powers of ten in [low, high], low > 0; with their 2 and 5 where few fit. */
export function powers(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) {
    for (const m of [1, 2, 5]) {
      const value = m * 10 ** e;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  const tens = found.filter((v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9);
  return tens.length >= 3 ? tens : found;
}

/**
 * Where a step lies on an axis of a run with `last` steps, in 0..1, and back. "log": by log(1 + step), so that step 0
 * has a place.
 */
export function stepAxis(kind, last) {
  const end = Math.max(1, last), long = Math.log1p(end);
  return kind === "log"
    ? { kind, end, at: (step) => Math.log1p(Math.max(0, step)) / long, step: (u) => Math.expm1(u * long) }
    : { kind, end, at: (step) => step / end, step: (u) => u * end };
}

/** Steps to write below an axis `pixels` wide: [step, place in 0..1], no two closer than `apart` pixels. */
export function stepTicks(axis, pixels, apart = 52) {
  const wanted = Math.max(2, Math.floor(pixels / (apart * 1.6)));
  const round = axis.kind === "log" ? [0, ...powers(1, axis.end)] : ticks(0, axis.end, wanted);
  const found = [];
  for (const step of round.filter((s) => Number.isInteger(s))) {
    const at = axis.at(step);
    if (!found.length || (at - found.at(-1)[1]) * pixels >= apart) found.push([step, at]);
  }
  return found;
}

const signed = (text) => text.replace("-", "−");

/** A whole number with separators: 12,345. */
export const count = (value) => Math.round(value).toLocaleString("en-US");

/** A step below an axis: 500, 2k, 1.5M. */
export function shortCount(value) {
  if (value < 10_000) return count(value);
  const [unit, name] = value < 1e6 ? [1e3, "k"] : [1e6, "M"];
  return `${Number((value / unit).toFixed(1))}${name}`;
}

/** A number on a vertical axis, with as many digits as the distance of the ticks needs. */
export function tickText(value, step) {
  if (value === 0) return "0";
  if (step < 1e-3 || Math.abs(value) >= 1e6) return signed(Number(value.toPrecision(2)).toExponential());
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(Math.max(step, 1e-9)) + 1e-9)));
  return signed(value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

/** How many digits behind the point an error allows: two digits of the error. */
const digitsFor = (stderr) => Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(stderr))));

/** An estimate's parts for people: { value: "−94.52", error: "± 0.26" or "" }. */
export function parts({ value, stderr }) {
  if (!Number.isFinite(value)) return { value: "not finite", error: "" };
  if (!(stderr > 0) || !Number.isFinite(stderr)) return { value: plain(value), error: "" };
  const digits = digitsFor(stderr);
  return { value: signed(value.toFixed(digits)), error: `± ${stderr.toFixed(digits)}` };
}

/** A number without an error: four significant digits. */
export function plain(value) {
  if (!Number.isFinite(value)) return "not finite";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return signed(value.toExponential(2));
  return signed(String(Number(value.toPrecision(4))));
}

/** Seconds as people say them: 8 s, 2 min 10 s, 1 h 5 min. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ""}`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
