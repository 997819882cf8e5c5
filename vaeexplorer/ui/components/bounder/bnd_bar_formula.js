// "Show the formula" of the bar of terms, in the page's colours, with the sources.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

const { line, link, sub, words } = formula;

/** What opens below the bar of terms. */
export function barFormulas() {
  const x = () => tint("input", "x"), z = () => tint("z", "z"), q = () => tint("encoder", "q(z|x)");
  return [
    line("ELBO = ", tint("decoder", "E", sub("q(z|x)"), "[log p(x|z)]"), " − ", tint("encoder", "KL(q(z|x) ‖ p(z))")),
    words("The reconstruction is the mean of a log-likelihood, the negative of a cost (the distortion); the KL is ",
          "what the code takes (the rate). Kingma and Welling 2014, eq. 3, ",
          link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"), "."),
    line("log p(", x(), ") = ELBO + ", tint("gap", "KL(q(z|x) ‖ p(z|x))")),
    words("An identity, not an inequality: the gap is how far ", q(), " is from the true posterior of ", z(),
          ". With surprisals: S = −log p(x), U = −ELBO, E = U − S ≥ 0."),
    line(tint("gap", "gap"), " = [log p(", x(), ") − ELBO(q*)] + [ELBO(q*) − ELBO(q)]"),
    words("approximation + amortization, with q* the best diagonal q for this one image. Cremer, Li and Duvenaud ",
          "2018, ", link("https://arxiv.org/abs/1801.03558", "arXiv 1801.03558"), "."),
  ];
}
