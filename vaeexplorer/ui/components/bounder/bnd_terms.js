// What follows from the terms of an image's bound with an estimate of log p(x). No DOM.

const errors = (...stderrs) => (stderrs.some((s) => s === null) ? null : Math.hypot(...stderrs));

/**
 * One image's bound beside an estimate of log p(x), all in nats.
 * Args: terms of readTerms; found, { value, stderr, kind, title, samples, counted, ... } of log p(x) or null;
 *   split, the gap's document of this image (readSplit) or null: then its own bound and estimate stand, so that the
 *   parts add up.
 * Returns: { elbo, reconstruction, kl, marginal or null, gap or null, parts: [[id, nats, stderr], ...] or null }, each
 *   { value, stderr, kind }; a gap that rests on a lower bound of log p(x) is itself a lower bound.
 */
export function balance(terms, found, split = null) {
  const { kl } = terms, elbo = split ? { ...terms.elbo, ...split.elbo, n: null } : terms.elbo;
  const reconstruction = split
    ? { ...terms.reconstruction, value: elbo.value + kl.value, stderr: errors(elbo.stderr, kl.stderr), n: null }
    : terms.reconstruction;
  const marginal = split ? { ...split.log_marginal, ...split.by } : found;
  if (!marginal) return { elbo, reconstruction, kl, marginal: null, gap: null, parts: null };
  const stderr = errors(marginal.stderr, elbo.stderr);
  const gap = split ? { ...split.total, kind: split.kind }
    : { value: marginal.value - elbo.value, stderr, kind: gapKind(marginal, elbo) };
  return { elbo, reconstruction, kl, marginal, gap, parts: split ? partsOf(split) : null };
}

/** An exact log p(x) minus a sampled ELBO is an unbiased gap, not an exact one. */
const gapKind = (marginal, elbo) => (marginal.kind === "exact" && elbo.stderr > 0 ? "unbiased" : marginal.kind);

/**
 * The document of bounds/gap -> a split for each image. Args: document; methods of bounds/about, or none: they know
 * what kind of estimate of log p(x) the method gives, which is not always the kind of the gap.
 */
export function readSplit({ images, kind, method, title, samples, counted }, methods = []) {
  const by = { method, title, samples, counted, kind: methods.find(({ name }) => name === method)?.kind ?? kind };
  return images.map((one) => ({ ...one, kind, by }));
}

/** Where the gap comes from, upwards from the ELBO; the part that a full covariance cannot close comes last. */
function partsOf({ amortization, approximation, full }) {
  if (full.value === null) {
    return [["amortization", amortization], ["family", approximation]].map(([id, part]) => ({ id, ...part }));
  }
  const rest = { value: approximation.value - full.value, stderr: errors(approximation.stderr, full.stderr) };
  return [["amortization", amortization], ["covariance", full], ["shape", rest]]
    .map(([id, { value, stderr }]) => ({ id, value, stderr }));
}

/**
 * Mean of one estimate over images.  Returns: { value, stderr (of the mean over images, null for one), n } or null.
 */
export function meanOf(values) {
  if (!values.length || values.some((v) => !Number.isFinite(v))) return null;
  const n = values.length, value = values.reduce((a, b) => a + b, 0) / n;
  const square = values.reduce((sum, v) => sum + (v - value) ** 2, 0);
  return { value, stderr: n > 1 ? Math.sqrt(square / (n - 1) / n) : null, n };
}
