// The picture of "Why not just sample?": three stories, each with its own picture.

import { el, tint } from "./dom.js";
import { createGates } from "./lab_prior_gates.js";
import { createRace } from "./lab_prior_race.js";
import { createVotes } from "./lab_prior_votes.js";
import { formula } from "./panel.js";

const SCENES = { dimensions: createGates, digits: createRace, gradient: createVotes };
const { line, link, sub, words } = formula;
const x = () => tint("input", "x"), z = () => tint("z", "z"), p = () => tint("decoder", "p(x|z)");

const lines = () => [
  line(z(), " ~ N(0, I", sub("k"), "),   ", x(), " | ", z(), " ~ N(z, 0.1 I", sub("k"), "),   ", x(), " = (1, …, 1)"),
  words("Codes of growing length: each number of the code must explain one number of x. Everything is known exactly "
    + "here. A gate is open within 3 standard deviations of what x says about that number, p(z|x). The encoder of this "
    + "story is 10 % too wide, as a real one is never perfect."),
  line("p(", x(), ") = E", sub("p(z)"), "[", p(), "] ≈ (1/K) Σ", sub("k"), " ", tint("decoder", "p(x|z", sub("k"), ")"),
       ",   ", z(), sub("k"), " ~ p(z)"),
  words("The average is right for any number K of draws, but its relative variance, Var p(x|z) / p(x)², grows "
    + "exponentially with the length of the code. About exp(KL(p(z|x) ‖ p(z))) draws are needed: ",
        link("https://arxiv.org/abs/1511.01437", "Chatterjee and Diaconis 2018"), ". Its logarithm is a lower bound."),
  line("p(", x(), ") = E", sub("q(z|x)"), "[", p(), " p(", z(), ") / ", tint("encoder", "q(z|x)"), "]"),
  words("The way out: draw where the encoder's q is, and correct each draw for that by a weight. ",
        link("https://arxiv.org/abs/1509.00519", "Burda, Grosse and Salakhutdinov 2016"), ", equation 8."),
  line("∇ log p(", x(), ") = Σ w", sub("l"), " ∇ log p(", z(), sub("l"), ") / Σ w", sub("l"), ",   w", sub("l"), " = ",
       tint("decoder", "p(x|z", sub("l"), ")"), "      ", tint("gap", "not  Σ ∇ log p(z", sub("l"), ") / Σ w", sub("l"))),
  words("The gradient by the parameters of the prior (text 000 prints the form in red). The weighted one is right up to "
    + "a bias that falls as 1/L; without weights in its numerator the mean of the gradient is 0, whatever the picture."),
  line("∇ ELBO = E", sub("q(z|x)"), "[∇ log p(", z(), ")]"),
  words("With draws of the encoder no ratio is left; equal to the gradient of log p(x) where q is the posterior. ",
        link("https://arxiv.org/abs/1312.6114", "Kingma and Welling 2014"), ", section 2."),
];

/** See the contract of the Lab's pictures; a moment's data has `scene`. */
export function picture(ctx) {
  const element = el("div", { class: "prior", "data-testid": "prior-sampling" });
  const made = {};
  let scene = null, dress = null;

  /** The picture of a story, made when it is first told. */
  const turnTo = (name) => {
    if (name === scene) return;
    scene = name;
    made[name] ??= SCENES[name](ctx);
    element.replaceChildren(made[name].element);
    if (dress) made[name].theme(...dress);
  };
  return {
    element, formula: lines(),
    show(moments, index) {
      const moment = moments[index];
      if (!moment) return;
      turnTo(moment.data.scene);
      made[scene].show(moments, index);
    },
    theme(...given) {
      dress = given;
      if (scene) made[scene].theme(...given);
    },
    stop() {
      for (const one of Object.values(made)) one.stop();
    },
  };
}
