// The playground's numbers: sliders of q and of the image, the table of terms, the gap and its two parts.

import { rough } from "./bnd_panel_words.js";
import { el, setText, tint } from "./dom.js";
import { keyOf } from "./panel.js";

export const MEAN = [-2, 2], STD = [0.05, 1.5], IMAGE = [-3, 3];       // reach of the sliders
const WHOLE = 2;                // nats of a gap that fill the bar

const SLIDERS = [               // [name, list, place, reach, colour, symbol]
  ["mean of q, dimension 1", "mean", 0, MEAN, "mu", "μ"],
  ["mean of q, dimension 2", "mean", 1, MEAN, "mu", "μ"],
  ["standard deviation of q, dimension 1", "std", 0, STD, "sigma", "σ"],
  ["standard deviation of q, dimension 2", "std", 1, STD, "sigma", "σ"],
  ["number 1 of the image", "x", 0, IMAGE, "input", "x"],
  ["number 2 of the image", "x", 1, IMAGE, "input", "x"],
  ["number 3 of the image", "x", 2, IMAGE, "input", "x"],
];

/** Sliders for the numbers of `wish` { mean, std, x }, which they change.  Returns: { elements, write() }. */
export function createSliders(wish, onchange) {
  const rows = SLIDERS.map(([name, list, place, [min, max], colour, symbol]) => {
    const value = el("output", {}), title = tint(colour, symbol, el("sub", {}, String(place + 1)));
    const input = el("input", { type: "range", min, max, step: "any", "aria-label": name, oninput: () => {
      wish[list][place] = input.valueAsNumber;
      onchange();
    } });
    return {
      element: el("label", { class: `slide is-${colour}` }, el("span", {}, title), input, value),
      write() {
        const now = wish[list][place], text = now.toFixed(2).replace("-", "−");
        if (input.valueAsNumber !== now) input.value = String(now);
        setText(value, text);
        input.setAttribute("aria-valuetext", text);
      },
    };
  });
  return { elements: rows.map(({ element }) => element), write: () => rows.forEach((row) => row.write()) };
}

/** The parts of the gap: [name, nats, colour]. */
export const partsOf = ({ amortization, approximation }) => [
  ["where q stands (amortization)", amortization, "gap"],
  ["what no independent q can follow (approximation)", approximation, "sigma"],
];

/** Rows of the table: [colour, name, value]. */
export function rowsOf(terms, units) {
  const names = units.names(), amount = (nats) => units.amountText(nats), spread = terms.relativeVariance;
  return [
    ["text", names.marginal, units.text(terms.logMarginal)], ["text", names.bound, units.text(terms.elbo)],
    ["decoder", units.turned() ? "−reconstruction" : "reconstruction", units.text(terms.reconstruction)],
    ["encoder", "KL(q ‖ p(z))", amount(terms.kl)], ["gap", names.gap, amount(terms.gap)],
    ["sigma", "approximation", amount(terms.approximation)], ["gap", "amortization", amount(terms.amortization)],
    ["noise", "relative variance of a weight", Number.isFinite(spread) ? rough(spread, 4) : "infinite"],
  ];
}

/** The gap as a bar of two parts, and the table.  Returns: { elements, fill(terms, units) }. */
export function createTerms() {
  const bar = el("div", { class: "gapbar", role: "img" });
  const table = el("table", { class: "terms", "data-testid": "exact-terms" });

  function fillBar(terms, units) {
    const amount = (nats) => units.amountText(nats), parts = partsOf(terms), unit = units.label();
    bar.setAttribute("aria-label", parts.map(([name, nats]) => `${name}: ${amount(nats)} ${unit}`).join("; "));
    const piece = ([, nats, colour]) => (
      el("i", { class: `fill-${colour}`, style: `flex:${Math.max(0, nats).toFixed(6)}` }));
    const key = ([name, nats, colour]) => keyOf({ colour, words: `${name} ${amount(nats)}`, filled: true });
    bar.replaceChildren(
      el("span", { class: "words" }, `${units.names().gap} ${amount(terms.gap)} ${unit} =`),
      el("div", { class: "gapparts", style: `width:${(100 * Math.min(1, terms.gap / WHOLE)).toFixed(2)}%` },
         parts.map(piece)),
      el("span", { class: "keys" }, parts.map(key)));
  }

  return {
    elements: [bar, table],
    fill(terms, units) {
      fillBar(terms, units);
      table.replaceChildren(el("tbody", {}, rowsOf(terms, units).map(([kind, name, value]) => (
        el("tr", {}, el("th", { scope: "row" }, tint(kind, name)), el("td", {}, value))))));
    },
  };
}
