// "Show the formula" of the encoder that overfits, in the page's colours, with the sources.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

const { line, link, sub, words } = formula;

/** What opens below the picture. */
export function overfitFormulas() {
  const q = () => tint("encoder", "q(z|x)"), best = () => tint("z", "q*(z)");
  return [
    line(tint("gap", "amortization gap"), " = ELBO(", best(), ") − ELBO(", q(), ") ≥ 0"),
    words(q(), " is what the encoder says of the code of an image; ", best(), " is the Gaussian with independent ",
          "dimensions whose bound is greatest for this one image, found by climbing, without the encoder."),
    line("log p(", tint("input", "x"), ") − ELBO(", q(), ") = [log p(x) − ELBO(", best(), ")] + ",
         tint("gap", "[ELBO(", best(), ") − ELBO(", q(), ")]")),
    words("Approximation gap plus amortization gap. The search stops a little below the top: the gap shown is a lower ",
          "bound of the true one. Cremer, Li and Duvenaud 2018, sections 3 and 5.5, ",
          link("https://arxiv.org/abs/1801.03558", "arXiv 1801.03558"), "."),
    line(tint("encoder", "φ"), " is trained on ", tint("input", "x"), sub("1"), " … ", tint("input", "x"), sub("N"),
         " only; ", tint("decoder", "θ"), " too"),
    words("Where the decoder overfits as well, the best bound of new images falls, too: the blue line. The red area ",
          "beside it is the encoder's part alone."),
  ];
}
