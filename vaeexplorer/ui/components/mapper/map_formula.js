// "Show the formula" of the Map page: the aggregate posterior, how the KL splits, what the picture's lines are.

import { el, tint } from "./dom.js";

const sub = (text) => el("sub", {}, text);
const sup = (text) => el("sup", {}, text);
const line = (...parts) => el("p", { class: "formula" }, ...parts);
const words = (...parts) => el("p", { class: "words" }, ...parts);
const link = (address, text) => el("a", { href: address, target: "_blank", rel: "noopener" }, text);

const x = () => tint("input", "x");
const z = () => tint("z", "z");
const q = () => tint("encoder", "q(z|x)");

function posterior(bits) {
  return bits
    ? line(q(), " = ∏", sub("j"), " Bernoulli(", tint("mu", "π", sub("j")), "(", x(), "))")
    : line(q(), " = N(", tint("mu", "μ"), "(", x(), "), diag ", tint("sigma", "σ"), sup("2"), "(", x(), "))");
}

const ellipses = () => [
  line(tint("encoder", "ellipse"), ": { A(", z(), " − c) : (", z(), " − ", tint("mu", "μ"), ")ᵀ ", tint("sigma", "Σ"),
       sup("−1"), " (", z(), " − ", tint("mu", "μ"), ") ≤ r", sup("2"), " }"),
  words("In a straight picture y = A(", z(), " − c) the posterior of one image is a normal with covariance A ",
        tint("sigma", "Σ"), " Aᵀ: the ellipses at one and two standard deviations hold 39 % and 86 % of it."),
];

/** The folded card. */
export function createFormula(model) {
  const bits = model.posterior === "bernoulli", centre = tint("mu", bits ? "probabilities π" : "mean μ");
  return el("details", { class: "card formulas" }, el("summary", {}, "Show the formula"),
    words("Every dot is one image: the ", tint("encoder", "encoder"), " turns it into ", q(), ", and the dot stands ",
          "at its ", centre, bits ? "." : ", or at one draw of it."),
    posterior(bits),
    line("q(", z(), ") = 1⁄N ∑", sub("i"), " ", tint("encoder", "q(z|x", sub("i"), ")")),
    words("The aggregate posterior: where the codes of all images lie together. New pictures are drawn from the prior ",
          "p(", z(), "), so where p is dense and q(", z(), ") is not, the decoder has to invent: these are the ",
          tint("gap", "holes"), "."),
    line("E", sub("x"), " ", tint("encoder", "KL(q(z|x) ‖ p(z))"), " = I(", x(), "; ", z(), ") + KL(q(", z(), ") ‖ p(",
         z(), "))"),
    words("What codes cost is what they tell about the image, the mutual information, plus what it costs that all ",
          "codes together do not lie as the prior does. M. D. Hoffman and M. J. Johnson, “ELBO surgery: yet another ",
          "way to carve up the variational evidence lower bound”, Workshop on Advances in Approximate Bayesian ",
          "Inference, NIPS 2016, ",
          link("http://approximateinference.org/accepted/HoffmanJohnson2016.pdf", "the paper"), "."),
    words("q(", z(), ") is a mixture over the shown images; with each image's own part in it I(", x(), "; ", z(),
          ") comes out too small, without it too large. Both bounds are in the table: B. Poole and others, “On ",
          "Variational Bounds of Mutual Information”, ICML 2019, ",
          link("https://arxiv.org/abs/1905.06922", "arXiv 1905.06922"), "."),
    ...(bits ? [] : ellipses()));
}
