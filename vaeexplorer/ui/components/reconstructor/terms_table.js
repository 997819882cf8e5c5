// The terms of one image's bound as a table: value with its error, the change since the clean image, the other model.

import { el, figure, tint } from "./dom.js";
import { change } from "./findings.js";
import { parts } from "./scales.js";

const ROWS = [
  ["elbo", () => [el("b", {}, "ELBO")], "higher is better"],
  ["reconstruction", () => [tint("decoder", "reconstruction")], "E_q[log p(x|z)], higher is better"],
  ["kl", () => [tint("encoder", "KL")], "KL(q(z|x) ‖ p(z)), what the code takes"],
];

/** "−92.1 ± 0.4"; an exact number has no error and is written with two digits behind the point. */
export function withError(estimate) {
  const { value, error } = parts(estimate);
  if (error) return `${value} ${error}`;
  return Number.isFinite(estimate.value) && Math.abs(estimate.value) < 1e5 ? figure(estimate.value) : value;
}

const signed = (text) => (text.startsWith("−") ? text : `+${text}`);

/** "lower bound of log p(x), 64 samples of q". */
function provenance(key, { kind, n, over, stderr }) {
  const of = key === "elbo" && kind === "lower bound" ? "lower bound of log p(x)" : kind;
  return stderr > 0 ? `${of}, n = ${n} ${over}` : of;
}

function cell(now, clean, key, damaged) {
  const moved = damaged ? change(now[key], clean[key]) : null;
  return el("td", { "data-testid": `term-${key}` }, el("span", { class: "value" }, withError(now[key])),
            moved ? el("span", { class: key !== "kl" && moved.value < 0 ? "moved worse" : "moved" },
                       `${signed(withError(moved))} from the clean image`) : null);
}

/**
 * Rows for ELBO, reconstruction and KL, a column for each model.
 * Args: columns [{ name, now, clean }] with findings; damaged, whether `now` is another image than `clean`;
 *   comparable, whether the two models' nats mean the same.
 */
export function termsTable(columns, damaged, comparable = true) {
  const two = columns.length > 1 && comparable;
  const heads = el("tr", {}, el("th", {}, "nats"), columns.map(({ name }) => el("th", { scope: "col" }, name)),
                   two ? el("th", { scope: "col" }, "second − first") : null);
  const rows = ROWS.map(([key, title, tip]) => el("tr", {},
    el("th", { scope: "row", title: tip }, ...title()),
    columns.map(({ now, clean }) => cell(now, clean, key, damaged)),
    two ? el("td", {}, el("span", { class: "value" }, signed(withError(change(columns[1].now[key],
                                                                             columns[0].now[key]))))) : null));
  return el("table", { class: "terms" }, el("thead", {}, heads), el("tbody", {}, rows));
}

/** Where the numbers of an image come from. Args: a finding; damaged, whether changes are shown; two, two models. */
export function termsWords({ elbo, reconstruction, kl }, damaged, two) {
  return `ELBO: ${provenance("elbo", elbo)}; reconstruction: ${provenance("reconstruction", reconstruction)}; KL: `
    + `${provenance("kl", kl)}. ± is one standard error, nats.`
    + (damaged || two ? " Errors of differences add in squares." : "")
    + (damaged ? " The clean and the damaged image share their draws, so the change is mostly surer than that." : "");
}

/** What the ELBO is made of, as one bar; a reconstruction term above 0 (a density) has no such bar. */
export function termsBar({ reconstruction, kl }) {
  if (reconstruction.value > 0) return null;
  const cost = -reconstruction.value, sum = cost + kl.value || 1, share = (v) => `flex-grow:${Math.max(0.02, v / sum)}`;
  return el("div", { class: "split", role: "img", "aria-label": `reconstruction ${withError(reconstruction)}, `
                     + `KL ${withError(kl)}` },
            el("i", { class: "of-decoder", style: share(cost) }),
            el("i", { class: "of-encoder", style: share(kl.value) }));
}
