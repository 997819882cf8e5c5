// Two bells on a line: densities, who made a point, and how hard each point pulls at each bell. No DOM.

/** The density of bell k of a fit, without its weight. */
export function density({ means, stds }, k, x) {
  return Math.exp(-0.5 * ((x - means[k]) / stds[k]) ** 2) / (stds[k] * Math.sqrt(2 * Math.PI));
}

/** The density of the whole fit. */
export const mixture = (fit, x) => fit.weights[0] * density(fit, 0, x) + fit.weights[1] * density(fit, 1, x);

/** log density of a bell: it does not vanish far away. */
const logDensity = ({ means, stds }, k, x) => -0.5 * ((x - means[k]) / stds[k]) ** 2 - Math.log(stds[k]);

/** a / (a + b) of the exponentials of two logarithms. */
const share = (a, b) => 1 / (1 + Math.exp(b - a));

/** The posterior: how likely the first bell made a point at x. */
export const responsibility = (fit, x) => share(Math.log(fit.weights[0]) + logDensity(fit, 0, x),
                                                Math.log(fit.weights[1]) + logDensity(fit, 1, x));

/** Chances that m of `draws` draws of z are the first bell, m = 0 .. draws. */
export function chances(weight, draws) {
  const out = [];
  for (let m = 0, ways = 1; m <= draws; ways *= (draws - m) / (m + 1), m++) {
    out.push(ways * weight ** m * (1 - weight) ** (draws - m));
  }
  return out;
}

/**
 * How hard a point at x pulls at the first bell (the second gets the rest): the derivative of the fit's goal by the
 * bell's log density. Log outside (draws null): the responsibility. Log inside one draw: the bell's weight, whatever x
 * is. Between them: E[m p_1 / (m p_1 + (K - m) p_2)].
 */
export function pull(fit, x, draws) {
  if (draws === null) return responsibility(fit, x);
  const first = logDensity(fit, 0, x), second = logDensity(fit, 1, x);
  return chances(fit.weights[0], draws).reduce((sum, chance, m) => (
    sum + chance * (m === 0 ? 0 : m === draws ? 1 : share(Math.log(m) + first, Math.log(draws - m) + second))), 0);
}

/** The greatest height that both fits ever need, so that the picture keeps its scale: that of the histogram or of the
 * points' own source. */
export function tallest(about) {
  const wide = (about.high - about.low) / about.counts.length, most = Math.max(...about.counts);
  const { truth } = about;
  return 1.25 * Math.max(most / (about.n * wide), ...truth.means.map((mean) => mixture(truth, mean)));
}
