// "Show the formula" of the Train page: the bound that is trained, and how U splits, with their sources.

import { el, tint } from "./dom.js";

const sub = (text) => el("sub", {}, text);
const line = (...parts) => el("p", { class: "formula" }, ...parts);
const words = (...parts) => el("p", { class: "words" }, ...parts);
const link = (address, text) => el("a", { href: address, target: "_blank", rel: "noopener" }, text);

const x = () => tint("input", "x");
const z = () => tint("z", "z");
const q = () => tint("encoder", "q(z|x)");
const p = () => tint("decoder", "p(x|z)");

const FORMULAS = {
  elbo: () => [
    line("ELBO(", x(), ") = ", tint("decoder", "E", sub("q"), "[log p(x|z)]"), " − ",
         tint("encoder", "KL(q(z|x) ‖ p(z))"), " ≤ log p(", x(), ")"),
    words(tint("decoder", "Reconstruction"), ": how probable the image is under ", p(), ", on average over codes ", z(),
          " drawn from ", q(), ". ", tint("encoder", "KL"), ": how far ", q(), " has moved from the prior, ",
          "the nats that the code spends on this image."),
    words("D. P. Kingma and M. Welling, “Auto-Encoding Variational Bayes”, ICLR 2014, eq. 3, ",
          link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"), "."),
  ],
  split: () => [
    line("U = −ELBO = S + ", tint("gap", "E")),
    line("S = −log p(", x(), ") ≈ −log ", "1⁄K ∑", sub("k"), " w", sub("k"), ",   w", sub("k"), " = p(", x(), ", ",
         z(), sub("k"), ") ⁄ ", tint("encoder", "q(z", sub("k"), "|x)")),
    line(tint("gap", "E"), " = U − S = ", tint("gap", "KL(q(z|x) ‖ p(z|x))"), " ≥ 0"),
    words("S is the surprisal of the image, what no encoder could save; ", tint("gap", "E"),
          " is the price of an imperfect ", q(), ". From K samples of ", q(), " S comes out a little too large and ",
          tint("gap", "E"), " too small, by about the relative variance of the weights over 2K."),
    words("Kingma and Welling 2014, eq. 3 (the bound); Y. Burda, R. Grosse and R. Salakhutdinov, ",
          "“Importance Weighted Autoencoders”, ICLR 2016, eq. 8, ",
          link("https://arxiv.org/abs/1509.00519", "arXiv 1509.00519"), "."),
  ],
};

/** The folded formula of a chart. */
export const createFormula = (name) => (
  el("details", { class: "formulas" }, el("summary", {}, "Show the formula"), ...FORMULAS[name]()));
