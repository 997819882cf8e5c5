// What stands behind "Two losses in one", for those who ask.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

export function lines() {
  const { line, words, sub, sup, link } = formula;
  const x = () => tint("input", "x"), z = () => tint("z", "z");
  const q = () => [tint("encoder", "q"), "(", z(), "|", x(), ")"];
  const s = () => tint("decoder", "S"), e = () => tint("gap", "E");
  return [
    line("U(", x(), ") = −ELBO = E", sub("q"), "[ log ", q(), " − log p(", x(), ", ", z(), ") ] = ", s(), "(", x(),
         ") + ", e(), "(", x(), ")"),
    line(s(), "(", x(), ") = −log p(", x(), "),   ", e(), "(", x(), ") = KL( ", q(), " ‖ p(", z(), "|", x(), ") ) ≥ 0"),
    words("S has no encoder in it: a step of the encoder alone changes E and nothing else. A step of the decoder ",
          "moves p(x) and the right answers p(z|x) as well, so S and E may each go either way."),
    line(s(), " = −log Σ", sub("z"), " p(", x(), "|", z(), ") p(", z(), ") h", sup("2"), ",   U = KL( ", q(), " ‖ p(",
         z(), ") ) − E", sub("q"), "[ log p(", x(), "|", z(), ") ]"),
    words("The sum goes over a lattice of 51 × 51 codes (h = 0.2), which does not know the encoder; the expectation ",
          "is a Gauss-Hermite rule of 36 places. Nothing is drawn. The means over 360 test images are right to about ",
          "0.0001 nats for S and 0.001 for U."),
    words("Text 001, “Optimization Peculiarities”, has the sum and warns of meandering: U falls, S does not change. ",
          "Two of its sentences are too strong. E and S can be estimated: this page adds them up, the Bounds page ",
          "does it for larger models. And the smallest U belongs to the smallest S only if q can take the shape of ",
          "p(z|x)."),
    words("On encoders that lag behind: J. He, D. Spokoyny, G. Neubig and T. Berg-Kirkpatrick, “Lagging Inference ",
          "Networks and Posterior Collapse in Variational Autoencoders”, ICLR 2019, ",
          link("https://arxiv.org/abs/1901.05534", "arXiv 1901.05534"), ". On U itself: D. P. Kingma and M. Welling, ",
          link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"), "."),
  ];
}
