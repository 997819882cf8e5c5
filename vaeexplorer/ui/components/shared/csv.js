// Tables as files: the text of a CSV file, and saving it.

import { download } from "./share.js";

/** One cell: quoted where it must be; a text that a spreadsheet would take for a formula gets an apostrophe. */
export function cell(text) {
  const formula = /^[=+\-@\t]/.test(text) && !Number.isFinite(Number(text));
  const safe = formula ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A number as a cell's text with seven significant digits, or nothing where it is not finite. */
export const numberCell = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "");

/** The text of rows of cells, the first of them the names of the columns. */
export const csvText = (rows) => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

/** Give a text to the visitor as a file. */
export function saveText(text, name, type = "text/csv") {
  download(new Blob([text], { type }), name);
}
