// A selection as a table: columns of everything known, and the text of a CSV file. No DOM.

import { csvText, numberCell } from "./csv.js";
import { TERMS } from "./map_codes.js";
import { factorValue } from "./map_words.js";

/** [{ name, at(i) -> text }]: number, class, factors, step, terms, then every dimension of the mean. */
export function columnsOf(codes) {
  const columns = [{ name: "index", at: (i) => String(i) }];
  if (codes.label) columns.push({ name: "class", at: (i) => codes.labelOf(i) ?? "" });
  for (const factor of codes.factors) {
    columns.push({ name: factor.name, at: (i) => factorValue(factor, factor.index[i]) });
  }
  if (codes.step) columns.push({ name: "step", at: (i) => String(codes.step[i]) });
  for (const key of Object.keys(TERMS)) {
    if (codes[key]) columns.push({ name: key, at: (i) => numberCell(codes[key][i]) });
  }
  for (let d = 0; d < codes.dimensions; d++) {
    columns.push({ name: `z${d + 1}`, at: (i) => numberCell(codes.mean[i * codes.dimensions + d]) });
  }
  return columns;
}

/** The CSV text of some points: a line of names, then a line for each. */
export function csvOf(codes, indices) {
  const columns = columnsOf(codes), rows = Array.from(indices, (i) => columns.map(({ at }) => at(i)));
  return csvText([columns.map(({ name }) => name), ...rows]);
}
