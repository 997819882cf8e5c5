// "Show the formula" of the demonstration of holes, in the page's colours, with the sources.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

const { line, link, sub, words } = formula;

/** What opens below the picture. */
export function holesFormulas() {
  const q = () => tint("encoder", "q(", tint("z", "z"), ")"), each = () => tint("encoder", "q(z|x)");
  const at = () => tint("encoder", "q(z|x", sub("i"), ")");
  return [
    line(q(), " = (1/N) Σ", sub("i"), " ", at()),
    words("The aggregate posterior: where the codes of all N training pictures lie, purple on the maps. The prior p(z) is ",
          "a standard normal: where the darts fall."),
    line("E KL(", each(), " ‖ p) = ", tint("encoder", "I(x; z)"), " + ", tint("gap", "KL(", q(), " ‖ p)")),
    words("The cost of the code: what it tells of the picture, and how far all codes together are from the prior. Each ",
          each(), " is a product over both axes, so that q(z) on a lattice is one matrix product; the sum over the ",
          "lattice is exact to many digits. Hoffman & Johnson 2016, ",
          link("http://approximateinference.org/accepted/HoffmanJohnson2016.pdf", "“ELBO surgery”"), "."),
    line(tint("gap", "hole"), ":  ", q(), " < p(z) / 10"),
    words("The share of lost darts is the prior's probability of all holes."),
    line("loss = E", sub("q"), "[−log p(", tint("input", "x"), "|", tint("z", "z"), ")] + β KL(", each(), " ‖ p)"),
    words("At β = 1 minus the ELBO. A small β hardly asks the codes to keep to the prior; a large one lets them tell ",
          "nothing. Higgins et al. 2017, ", link("https://openreview.net/forum?id=Sy2fzU9gl", "β-VAE"), "."),
  ];
}
