// Elementwise functions, each in place on a Float32Array; names and definitions as in torch.nn.functional.

function each(f) {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
  };
}

const sigmoid = (v) => 1 / (1 + Math.exp(-v));

/** Error function to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
function erf(v) {
  const t = 1 / (1 + 0.3275911 * Math.abs(v));
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(v) * (1 - tail * Math.exp(-v * v));
}

/** Mean of the continuous Bernoulli with the given logit: 1/(1 - exp(-l)) - 1/l, by its series near 0. */
function continuousBernoulliMean(logit) {
  if (Math.abs(logit) < 0.01) return 0.5 + logit / 12;
  return -1 / Math.expm1(-logit) - 1 / logit;
}

/** relu, in its own loop: it runs on the largest hidden layers. */
function relu(x) {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
}

export const ACTIVATIONS = {
  relu,
  tanh: each(Math.tanh),
  sigmoid: each(sigmoid),
  leaky_relu: each((v) => (v < 0 ? 0.01 * v : v)),
  elu: each((v) => (v < 0 ? Math.expm1(v) : v)),
  softplus: each((v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))),
  gelu: each((v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
  silu: each((v) => v * sigmoid(v)),
  continuous_bernoulli_mean: each(continuousBernoulliMean),
  clip: each((v) => Math.min(1, Math.max(0, v))),
};
