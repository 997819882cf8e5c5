// The rows of the table of estimators: a bar on a logarithmic scale, the numbers beside it, badges, who does not apply.

import { el, tint } from "./dom.js";
import { inkOf } from "./grd_looks.js";
import { barRange, onBar, sorted, varianceOf } from "./grd_numbers.js";
import { boundOf, rough } from "./grd_words.js";
import { count, duration, plain } from "./scales.js";
import { sentence } from "./words.js";

export const COLUMNS = [
  { id: "title", words: "estimator" },
  { id: "variance", words: "variance" },
  { id: "snr", words: "signal ⁄ noise",
    title: "length of the mean gradient over the spread of one estimate; more is better" },
  { id: "cosine", words: "direction", title: "cosine of one estimate to the exact gradient, on average" },
  { id: "bias", words: "bias", title: "largest |z| of any component, and the limit that chance stays below" },
  { id: "cost", words: "cost" },
];

const quiet = (...text) => el("span", { class: "small-words" }, ...text);
const known = (value) => Number.isFinite(value ?? NaN);

/** Seconds as people say them: "12 ms", "2.5 s", "3 min". */
export function clock(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 0.1) return `${rough(1000 * seconds)} ms`;
  return seconds < 10 ? `${plain(Number(seconds.toPrecision(2)))} s` : duration(seconds);
}

/** The least variance among those that estimate the same gradient without bias. */
function leastOf(row, rows, view) {
  const values = rows.filter((other) => boundOf(other) === boundOf(row) && other.unbiased)
    .map((other) => varianceOf(other, view.part, view.price)?.value).filter((value) => known(value) && value > 0);
  return values.length ? Math.min(...values) : null;
}

function ratioWords(row, rows, view) {
  const least = leastOf(row, rows, view), mine = varianceOf(row, view.part, view.price)?.value;
  return least && mine > 0 ? `${rough(mine / least)} ×` : "";
}

/** A bar from the left edge of the scale, with its interval as a whisker. */
function barOf(found, range, ink) {
  const at = (value) => `${(100 * onBar(value, range)).toFixed(2)}%`;
  const wide = 100 * (onBar(found.high, range) - onBar(found.low, range));
  return el("span", { class: "grd-bar", "aria-hidden": "true" },
    el("i", { style: `width:${at(found.value)};background:${ink}` }),
    known(found.low) && known(found.high)
      ? el("b", { style: `left:${at(found.low)};width:${wide.toFixed(2)}%` }) : null);
}

function varianceCell(row, rows, view, range) {
  const found = varianceOf(row, view.part, view.price);
  if (!found) return el("td", { class: "grd-variance", "data-head": "variance" }, "–");
  const interval = known(found.low) && known(found.high) ? `${rough(found.low)} to ${rough(found.high)}` : "";
  return el("td", { class: "grd-variance", "data-head": "variance" },
    range ? barOf(found, range, inkOf(row.estimator, view.theme)) : null,
    el("span", { class: "grd-figures" }, el("b", {}, rough(found.value, 3)), quiet(interval),
       el("span", { class: "grd-ratio", title: "times the least variance of an unbiased estimator of the same" },
          ratioWords(row, rows, view))));
}

/** Doubts about a row, none while it is being measured. */
const warningsOf = ({ warnings = [], measuring }) => (measuring ? [] : warnings);

function badgesOf(row) {
  const theory = row.unbiased ? el("span", { class: "grd-badge good", title: "right on average, by its derivation" },
                                   "unbiased")
    : el("span", { class: "grd-badge bad", title: "wrong on average, by its derivation" }, "biased");
  const other = boundOf(row) === "iwae"
    ? el("span", { class: "grd-badge", title: "the gradient of the bound of K samples" }, "bound of K") : null;
  const texts = warningsOf(row), several = texts.length > 1 ? ` ${texts.length}` : "", all = texts.join("; ");
  const doubts = texts.length
    ? el("span", { class: "grd-badge doubt", title: all, role: "img", "aria-label": `warning: ${all}` }, `!${several}`)
    : null;
  const now = row.measuring ? el("span", { class: "grd-badge" }, `${count(row.replicates)} so far`) : null;
  return el("span", { class: "grd-badges" }, theory, other, now, doubts);
}

function biasCell({ bias, unbiased }) {
  const cell = (...parts) => el("td", { "data-head": "bias" }, ...parts);
  if (!bias || !known(bias.largest_z)) return cell("–");
  const z = `|z| ${rough(Math.abs(bias.largest_z))}`, limit = quiet(` limit ${rough(bias.limit, 3)}`);
  if (!bias.biased) return cell("none seen", el("br"), quiet(`${z},`), limit);
  const badge = el("span", { class: `grd-badge ${unbiased ? "doubt" : "bad"}` }, unbiased ? "! off" : "seen");
  return cell(badge, el("br"), quiet(`${z},`), limit);
}

function signalCell({ snr }) {
  const interval = known(snr?.low) && known(snr?.high) ? quiet(`${rough(snr.low)} to ${rough(snr.high)}`) : null;
  return el("td", { "data-head": "signal ⁄ noise" }, known(snr?.value) ? rough(snr.value, 3) : "–",
            interval ? el("br") : null, interval);
}

const cosineCell = ({ cosine_of_one: one }) => (
  el("td", { "data-head": "direction" }, known(one) ? one.toFixed(3).replace("-", "−") : "–"));

const costCell = ({ evaluations, seconds }) => (
  el("td", { "data-head": "cost" }, known(evaluations) ? `${plain(evaluations)} evaluations` : "–", el("br"),
     quiet(`${clock(seconds)} for all`)));

function imagesCell({ minibatch }) {
  const all = minibatch ? minibatch.sampling + minibatch.images : NaN;
  return el("td", { "data-head": "from the images" }, all > 0 ? `${rough((100 * minibatch.images) / all)} %` : "–");
}

/** What an estimator does, and its paper. */
function hintOf({ estimator }, { about }) {
  const found = about?.estimators.find(({ name }) => name === estimator);
  return found ? `${sentence(found.words)} ${found.source}` : null;
}

function rowOf(row, rows, view, range, several) {
  return el("tr", { "data-estimator": row.estimator, "data-testid": `gradient-${row.estimator}` },
    el("th", { scope: "row" }, el("i", { class: "grd-dot", style: `background:${inkOf(row.estimator, view.theme)}` }),
       el("span", { class: "grd-name", title: hintOf(row, view) }, row.title), badgesOf(row)),
    varianceCell(row, rows, view, range), signalCell(row), cosineCell(row), biasCell(row), costCell(row),
    several ? imagesCell(row) : null);
}

/**
 * The table.  Args: onsort(column).
 * Returns: { element, show(answer, view, sort) } with view { part, price, theme, head, about }, sort { column, down }.
 */
export function createRows(onsort) {
  const buttons = COLUMNS.map(({ id, words, title }) => (
    el("button", { type: "button", class: "grd-sort", "data-column": id, title: title ?? null,
                   onclick: () => onsort(id) }, words)));
  const heads = COLUMNS.map((_, i) => el("th", { scope: "col" }, buttons[i]));
  const more = el("th", { scope: "col", title: "of the variance of one random image's estimate: what images differ" },
                  "from the images");
  const body = el("tbody", {}), head = el("tr", {}, heads, more);
  const table = el("table", { class: "grd-rows", "aria-label": "Estimators of the gradient" },
                   el("thead", {}, head), body);
  const doubts = el("div", { class: "grd-doubts" });

  function show(answer, view, sort) {
    const rows = answer?.rows ?? [], several = rows.some(({ minibatch }) => minibatch);
    const range = barRange(rows.map((row) => varianceOf(row, view.part, view.price)));
    COLUMNS.forEach(({ id }, i) => {
      const now = sort.column === id;
      heads[i].setAttribute("aria-sort", now ? (sort.down ? "descending" : "ascending") : "none");
    });
    buttons[1].textContent = view.head;
    more.hidden = !several;
    table.hidden = !rows.length;
    body.replaceChildren(...sorted(rows, sort, view).map((row) => rowOf(row, rows, view, range, several)));
    doubts.replaceChildren(...doubtLines(rows).map((text) => el("p", { class: "words" }, tint("gap", "! "), text)));
  }

  return { element: el("div", { class: "scroll" }, table, doubts), show };
}

/**
 * What the warnings say: one line for each, with those that it concerns: "pathwise; DReG: too few replicates", with
 * semicolons, as titles have commas; one that begins with a number has it beside each of them: "pathwise: 8; DReG: 13
 * of q's parameters ...". What is said of all rows names none.
 */
export function doubtLines(rows) {
  const lines = new Map();
  for (const row of rows) {
    for (const text of warningsOf(row)) {
      const [, number = "", rest] = text.match(/^(\d+ )?(.*)$/s);
      lines.set(rest, [...(lines.get(rest) ?? []), { title: row.title, number: number.trim() }]);
    }
  }
  return [...lines].map(([rest, said]) => {
    const [{ number }] = said, everyone = said.length === rows.length && said.every((one) => one.number === number);
    if (everyone && rows.length > 1) return `all of them: ${number ? `${number} ` : ""}${rest}`;
    const who = said.map((one) => (one.number ? `${one.title}: ${one.number}` : one.title)).join("; ");
    return `${who}${number ? " " : ": "}${rest}`;
  });
}

/** Who does not apply, folded away.  Args: entries [{ title, why }]. */
export const refusedList = (entries) => (entries.length ? el("details", { class: "grd-refused" },
  el("summary", {}, `${count(entries.length)} ${entries.length === 1 ? "does" : "do"} not apply here`),
  el("ul", {}, entries.map(({ title, why }) => el("li", {}, el("b", {}, title), ` – ${why}`)))) : el("span", {}));
