// "Show the formula" of posterior collapse, in the page's colours, with the sources.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

const { line, link, sub, words } = formula;

/** What opens below the picture. */
export function collapseFormulas() {
  const rate = () => tint("encoder", "KL(q(z|x) ‖ p(z))");
  return [
    line("loss = ", tint("decoder", "E", sub("q"), "[−log p(x|z)]"), " + β · ", rate()),
    words("The distortion (what is lost in the picture) plus the price β times the rate (what the code carries). At price ",
          "1 it is minus the evidence lower bound. Higgins et al. 2017 (β-VAE); Alemi et al. 2018, ",
          link("https://arxiv.org/abs/1711.00464", "arXiv 1711.00464"), "."),
    line("number j is in use ⇔ λ", sub("j"), " > β s²,  and then carries ½ log( λ", sub("j"), " / (β s²) ) nats"),
    words("For linear models, exactly: λ are the variances of the images along their principal directions, s² that of the ",
          "noise of each pixel. Directions below the water line β s² are drowned. Lucas et al. 2019, ",
          link("https://arxiv.org/abs/1911.02469", "arXiv 1911.02469"), "; Cover and Thomas, theorem 10.3.3."),
    line(tint("gap", "gap"), " = KL(q(z|x) ‖ p(z|x)) = 0 if q(z|x) = p(z) and x does not depend on z"),
    words("Collapse is a perfect fit: where the decoder ignores z, the true posterior is the prior, and so is q."),
  ];
}
