// The picture of the first tour: five steps, each with the model alive beside its words.

import { address, ask } from "./ask.js";
import { createDecoder } from "./decoder.js";
import { el, tint } from "./dom.js";
import { gate } from "./lab_tour_gate.js";
import { pixelsOf } from "./lab_tour_numbers.js";
import { createPicture } from "./lab_tour_parts.js";
import { gap, price } from "./lab_tour_prices.js";
import { noise, place } from "./lab_tour_steps.js";
import { createAfter, createWords } from "./lab_tour_words.js";
import { formula } from "./panel.js";

const STEPS = [null, gate, place, noise, price, gap];
const { line, link, sub, words } = formula;
const z = () => tint("z", "z"), x = () => tint("input", "x"), q = () => tint("encoder", "q(z|x)");
const mu = () => tint("mu", "μ"), sigma = () => tint("sigma", "σ");

const lines = () => [
  line(z(), " = ", mu(), " + ", sigma(), " · ", tint("noise", "ε"), ",   ", tint("noise", "ε"), " ~ N(0, I),",
       "   so that ", z(), " ~ ", q(), " = N(", mu(), ", ", sigma(), tint("sigma", formula.sup("2")), ")"),
  line(tint("encoder", "KL(q(z|x) ‖ p(z))"), " = ½ Σ", sub("j"), " (", mu(), sub("j"), "² + ", sigma(),
       sub("j"), "² − 1) − Σ", sub("j"), " log ", sigma(), sub("j")),
  line("log p(", x(), ") = ", tint("decoder", "E", sub("q"), "[log p(x|z)]"), " − ",
       tint("encoder", "KL(q(z|x) ‖ p(z))"), " + ", tint("gap", "KL(q(z|x) ‖ p(z|x))")),
  words("The first two terms on the right are the ELBO, the last one is the gap, which is never negative. ",
        link("https://arxiv.org/abs/1312.6114", "Kingma and Welling 2014"), ", equations 1 to 4 and 10."),
];

/** See the contract of the Lab's pictures; a moment's data has `step`, 0 for the opening. */
export function picture(ctx) {
  const told = createWords(), after = createAfter(ctx.root);
  const stage = el("div", { class: "tour-place", "data-testid": "tour-stage" });
  const fault = el("p", { class: "error", role: "alert", hidden: true });
  const element = el("div", { class: "tour", "data-testid": "first-tour" }, told.element, fault, stage, after.element);
  let decoder = null, model = null, wanted = null, shown = "", step = null, dress = null, gone = false;

  const fail = (error) => {
    fault.hidden = false;
    fault.textContent = error.message;
  };
  /** The decoder of a model; fetched once. */
  const fetched = async (name) => {
    if (model === name) return;
    model = name;
    try {
      const answer = await ask(address(ctx.root, "decoder", { model: name }), "The model", { signal: ctx.signal });
      decoder = createDecoder(await answer.arrayBuffer());
    } catch (error) {
      model = null;
      if (!gone && !ctx.signal.aborted) fail(error);
    }
    if (!gone && wanted) arrange(wanted);
  };
  const brainOf = (data, values) => ({
    root: ctx.root, model: data.model, shape: decoder.shape, decode: decoder.decode, signal: ctx.signal, fail,
    original() {
      const made = createPicture(decoder.shape, { label: "the picture that went in", kind: "input" });
      made.show(values);
      return made;
    },
  });

  /** Set up a step, unless it stands already. */
  const arrange = (data) => {
    wanted = data;
    const key = `${data.step} ${data.pixels ?? ""} ${data.rolls?.[0] ?? ""} ${decoder !== null}`;
    if (key === shown) return;
    shown = key;
    const before = step;
    step?.rest();
    step = null;
    fault.hidden = true;
    told.show(data);
    after.show(data);
    const values = pixelsOf(data.pixels ?? ""), create = STEPS[data.step];
    if (!decoder || !create) {
      stage.replaceChildren();
      fetched(data.model);
      return;
    }
    step = create(brainOf(data, values));
    stage.replaceChildren(step.element);
    if (dress) step.theme(...dress);
    step.show({ ...data, values });
    if (before && element.getBoundingClientRect().top < 0) element.scrollIntoView({ block: "start" });
  };

  return {
    element, formula: lines(),
    show(moments, index) {
      const moment = moments[index];
      if (moment) arrange(moment.data);
    },
    theme(...given) {
      dress = given;
      step?.theme(...given);
    },
    stop() {
      gone = true;
      step?.rest();
    },
  };
}
