// "Show the formula": the terms of the bound and what the pictures are, in the page's colours, with the source.

import { el, tint } from "./dom.js";

const sub = (text) => el("sub", {}, text);
const sup = (text) => el("sup", {}, text);
const line = (...parts) => el("p", { class: "formula" }, ...parts);
const words = (...parts) => el("p", { class: "words" }, ...parts);
const x = () => tint("input", "x"), z = () => tint("z", "z");

/** KL of a code in closed form where there is one. */
function klLines({ posterior, prior }) {
  if (posterior === "bernoulli") {
    const pi = () => tint("mu", "π", sub("j"));
    return [line(tint("encoder", "KL"), " = Σ", sub("j"), " ", pi(), " log 2", pi(), " + (1 − ", pi(), ") log 2(1 − ",
                 pi(), ")"),
            words("Exact: each bit of the code against a fair coin.")];
  }
  if (prior.cholesky) {
    return [words("The KL of two Gaussians has a closed form, so it is exact; the prior of this model was learned.")];
  }
  return [line(tint("encoder", "KL"), " = ½ Σ", sub("j"), " (", tint("mu", "μ", sub("j")), sup("2"), " + ",
               tint("sigma", "σ", sub("j")), sup("2"), " − 1 − log ", tint("sigma", "σ", sub("j")), sup("2"), ")"),
          words("Exact, no sampling: Kingma and Welling 2014, appendix B.")];
}

/** The folded card. */
export function createRecFormula(model) {
  const address = "https://arxiv.org/abs/1312.6114";
  const paper = el("a", { href: address, target: "_blank", rel: "noopener" }, "arXiv 1312.6114");
  const seen = model.binarization === "none" ? null
    : words("A Bernoulli likelihood weighs black and white pixels: ", x(), " is the image as the model sees it.");
  return el("details", { class: "card formulas" }, el("summary", {}, "Show the formula"),
    line("log p(", x(), ") ≥ ELBO = ", tint("decoder", "E", sub("q(z|x)"), "[log p(x|z)]"), " − ",
         tint("encoder", "KL(q(z|x) ‖ p(z))")),
    words("The ", tint("decoder", "reconstruction"), " says how well the pixels come back; the ", tint("encoder", "KL"),
          " is what the code takes. Kingma and Welling 2014, eq. 3."),
    seen,
    line(tint("decoder", "reconstruction"), " ≈ 1/S Σ", sub("s"), " log p(", x(), "|", z(), sub("s"), "),   ", z(),
         sub("s"), " ~ ", tint("encoder", "q(z|x)")),
    words("Unbiased; its standard error is the standard deviation of the S terms over √S."),
    ...klLines(model),
    line("difference = ", tint("decoder", "E[x|z̄]"), " − ", x(), ",   uncertainty = std", sub("z ~ q"), " ",
         tint("decoder", "E[x|z]")),
    words("z̄ is the mean of q (for bits: the likeliest ones). The uncertainty is what not knowing ", z(),
          " does to each pixel; the noise of p(x|z) itself is not part of it."),
    words("Source: D. P. Kingma and M. Welling, “Auto-Encoding Variational Bayes”, ICLR 2014, ", paper, "."));
}
