// "Show the formula": what one sees, in the page's colours, with its source.

import { el, tint } from "./dom.js";

const sub = (text) => el("sub", {}, text);
const sup = (text) => el("sup", {}, text);
const line = (...parts) => el("p", { class: "formula" }, ...parts);
const words = (...parts) => el("p", { class: "words" }, ...parts);

const z = () => tint("z", "z");
const x = () => tint("input", "x");
const mean = () => tint("decoder", "x̄", sub("i"));

const continuousBernoulli = () => [
  line("p(", x(), "|", z(), ") = ∏", sub("i"), " C(λ", sub("i"), ") λ", sub("i"), sup("xᵢ"), " (1 − λ", sub("i"), ")",
       sup("1−xᵢ")),
  words("Continuous Bernoulli: the decoder gives λ of every pixel; you see the mean that belongs to λ. ",
        "Loaiza-Ganem and Cunningham 2019, eq. 4 and 8."),
];

const bernoulli = () => [
  line("p(", x(), "|", z(), ") = ∏", sub("i"), " ", mean(), sup("xᵢ"), " (1 − ", mean(), ")", sup("1−xᵢ")),
  words("Bernoulli: the decoder gives the probability that each pixel is white. You see these probabilities, ",
        "not a draw of pixels; that is why strokes look soft. Kingma and Welling 2014, appendix C.1."),
];

const gaussian = () => [
  line("p(", x(), "|", z(), ") = N(", tint("decoder", "x̄"), ", s", sup("2"), " I)"),
  words("Gaussian: the decoder gives the mean of every pixel, and you see that mean. ",
        "Kingma and Welling 2014, appendix C.2."),
];

/** How the decoder's output enters p(x|z), by a word in the likelihood's name. The first match counts. */
const LIKELIHOODS = [["continuous", continuousBernoulli], ["bernoulli", bernoulli], ["gaussian", gaussian]];

function likelihoodLines(name) {
  const found = LIKELIHOODS.find(([word]) => name.toLowerCase().includes(word));
  return found ? found[1]() : [];
}

function priorLines({ posterior, prior }) {
  if (posterior === "bernoulli") {
    return [line(z(), " ~ p(", z(), ") = ∏", sub("j"), " Bernoulli(½)"),
            words("Every slider is one fair bit of the code ", z(), ".")];
  }
  const learned = prior.cholesky || prior.mean.some((m) => m !== 0) || prior.std.some((s) => s !== 1);
  const more = learned ? "; this model has learned the mean and covariance of its prior." : ".";
  return [line(z(), " ~ p(", z(), ") = ", learned ? "N(m, L Lᵀ)" : "N(0, I)"),
          words("The sliders are the coordinates of ", z(), more)];
}

function encoderLines({ posterior }) {
  if (posterior === "bernoulli") {
    return [line(tint("encoder", "q(z|x)"), " = ∏", sub("j"), " Bernoulli(", tint("mu", "π", sub("j")), "(", x(), "))"),
            words("Starting from a picture sets each bit to its more probable value.")];
  }
  return [line(tint("encoder", "q(z|x)"), " = N(", tint("mu", "μ"), "(", x(), "), diag ", tint("sigma", "σ"), sup("2"),
               "(", x(), ")),   ", z(), " = ", tint("mu", "μ"), " + ", tint("sigma", "σ"), " ⊙ ", tint("noise", "ε")),
          words("Starting from a picture takes ", z(), " = ", tint("mu", "μ"), "(", x(), "), without the ",
                tint("noise", "noise"), " ε. Kingma and Welling 2014, section 2.4 and eq. 9.")];
}

/** The folded card. */
export function createFormula(model) {
  const address = "https://arxiv.org/abs/1312.6114";
  const paper = el("a", { href: address, target: "_blank", rel: "noopener" }, "arXiv 1312.6114");
  return el("details", { class: "card formulas" }, el("summary", {}, "Show the formula"),
    ...priorLines(model),
    line(tint("decoder", "x̄"), " = E[", x(), " | ", z(), "] = ", tint("decoder", "decoder"), "(", z(), ")"),
    words("The large picture: the mean image that the ", tint("decoder", "decoder"), " expects at ", z(), "."),
    ...likelihoodLines(model.likelihood ?? ""),
    ...encoderLines(model),
    line("log p(", x(), ") = ", tint("decoder", "E", sub("q"), "[log p(x|z)]"), " − ",
         tint("encoder", "KL(q(z|x) ‖ p(z))"), " + ", tint("gap", "KL(q(z|x) ‖ p(z|x))")),
    words("The first two terms are the bound that was trained, the bill of a picture; the last one is the ",
          tint("gap", "gap"), ", never negative. The KL beside each slider is its dimension's part of the second ",
          "term. Kingma and Welling 2014, eq. 1 to 3."),
    words("Source: D. P. Kingma and M. Welling, “Auto-Encoding Variational Bayes”, ICLR 2014, ", paper, "."));
}
