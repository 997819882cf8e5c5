// Two models side by side: which can be, which cannot and why, and the paired difference over all held-out images.

import { el, setText } from "./dom.js";
import { pairedMean } from "./rank.js";
import { count, parts } from "./scales.js";

/** Likelihoods whose values mean the same thing: probabilities of pixels that are 0 or 1. */
const DISCRETE = new Set(["bernoulli"]);

/** Whether the nats of two models can be subtracted; "" or why not. */
export function incomparable(a, b) {
  if (a.likelihood_kind === b.likelihood_kind && a.binarization === b.binarization) return "";
  if (DISCRETE.has(a.likelihood_kind) !== DISCRETE.has(b.likelihood_kind)) {
    return `Their nats cannot be subtracted: ${a.name} (${a.likelihood}) and ${b.name} (${b.likelihood}) weigh pixels `
      + "differently, one by probabilities of black and white, the other by densities of grey values.";
  }
  if (a.binarization === b.binarization) return "";
  return "Their nats cannot be subtracted: they see the pixels made black and white in different ways.";
}

/** "On 10,000 held-out images the second is better by 3.21 ± 0.04 nats." */
export function pairedWords(first, second, terms) {
  const found = pairedMean(terms[1].elbo, terms[0].elbo);
  if (!found) return "";
  const { value, error } = parts({ value: Math.abs(found.value), stderr: found.stderr });
  const [better, worse] = found.value >= 0 ? [second, first] : [first, second];
  const unsure = found.stderr !== null && Math.abs(found.value) < 2 * found.stderr;
  return `Over the same ${count(found.n)} held-out images the ELBO of ${better.name} is higher than that of `
    + `${worse.name} by ${value} ${error} nats per image (unbiased, one draw of q each; ± one standard error of the `
    + `paired mean)${unsure ? ": within two standard errors of none" : ""}.`;
}

/**
 * Args: model; rivals, models that fit; refused [{ name, why }]; onchoose(rival or null).
 * Returns: { element, words(text) }.
 */
export function createCompare({ model, rivals, refused, onchoose }) {
  const select = el("select", { "aria-label": "compare with another model", "data-testid": "compare",
                                onchange: () => choose(select.value) },
    el("option", { value: "" }, rivals.length ? "no other model" : "no other model fits"),
    rivals.map(({ name, words }) => el("option", { value: name }, `${name} (${words})`)));
  select.disabled = !rivals.length;
  const words = el("p", { class: "words", "data-testid": "compare-words" });
  const list = refused.length ? el("details", { class: "about" },
    el("summary", {}, `${refused.length} ${refused.length === 1 ? "model" : "models"} cannot be compared here`),
    el("ul", {}, refused.map(({ name, why }) => el("li", {}, el("b", {}, name), `: ${why}`)))) : null;
  function choose(name) {
    const rival = rivals.find((one) => one.name === name) ?? null;
    setText(words, rival ? incomparable(model, rival) : "");
    onchoose(rival);
  }
  return {
    element: el("div", { class: "compare" }, el("label", { class: "choice" }, "Compare with", select), words, list),
    words: (text) => setText(words, text),
  };
}
