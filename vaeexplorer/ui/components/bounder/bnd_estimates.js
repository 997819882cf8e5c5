// The table of estimators: value, gap, error, time and warnings of each, with its settings and Run.

import { createRow, quiet } from "./bnd_estimate_row.js";
import { written } from "./bnd_methods.js";
import { el, setText } from "./dom.js";
import { count } from "./scales.js";

const HEADS = ["estimator", "", "", "rests on", "time", "warnings", "samples"];

const refusedRow = ({ name, title, problem }) => (
  el("tr", { class: "refused", "data-method": name, "data-testid": `estimator-${name}` },
     el("th", { scope: "row" }, el("span", { class: "method" }, "○ "), title),
     el("td", { class: "reason", colSpan: HEADS.length - 1 }, `does not apply: ${problem}`)));

/** The row of the ELBO, which the others are measured against. */
function boundRow() {
  const cells = [el("td", { class: "cell-1" }), el("td", { class: "cell-2" }), el("td", { class: "cell-3" }),
                 el("td", { colSpan: 3 })];
  const name = el("th", { scope: "row" });
  const element = el("tr", { class: "bound", "data-testid": "estimator-elbo" }, name, cells);
  return {
    element,
    show(elbo, units) {
      name.replaceChildren(el("span", { class: "method" }, "┄ "), units.names().bound);
      element.hidden = !elbo;
      if (!elbo) return;
      cells[0].replaceChildren(el("b", { class: "value" }, units.text(elbo.value, elbo.stderr)),
                               quiet(units.kindWord("lower bound")));
      cells[1].replaceChildren("0");
      cells[2].replaceChildren(`${count(elbo.n)} ${elbo.over}`);
    },
  };
}

/** Rows of what the means over all images are: "IWAE −90.1 ± 0.8; ..." or "". */
export function meansWords(methods, mean, units, many) {
  const found = methods.map(({ name }) => mean(name)).filter((one) => one && !one.running && one.mean);
  if (many < 2 || !found.length) return "";
  const all = found.map(({ title, mean: one }) => `${title} ${written(one, units)}`);
  return `Mean over these ${many} images (± from their draws): ${all.join("; ")} ${units.label()}.`;
}

/** What the badges mean: one line for each kind of warning and who carries it. */
export function warningLines(estimates) {
  const lines = new Map();
  for (const { title, warnings = [], running } of estimates) {
    for (const { code, text } of warnings) {
      if (running && code === "partial") continue;
      const known = lines.get(code) ?? { text, titles: [] };
      known.titles.push(title);
      lines.set(code, known);
    }
  }
  return [...lines.values()].map(({ text, titles }) => `! ${titles.join(", ")}: ${text}.`);
}

/**
 * The table. Args: methods (of bounds/about); actions { run(method, samples, options), cancel(name) }; asked, an object
 *   that keeps what was written into the fields: method -> { samples, options }.
 * Returns: { element, rows (of estimators that apply), show(view) }.
 */
export function createEstimates(methods, actions, asked) {
  const rows = methods.filter(({ problem }) => !problem)
    .map((method) => createRow(method, actions, asked[method.name] ??= {}));
  const bound = boundRow(), heads = HEADS.map((head) => el("th", { scope: "col" }, head));
  const body = el("tbody", {}, bound.element, rows.map(({ element }) => element),
                  methods.filter(({ problem }) => problem).map(refusedRow));
  const notes = el("div", { class: "warning-lines", "data-testid": "warning-lines" });
  const means = el("p", { class: "words", "data-testid": "bounds-means" });
  const table = el("table", { class: "estimates", "aria-label": "Estimators of log p(x)" },
                   el("thead", {}, el("tr", {}, heads)), body);
  return {
    element: el("div", { class: "scroll" }, table, notes, means), rows,
    /** Args: view { elbo, estimateOf(method), state(method), count, mean(method) }, units. */
    show({ elbo, estimateOf, state, count: many, mean }, units) {
      setText(heads[1], `${units.name()}, ${units.label()}`);
      setText(heads[2], units.names().gap);
      bound.show(elbo, units);
      const found = [];
      for (const row of rows) {
        const estimate = estimateOf(row.method.name);
        if (estimate) found.push(estimate);
        row.show({ estimate, elbo, units, state: state(row.method.name), count: many });
      }
      const lines = warningLines(found);
      notes.replaceChildren(...lines.map((text) => el("p", { class: "words" }, text)));
      setText(means, meansWords(methods, mean, units, many));
    },
  };
}
