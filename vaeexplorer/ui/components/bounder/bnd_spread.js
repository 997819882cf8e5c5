// How the values of data sets are drawn: which quantities there are, and the marks of their histogram. No DOM.

import { countsIn, edgesFor } from "./bnd_scores.js";

/** Quantity -> { colour; difference: it has no sign of its own; largest: its largest values are the worst }. */
export const QUANTITIES = {
  gap: { colour: "gap", difference: true, largest: true },
  log_marginal: { colour: "text", difference: false, largest: false },
  elbo: { colour: "decoder", difference: false, largest: false },
};

/** What the page calls a quantity with its present sign. */
export function nameOf(quantity, units) {
  const { gap, bound } = units.names();
  return { gap, log_marginal: units.name(), elbo: bound }[quantity];
}

/** nats -> what is written of a quantity. */
export const converterOf = (quantity, units) => (QUANTITIES[quantity].difference ? units.amount : units.number);

/** The values of an answer (of bounds/dataset) as they are drawn, NaN where there is none. */
export function shownValues(answer, quantity, units) {
  const convert = converterOf(quantity, units);
  return answer[quantity].map((value) => (value === null ? NaN : convert(value)));
}

/**
 * The marks of a histogram of one answer or several, for xy.js.
 * Args: sets [{ answer, colour, name }]; several are drawn as shares, so that sets of different sizes can be compared.
 * Returns: { marks, beyond: how many values lie beyond the edges and are counted in the outer bars }.
 */
export function histogramMarks(sets, quantity, units) {
  const values = sets.map(({ answer }) => shownValues(answer, quantity, units)), edges = edgesFor(values);
  if (!edges) return { marks: [], beyond: 0 };
  const found = values.map((one) => countsIn(one, edges)), several = sets.length > 1;
  const bars = sets.map(({ colour, name }, k) => {
    const { counts } = found[k], all = counts.reduce((sum, count) => sum + count, 0) || 1;
    return { type: "histogram", edges, counts: several ? counts.map((count) => (100 * count) / all) : counts, colour,
             label: name };
  });
  const convert = converterOf(quantity, units);
  const middles = sets.flatMap(({ answer, colour, name }, row) => {
    const mean = answer.mean?.[quantity];
    const words = several ? `mean of ${name}` : "mean";
    return mean ? [{ type: "upright", x: convert(mean.value), colour, row, words }] : [];
  });
  return { marks: [...bars, ...middles], beyond: found.reduce((sum, one) => sum + one.beyond, 0) };
}
