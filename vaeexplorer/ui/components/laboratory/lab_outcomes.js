// The figures that a demonstration ends with, beside what theory says.

import { el } from "./dom.js";

const COLUMNS = ["What it ended with", "here", "kind", "theory", "band", ""];
const KINDS = { unbiased: "sampled" };  // in plain words; the others are plain

/** A number with four digits that say something, a true minus sign and thin spaces for thousands. */
export function digits(value, count = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e6)) {
    const [head, tail] = value.toExponential(2).split("e");
    return `${head}·10${raised(Number(tail))}`.replace("-", "−");
  }
  const places = size === 0 || Number.isInteger(value) ? 0
    : Math.max(0, count - 1 - Math.floor(Math.log10(size)));
  const text = value.toLocaleString("en-US", { maximumFractionDigits: places, useGrouping: size >= 1e4 });
  return text.replace("-", "−");
}

const raised = (power) => [...String(power)].map((one) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[one] ?? "⁻").join("");

const errorOf = ({ stderr, kind }) => (kind === "exact" || !stderr ? "" : ` ± ${digits(stderr, 2)}`);

const mark = (inside) => (inside === null
  ? el("span", { class: "lab-mark none", title: "nothing is promised here" }, "–")
  : el("span", { class: `lab-mark ${inside ? "in" : "out"}`, role: "img",
                 "aria-label": inside ? "inside the band" : "outside the band" }, inside ? "✓" : "✗"));

/** A band, open on one side where its end there is null. */
export function bandWords(band) {
  if (!band) return "–";
  const [low, high] = band;
  if (low === null) return `up to ${digits(high)}`;
  return high === null ? `from ${digits(low)}` : `${digits(low)} to ${digits(high)}`;
}

function row(outcome) {
  const { title, words, theory, band, inside, unit, kind } = outcome;
  return el("tr", { "data-name": outcome.name, "data-inside": String(inside) },
    el("th", { scope: "row" }, el("span", {}, title), words ? el("span", { class: "words" }, words) : null),
    el("td", { "data-label": "here" }, el("strong", {}, digits(outcome.value)), errorOf(outcome),
       unit ? el("span", { class: "unit" }, ` ${unit}`) : null),
    el("td", { "data-label": "kind", class: "kind", title: `${outcome.n} ${outcome.over}` }, KINDS[kind] ?? kind),
    el("td", { "data-label": "theory" }, digits(theory)),
    el("td", { "data-label": "band" }, bandWords(band)),
    el("td", { "data-label": "" }, mark(inside)));
}

/** Returns: { element, show(outcomes) }: a card that is hidden while there is nothing to tell. */
export function createOutcomes() {
  const body = el("tbody", {});
  const head = COLUMNS.map((words) => el("th", { scope: "col" }, words));
  const element = el("section", { class: "card lab-outcomes", "data-testid": "lab-outcomes", hidden: true },
    el("h3", {}, "The figures"),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, head)), body)),
    el("p", { class: "words" }, "✓: the figure lies in the band that theory, or three runs with different seeds, "
      + "promise for the usual settings. ±: one standard error of what was sampled."));
  return {
    element,
    show(outcomes) {
      element.hidden = !outcomes?.length;
      body.replaceChildren(...(outcomes ?? []).map(row));
    },
  };
}
