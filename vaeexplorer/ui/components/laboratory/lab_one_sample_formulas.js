// "Show the formula" of the runners in the fog, in the page's colours, with the sources.

import { tint } from "./dom.js";
import { formula } from "./panel.js";

const { line, link, sub, words } = formula;

/** What opens below the picture. */
export function oneSampleFormulas() {
  const z = () => tint("z", "z"), f = () => ["f(", z(), ")"], noise = () => tint("noise", "ε");
  const score = () => ["∇", sub("φ"), " log ", tint("encoder", "q"), "(", z(), ")"];
  return [
    line("∇", sub("φ"), " E", sub("q"), "[", ...f(), "],   f = log p(", tint("input", "x"), "|", z(), ")"),
    words("What every runner asks for. The gradient of the KL is known exactly and added to each guess."),
    line("the trick:  ", z(), " = ", tint("mu", "μ"), " + ", tint("sigma", "σ"), " ", noise(), ",   ∇", sub("φ"), " f(",
         tint("mu", "μ"), " + ", tint("sigma", "σ"), " ", noise(), ")"),
    words("The reparametrization trick: the dice ", noise(), " no longer depend on φ, so that one can follow the slope of f ",
          "along the way that z moves. Kingma & Welling 2014, section 2.4, ",
          link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"), "."),
    line("score function:  (", ...f(), " − C) ", ...score()),
    words("Unbiased for every C that does not know this z, for E", sub("q"), " ", ...score(), " = 0. C = 0: the bare score. ",
          "C = the usual value of f. C = f at the other draw: leave one out. A constant in f of some −25 nats is multiplied ",
          "by a random direction: nothing on average, and a large scatter. Williams 1992; Kool et al. 2019, ",
          link("https://openreview.net/forum?id=r1lgTGL5DE", "“Buy 4 REINFORCE samples, get a baseline for free!”"), "."),
    line("scatter = trace Var(guess);   of S draws: 1/S of one draw's"),
    words("The angle is between one guess and the true gradient, among all weights of the encoder, for one batch of 64 ",
          "pictures; all guesses of one angle form a cone, which the arrows show from the side. All are measured at the same model, the first runner's."),
  ];
}
