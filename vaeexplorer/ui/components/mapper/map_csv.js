// A selection as a table: columns of everything known, and the text of a CSV file. No DOM.

import { TERMS } from "./map_codes.js";
import { factorValue } from "./map_words.js";

const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "");

/** [{ name, at(i) -> text }]: number, class, factors, step, terms, then every dimension of the mean. */
export function columnsOf(codes) {
  const columns = [{ name: "index", at: (i) => String(i) }];
  if (codes.label) columns.push({ name: "class", at: (i) => codes.labelOf(i) ?? "" });
  for (const factor of codes.factors) {
    columns.push({ name: factor.name, at: (i) => factorValue(factor, factor.index[i]) });
  }
  if (codes.step) columns.push({ name: "step", at: (i) => String(codes.step[i]) });
  for (const key of Object.keys(TERMS)) if (codes[key]) columns.push({ name: key, at: (i) => number(codes[key][i]) });
  for (let d = 0; d < codes.dimensions; d++) {
    columns.push({ name: `z${d + 1}`, at: (i) => number(codes.mean[i * codes.dimensions + d]) });
  }
  return columns;
}

/** One cell: quoted where it must be; a text that a spreadsheet would take for a formula gets an apostrophe. */
export function cell(text) {
  const formula = /^[=+\-@\t]/.test(text) && !Number.isFinite(Number(text));
  const safe = formula ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The CSV text of some points: a line of names, then a line for each. */
export function csvOf(codes, indices) {
  const columns = columnsOf(codes), lines = [columns.map(({ name }) => cell(name)).join(",")];
  for (const i of indices) lines.push(columns.map(({ at }) => cell(at(i))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}
