// How each estimator of log p(x) looks and what people call its parts. What it computes stands in the app's registry.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Of AIS, decoder evaluations with its pilot run; a slope counts as three. As bounds/ais.py has it. */
function chainsEffort(chains, { steps = 200, leapfrog = 5 }) {
  const moves = clamp(steps, 50, 100) + 29;
  return 12 * (moves * leapfrog + 1) + 3 * chains * ((steps - 1) * leapfrog + 1);
}

/**
 * Name -> colour (a kind of the page's grammar); `fitted`: whether decoder evaluations are spent before the first draw
 * counts; effort(samples, options, latent_dim): decoder evaluations per image, where they are not the samples: only
 * ratios of it matter, for forecasts (a test holds it to the app's registry). One that is missing here is grey.
 */
const LOOKS = {
  prior: { colour: "z" },
  iwae: { colour: "encoder" },
  refined: { colour: "mu", fitted: true, effort: (samples, { steps = 600 }) => samples + 30 * steps },
  ais: { colour: "sigma", effort: chainsEffort },
  grid: { colour: "text", effort: (samples, _, dims = 2) => samples ** dims },
  enumeration: { colour: "text" },
  exact: { colour: "text" },
};
const PLAIN = { colour: "quiet" };

export const USUAL = "iwae";    // the estimator that most people know: spoken about and shown first

export const lookOf = (method) => LOOKS[method] ?? PLAIN;

const OPTIONS = {
  proposal: { words: "covariance of the proposal", choices: ["full", "diagonal"] },
  widen: { words: "widened by the factor", least: 1, most: 3, step: 0.05 },
  steps: { words: "steps", least: 1, most: 100_000, step: 1 },
  start: { words: "chains start at", choices: ["q", "prior"] },
  leapfrog: { words: "leapfrog steps", least: 1, most: 100, step: 1 },
  delta: { words: "steepness of the schedule", least: 0.5, most: 20, step: 0.5 },
  family: { words: "covariance of the proposal", choices: ["full", "diagonal"] },
};

/** How an option of a method is asked for: { words, choices } or { words, least, most, step }. */
export const optionOf = (name) => OPTIONS[name] ?? { words: name.replaceAll("_", " "), step: "any" };

/**
 * Decoder evaluations per image that were spent when the first k of an estimate's draws were counted.
 * Args: an estimate with method, samples, decodings.
 */
export function spentAt({ method, samples, decodings }, k) {
  if (!(decodings > 0)) return k;
  return lookOf(method).fitted && decodings > samples ? decodings - samples + k : (decodings * k) / samples;
}

/** The estimate that is exact, up to its numerical error, or null; the first of them. */
export const truthOf = (estimates) => estimates.find(({ kind, value }) => kind === "exact" && value !== null) ?? null;

/** "−92.1 ± 0.4" of an estimate in the page's unit and sign. */
export const written = ({ value, stderr }, units) => (
  (value === null || value === undefined ? "not finite" : units.text(value, stderr)));

/** "a lower bound" or "an upper bound", of what the page shows. */
export function boundWord(units) {
  const word = units.kindWord("lower bound");
  return `${word.startsWith("u") ? "an" : "a"} ${word}`;
}

/**
 * Seconds that a run takes, or null where nobody knows.
 * Args: method of bounds/about, with its seconds_per_image at its own samples and options and what each further image
 *   adds to them (growth, 1 unless codes are shared); samples (null where there is
 *   nothing to choose) and options that are asked for; images, how many.
 */
export function forecast(method, samples, options, images) {
  const { seconds_per_image: one, growth = 1, samples: usual, options: own, latent_dim: dims } = method;
  if (one === null || one === undefined) return null;
  const all = one * (1 + growth * (images - 1));
  if (!usual || samples === null) return all;
  const effort = lookOf(method.name).effort ?? ((count) => count);
  return (all * effort(samples, { ...own, ...options }, dims)) / effort(usual, own ?? {}, dims);
}

/** What is wrong with a number of samples, in one line, or null.  Args: method with title, samples, least, most. */
export function samplesProblem({ samples: usual, least = 1, most = Infinity }, wanted) {
  if (usual === null || usual === undefined) return null;
  if (Number.isInteger(wanted) && wanted >= least && wanted <= most) return null;
  const upper = Number.isFinite(most) ? ` to ${most.toLocaleString("en-US")}` : "";
  return `a whole number from ${least.toLocaleString("en-US")}${upper}, please`;
}
