// Mean and variance of two estimators of the gradient of E f(z), z ~ N(mu, s^2): closed forms for quadratics, else
// quadrature. Each twice: by mu, and by lam = log s. No DOM.

export const BY = ["mu", "lam"];

// Nodes and weights of Gauss and Legendre's rule with 8 points, the positive half.
const NODES = [0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363];
const WEIGHTS = [0.362683783378362, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763];
const FAR = 10, PARTS = 240;            // standard deviations; parts with their own 8 points

/** Points and weights of the standard normal distribution; `breaks` are places where what is integrated may jump. */
function normalRule(breaks) {
  const inside = breaks.filter((at) => Math.abs(at) < FAR);
  const edges = [...Array.from({ length: PARTS + 1 }, (_, i) => FAR * (2 * i / PARTS - 1)), ...inside];
  edges.sort((a, b) => a - b);
  const rule = [];
  for (let i = 1; i < edges.length; i++) {
    const middle = (edges[i] + edges[i - 1]) / 2, half = (edges[i] - edges[i - 1]) / 2;
    if (!(half > 0)) continue;
    NODES.forEach((node, k) => [-node, node].forEach((at) => {
      const noise = middle + half * at;
      rule.push([noise, half * WEIGHTS[k] * Math.exp(-0.5 * noise * noise) / Math.sqrt(2 * Math.PI)]);
    }));
  }
  return rule;
}

/** d log q / d(mu, lam) at z = mu + s noise. */
export const scoreOf = { mu: (noise, s) => noise / s, lam: (noise) => noise * noise - 1 };

/** What a slope of f says about mu and lam: dz/dmu = 1, dz/dlam = s noise. */
export const carriedOf = { mu: (slope) => slope, lam: (slope, noise, s) => slope * s * noise };

/** E score^2. */
const squaredScore = (by, s) => (by === "mu" ? 1 / (s * s) : 2);

/**
 * Everything about f under q. Args: f of FUNCTIONS; mu; s.
 * Returns: { mean: E f, variance: Var f, slopeMean: E f', by: { mu, lam } }, each of which has { gradient,
 *   pathwise: { mean, variance }, centred: E[(f - E f)^2 score^2], tilt: E[(f - E f) score^2], squared: E score^2,
 *   best: the constant baseline of least variance }; how: "closed form" or "quadrature" }. One sample each.
 */
export function momentsOf(f, mu, s) {
  return f.quadratic ? closed(f.quadratic, mu, s) : integrated(f, mu, s);
}

function closed({ a, b, c }, mu, s) {
  const m = 2 * a * mu + b, h1 = m * s, h2 = a * s * s, mean = a * (mu * mu + s * s) + b * mu + c;
  const part = (gradient, spread, centred, tilt, squared) => ({
    gradient, pathwise: { mean: gradient, variance: spread }, centred, tilt, squared, best: mean + tilt / squared });
  return {
    mean, variance: h1 * h1 + 2 * h2 * h2, how: "closed form", m, h1, h2,
    by: {
      mu: part(m, 4 * a * h2, (3 * h1 * h1 + 10 * h2 * h2) / (s * s), 2 * h2 / (s * s), 1 / (s * s)),
      lam: part(2 * h2, h1 * h1 + 8 * h2 * h2, 10 * h1 * h1 + 60 * h2 * h2, 8 * h2, 2),
    },
  };
}

function integrated(f, mu, s) {
  const rule = normalRule(f.breaks.map((at) => (at - mu) / s));
  const points = rule.map(([noise, weight]) => ({ noise, weight, value: f.value(mu + s * noise),
                                                  slope: f.slope(mu + s * noise) }));
  const expected = (task) => points.reduce((sum, point) => sum + point.weight * task(point), 0);
  const mean = expected(({ value }) => value), off = ({ value }) => value - mean;
  const part = (by) => {
    const score = ({ noise }) => scoreOf[by](noise, s), carried = ({ slope, noise }) => carriedOf[by](slope, noise, s);
    const pathwise = expected(carried), squared = squaredScore(by, s), tilt = expected((p) => off(p) * score(p) ** 2);
    return {
      gradient: expected((p) => off(p) * score(p)),
      pathwise: { mean: pathwise, variance: expected((p) => (carried(p) - pathwise) ** 2) },
      centred: expected((p) => (off(p) * score(p)) ** 2), tilt, squared, best: mean + tilt / squared,
    };
  };
  return { mean, variance: expected((p) => off(p) ** 2), how: "quadrature", by: { mu: part("mu"), lam: part("lam") } };
}

/** Var of the score function with a constant baseline, one sample: E[(f - C)^2 score^2] - gradient^2. */
export function scoreVariance(moments, by, baseline) {
  const { gradient, centred, tilt, squared } = moments.by[by], left = moments.mean - baseline;
  return Math.max(0, centred + 2 * left * tilt + left * left * squared - gradient * gradient);
}

/** Var of leave-one-out with S >= 2 samples: Var(C = E f) / S + (Var f E score^2 + gradient^2) / (S (S - 1)). */
export function othersVariance(moments, by, samples) {
  const { gradient, squared } = moments.by[by], products = moments.variance * squared + gradient * gradient;
  return scoreVariance(moments, by, moments.mean) / samples + products / (samples * (samples - 1));
}

/**
 * Var of one estimate from S samples. Args: settings { by, samples, others (the mean of the other samples as baseline),
 * baseline (the constant C where it is not) }.   Returns: { pathwise, score }.
 */
export function variancesOf(moments, { by, samples, others, baseline }) {
  const score = others ? othersVariance(moments, by, samples) : scoreVariance(moments, by, baseline) / samples;
  return { pathwise: moments.by[by].pathwise.variance / samples, score };
}

/** The share of the score function's variance that the height E f - C alone makes; it says nothing of a direction. */
export function heightShare(moments, by, baseline) {
  const left = moments.mean - baseline, whole = scoreVariance(moments, by, baseline);
  return whole > 0 ? Math.min(1, left * left * moments.by[by].squared / whole) : 0;
}

/**
 * The average of f grad q over draws of q, the notes' mistake: what it tends to, and the deviation of one draw.
 * q is in it twice: E_q[f dq/dmu] = m / (4 sqrt(pi) s) where f is quadratic.
 */
export function averageOfGradQ(f, mu, s) {
  const rule = normalRule(f.breaks.map((at) => (at - mu) / s));
  const each = rule.map(([noise, weight]) => [weight, f.value(mu + s * noise) * densityOf(noise, s) * noise / s]);
  const mean = each.reduce((sum, [weight, value]) => sum + weight * value, 0);
  const variance = each.reduce((sum, [weight, value]) => sum + weight * (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(variance) };
}

/** q(z) at z = mu + s noise. */
export const densityOf = (noise, s) => Math.exp(-0.5 * noise * noise) / (s * Math.sqrt(2 * Math.PI));
