// "The numbers of this step" as a table: every estimate with its error, n, kind and unit, and each dimension's KL.

import { el, setText } from "./dom.js";
import { count, parts, plain } from "./scales.js";

const NAMES = {
  elbo: "ELBO", reconstruction: "reconstruction", kl: "KL",
  subo: "U = −ELBO", surprisal: "S surprisal", gap: "E KL gap",
};
const COLUMNS = ["quantity", "value", "standard error", "unit", "n", "kind", "step"];

export function createNumbers() {
  const body = el("tbody", {}), each = el("p", { class: "words" });
  const heads = el("tr", {}, COLUMNS.map((name) => el("th", { scope: "col" }, name)));
  const element = el("details", { class: "card formulas numbers", ontoggle: () => fill() },
    el("summary", {}, "The numbers of this step"),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, heads), body)), each);
  let figures = null;

  function line(name, estimate) {
    const { value, error } = parts(estimate), { unit, n, over, kind, step } = estimate;
    const cells = [value, error.replace("± ", "") || "unknown", unit || "", `${count(n)} ${over}`, kind, count(step)];
    return el("tr", {}, el("th", { scope: "row" }, NAMES[name]), cells.map((text) => el("td", {}, text)));
  }

  function fill() {
    if (!element.open || !figures) return;
    const { estimates, kl } = figures;
    const known = Object.keys(NAMES).filter((name) => estimates[name]);
    body.replaceChildren(...known.map((name) => line(name, estimates[name])));
    const nats = Array.from(kl ?? [], (v, d) => `z${d + 1} ${plain(Number(v.toPrecision(3)))}`);
    setText(each, kl ? `KL of each dimension, nats: ${nats.join(", ")}.` : "");
  }

  return {
    element,
    /** Figures of the moment that is shown, as the view keeps them; drawn while the table is open. */
    update(next) {
      figures = next;
      fill();
    },
  };
}
