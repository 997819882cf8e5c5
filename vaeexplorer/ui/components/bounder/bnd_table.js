// The terms of all chosen images as a table, with their mean: the data set's row.

import { balance, meanOf } from "./bnd_terms.js";
import { estimatorWords } from "./bnd_bar_words.js";
import { el, setText, tint } from "./dom.js";

const COLUMNS = ["elbo", "reconstruction", "kl", "marginal", "gap"];
const AMOUNTS = new Set(["kl", "gap"]);           // of which the sign of the page says nothing

/**
 * Returns: { element, show(method or null, split) }; a method that not all images have gives way to one that they have,
 * and so does the split of the gap, where it is wished for.
 */
export function createTermsTable(ctx) {
  const { state, units, found, images, gaps } = ctx;
  const body = el("tbody", {}), head = el("tr", {}), note = el("p", { class: "words caption" });
  const summary = el("summary", {}, "All chosen images, and their mean");
  const element = el("details", { class: "formulas all-images", "data-testid": "terms-table" }, summary,
    el("div", { class: "scroll" }, el("table", { class: "numbers" }, el("thead", {}, head), body)), note);

  const written = (column, { value, stderr }) => (
    (AMOUNTS.has(column) ? units.amountText : units.text)(value, stderr));

  function heads() {
    const names = units.names();
    return [names.bound, tint("decoder", "reconstruction"), tint("encoder", "KL (rate)"), units.name(),
            tint("gap", names.gap)];
  }

  function show(method, split = false) {
    const terms = state.images.map((key) => images.get(key)).filter(Boolean);
    const common = found.common(terms.map(({ key }) => key)), by = common.includes(method) ? method : common[0] ?? null;
    const parted = split && terms.every(({ key }) => gaps.has(key));
    const sums = terms.map((one) => (
      parted ? balance(one, null, gaps.get(one.key)) : balance(one, by ? found.of(by, one.key) : null)));
    const marginal = sums[0]?.marginal;
    const columns = COLUMNS.filter((column) => sums.every((sum) => sum[column]));
    head.replaceChildren(el("th", {}, "image"), ...heads().slice(0, columns.length).map((name) => (
      el("th", { scope: "col" }, name))));
    const rows = terms.map((one, i) => el("tr", { "aria-current": one.key === state.active ? "true" : null },
      el("th", { scope: "row" }, el("button", { type: "button", class: "text", onclick: () => state.show(one.key) },
                                    one.title)),
      columns.map((column) => el("td", { "data-column": column }, written(column, sums[i][column])))));
    body.replaceChildren(...rows, mean(columns, sums));
    const rests = marginal
      ? ` ${units.name()} and gap by ${estimatorWords(marginal)} (${units.kindWord(marginal.kind)}).` : "";
    setText(note, `${units.label()}; ± one standard error over samples, in the last row over the ${terms.length} `
      + `images. Rate is the KL, distortion the negative of the reconstruction.${rests} The mean of a few images `
      + "says little about the data set: see “A whole data set” below.");
  }

  function mean(columns, sums) {
    return el("tr", { class: "mean", "data-testid": "terms-mean" },
      el("th", { scope: "row" }, `mean of ${sums.length}`),
      columns.map((column) => {
        const found = meanOf(sums.map((sum) => sum[column].value));
        return el("td", { "data-column": column }, found ? written(column, found) : "");
      }));
  }

  return { element, show };
}
