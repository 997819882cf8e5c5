// What a hand can change on the playground: sliders with exact numbers, the function, the baseline, examples.

import { el, setText, tint } from "./dom.js";
import { FUNCTIONS } from "./grd_functions.js";

export const SAMPLES = [1, 2, 3, 5, 10, 20, 50, 100];
const DIGITS = 4;               // of a slider's number: "best C" and the like are not round

/** Sliders that are always there: [name, symbol, title, colour, low, high]. */
const ALWAYS = [
  ["mu", "μ", "μ, the middle of q", "mu", -3, 3],
  ["sigma", "σ", "σ, the width of q", "sigma", 0.1, 2],
  ["c", "c", "c, a constant added to f", "decoder", -100, 100],
  ["baseline", "C", "C, the baseline of the score function", "text", -120, 120],
];

/** What the playground begins with, and what the examples change of it. */
export const START = { kind: "quadratic", values: { ...FUNCTIONS.quadratic.start }, c: 0, mu: 0.3, sigma: 0.5,
                       by: "mu", samples: 1, mode: "constant", baseline: 0, seed: 1, scale: "same" };

/** [id, words, title, what it changes]: each begins from START. */
export const EXAMPLES = [
  ["start", "A hill", "The beginning: both ways work", {}],
  ["ruined", "A constant of −80 ruins it", "log-likelihoods are about −80 nats everywhere: f is the same hill, lower",
   { c: -80 }],
  ["saved", "The baseline saves it", "the mean of f is taken off first", { c: -80, mode: "mean" }],
  ["others", "So do the other draws", "leave-one-out: each draw is compared with the mean of the others",
   { c: -80, mode: "others", samples: 5 }],
  ["wave", "Where the score function wins", "cos(w z) with w σ > 1: the slopes swing faster than q is wide",
   { kind: "wave", values: { w: 4 }, mu: 0.4, sigma: 0.5 }],
  ["step", "A step: pathwise returns 0", "f jumps and is flat everywhere else",
   { kind: "step", values: { t: 0.5 }, mu: 0.2, sigma: 0.6 }],
  ["peaks", "Two peaks", "a log-density with two peaks, as posteriors may have",
   { kind: "peaks", values: { d: 1.6 }, mu: 0.2, sigma: 0.6, mode: "mean" }],
];

/**
 * A slider with its number.  Args: symbol, title, colour; low, high; read() -> the value; write(value); values, the
 * steps of a slider that has only some; idle() whether it does nothing now.   Returns: { element, show() }.
 */
export function knob({ symbol, title, colour, low, high, values = null, read, write, idle = () => false }) {
  const range = el("input", { type: "range", min: values ? 0 : low, max: values ? values.length - 1 : high,
                              step: values ? 1 : (high - low) / 400, "aria-label": title });
  const number = el("input", { type: "number", step: "any", "aria-label": `${title}, exactly`,
                               readOnly: values !== null, tabIndex: values ? -1 : 0 });
  const clamp = (value) => Math.min(high, Math.max(low, value));
  range.addEventListener("input", () => write(values ? values[range.valueAsNumber] : range.valueAsNumber));
  number.addEventListener("change", () => {
    if (!values && Number.isFinite(number.valueAsNumber)) write(clamp(number.valueAsNumber));
    else show();
  });
  function show() {
    const value = read(), text = String(Number(value.toPrecision(DIGITS)));
    range.value = String(values ? values.indexOf(value) : value);
    range.setAttribute("aria-valuetext", text);
    if (number.value !== text) number.value = text;
    range.disabled = number.disabled = idle();
  }
  return { element: el("label", { class: `knob is-${colour}`, title }, el("span", {}, tint(colour, symbol)), range,
                       number), show };
}

/** All sliders of `keep`, those of its function first.  Returns: { element, show() }. */
export function createKnobs(keep, onchange) {
  const element = el("div", { class: "knobs" });
  let kind = null, knobs = [];
  const set = (name) => (value) => onchange(name === "baseline" ? { baseline: value, mode: "constant" }
    : { [name]: value });

  function build() {
    kind = keep.kind;
    const own = FUNCTIONS[kind].sliders.map(({ name, words, title, low, high }) => knob({
      symbol: words, title, colour: "decoder", low, high, read: () => keep.values[name],
      write: (value) => onchange({ values: { ...keep.values, [name]: value } }) }));
    const always = ALWAYS.map(([name, symbol, title, colour, low, high]) => knob({
      symbol, title, colour, low, high, read: () => keep[name], write: set(name),
      idle: () => name === "baseline" && keep.mode === "others" }));
    const draws = knob({ symbol: "S", title: "S, draws behind one estimate", colour: "z", low: SAMPLES[0],
                         high: SAMPLES.at(-1), values: SAMPLES, read: () => keep.samples, write: set("samples") });
    knobs = [...always.slice(0, 2), ...own, ...always.slice(2), draws];
    element.replaceChildren(...knobs.map((one) => one.element));
  }

  return {
    element,
    show() {
      if (kind !== keep.kind) build();
      for (const one of knobs) one.show();
    },
  };
}

/** Buttons of the examples.  Returns: { element, mark(id or null) }. */
export function createExamples(onchoose) {
  const buttons = EXAMPLES.map(([id, words, title]) => el("button", {
    type: "button", class: "layer", title, "data-example": id, onclick: () => onchoose(id) }, words));
  return {
    element: el("div", { class: "line examples", role: "group", "aria-label": "examples" }, buttons),
    mark: (id) => buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.example === id))),
  };
}

/** One way's numbers and filled formula.  Returns: { element, fill(rows, formula) }; rows [[name, value], ...]. */
export function createNumbers(testid) {
  const table = el("table", { class: "terms", "data-testid": testid }), letters = el("p", { class: "formula" });
  const numbers = el("p", { class: "formula numbers" });
  return {
    element: el("div", { class: "way-numbers" }, table, letters, numbers),
    fill(rows, { letters: formula, numbers: filled, value }) {
      table.replaceChildren(el("tbody", {}, rows.map(([name, text]) => (
        el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text))))));
      setText(letters, `Var = ${formula}`);
      setText(numbers, `= ${filled} = ${value}`);
    },
  };
}
