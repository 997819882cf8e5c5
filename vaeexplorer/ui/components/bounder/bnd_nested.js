// The nested bounds: the average of log of K draws' mean, for growing K, from the ELBO up to log p(x).

import { nestedWords } from "./bnd_estimate_words.js";
import { USUAL, boundWord, lookOf, truthOf } from "./bnd_methods.js";
import { el, tint } from "./dom.js";
import { createPanel, formula } from "./panel.js";
import { count } from "./scales.js";
import { XY } from "./xy.js";

const { line, link, sub, words } = formula;
const AROUND = 0.3;             // of the bounds' range, left free below and above

const LINES = () => [
  line("ELBO = L", sub("1"), " ≤ L", sub("2"), " ≤ … ≤ L", sub("K"), " ≤ log p(", tint("input", "x"), "),   L",
       sub("K"), " = E log 1⁄K ∑", sub("k"), " w", sub("k")),
  words("Each further draw tightens the bound; what is missing falls as r⁄2K with the relative variance r of a ",
        "weight. Burda, Grosse and Salakhutdinov 2016, theorem 1, ", link("https://arxiv.org/abs/1509.00519",
        "arXiv 1509.00519"), "."),
];

/** Points [[K, value, low, high], ...] in the page's unit and sign, ± one standard error. */
export function nestedPoints({ nested }, units) {
  return nested.filter(([, value]) => value !== null).map(([k, value, stderr]) => {
    const at = units.number(value), error = Number.isFinite(stderr) && stderr !== null ? units.amount(stderr) : NaN;
    return [k, at, at - error, at + error];
  });
}

/** The part of the vertical axis to show, in nats of log p: the bounds that are drawn and what they aim at. */
export function nestedRange(shown, reference) {
  const values = shown.flatMap(({ nested }) => nested.map(([, value]) => value)).filter((value) => value !== null);
  if (reference) values.push(reference.value);
  if (!values.length) return null;
  const low = Math.min(...values), high = Math.max(...values), room = Math.max(0.08 * (high - low), 0.02);
  return [low - room, high + room];
}

/** Estimators whose bounds start near enough to be drawn together: prior Monte Carlo would flatten all others. */
export function together(found, reference) {
  if (found.length < 2) return found;
  const start = ({ nested }) => reference.value - nested[0][1];
  const least = Math.max(Math.min(...found.map(start)), 0.5);
  return found.filter((one) => start(one) <= (1 / AROUND) * least || one.method === USUAL);
}

/** Returns: { element, show(view), theme(colours), stop() }. */
export function createNested(ctx) {
  const panel = createPanel({ page: "bounds", id: "nested", title: "Nested bounds", lines: LINES() });
  const chart = new XY({ label: "Average bound against the number of draws", testid: "bounds-nested-chart", height: 260,
                         empty: "run an estimator that weighs draws" });
  const keys = el("div", { class: "keys" });
  panel.body.append(chart.element, keys);

  function show({ estimates, best }) {
    const { units } = ctx, found = estimates.filter(({ nested }) => nested?.length > 1);
    if (!found.length) {
      chart.show({ marks: [] });
      keys.replaceChildren();
      panel.say("From one draw (the ELBO) to many: how the bound closes in on log p(x).");
      panel.note("");
      return;
    }
    const reference = truthOf(estimates) ?? best ?? found[0], shown = together(found, reference);
    const ends = nestedRange(shown, reference).map(units.number).sort((a, b) => a - b);
    const own = shown.some(({ method }) => method === reference.method);          // its line says so already
    const level = { type: "level", y: units.number(reference.value), words: own ? null : reference.title,
                    label: own ? null : reference.title, colour: lookOf(reference.method).colour, side: "left" };
    const lines = shown.map((one) => ({ type: "line", points: nestedPoints(one, units), errors: "bars",
                                        colour: lookOf(one.method).colour, label: one.title }));
    chart.show({
      marks: [level, ...lines],
      x: { kind: "log", label: "K, draws in one bound (logarithmic)", text: (value) => `K = ${count(value)}` },
      y: { label: `${units.name()}, ${units.label()}`, low: ends[0], high: ends[1] },
    });
    keys.replaceChildren(...lines.map(({ label, colour }) => (
      el("span", { class: `key is-${colour}` }, el("i", { class: "stroke" }), label))));
    const main = shown.find(({ method }) => method === USUAL) ?? shown[0], hidden = found.length - shown.length;
    panel.say(nestedWords(main, reference, units));
    panel.note(`Each point: ${boundWord(units)} of ${units.name()}, the mean over disjoint blocks of K of `
      + `the n = ${count(main.samples)} draws, ± one standard error (none where one block is left), ${units.label()}.`
      + `${hidden ? " Prior Monte Carlo starts far away and is left out." : ""}`);
    chart.describe(nestedWords(main, reference, units));
  }

  return { element: panel.element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() };
}
