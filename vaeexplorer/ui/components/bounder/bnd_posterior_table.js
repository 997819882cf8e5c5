// What is drawn of a posterior, as switches with their numbers; and bits as pairs of bars.

import { LAYERS, stdOf, titlesOf } from "./bnd_posterior_read.js";
import { el, tint } from "./dom.js";
import { keyOf } from "./panel.js";

const minus = (value, digits) => value.toFixed(digits).replace("-", "−");

/** "0.40 ± 0.30": mean and standard deviation, with as many digits as the width asks for. */
export function spreadText(gaussian, i) {
  const std = stdOf(gaussian, i), digits = Math.min(5, Math.max(2, 1 - Math.floor(Math.log10(std || 1))));
  return `${minus(gaussian.mean[i], digits)} ± ${minus(std, digits)}`;
}

export function correlationText({ covariance, std }) {
  if (!covariance) return "0";
  const scale = Math.sqrt(covariance[0][0] * covariance[1][1]);
  return minus(covariance[0][1] / scale + 0, 2).replace("−0.00", "0.00");
}

/** The table. Args: shown, names of LAYERS that are drawn, which it changes; onflip(). Returns: { element, fill }. */
export function createLayers(shown, onflip) {
  const element = el("table", { class: "terms", "aria-label": "What is drawn" });

  function layer(name) {
    const [colour, words, dash] = LAYERS[name];
    const flip = (event) => {
      if (!shown.delete(name)) shown.add(name);
      event.currentTarget.setAttribute("aria-pressed", String(shown.has(name)));
      onflip();
    };
    return el("button", { type: "button", class: "layer", "data-layer": name, onclick: flip,
                          "aria-pressed": String(shown.has(name)) }, keyOf({ colour, words, dash: Boolean(dash),
                                                                          dots: name === "points" }));
  }

  /** Args: found (readPosterior), truth (truthOf). */
  function fill(found, truth) {
    const flat = found.shape === "curve", titles = titlesOf(found).slice(0, flat ? 1 : 2);
    const there = Object.keys(LAYERS).filter((name) => found[name] && !(flat && name === "points"));
    const cell = (text) => el("td", {}, text);
    const row = (head, gaussian) => el("tr", {}, el("th", { scope: "row" }, head),
      titles.map((_, i) => cell(gaussian ? spreadText(gaussian, i) : "")),
      flat ? null : cell(gaussian ? correlationText(gaussian) : ""));
    element.replaceChildren(
      el("thead", {}, el("tr", {}, el("th", {}, "mean ± std"), titles.map((title) => el("th", {}, tint("z", title))),
                         flat ? null : el("th", {}, "correlation"))),
      el("tbody", {}, row(keyOf({ colour: "z", words: "true posterior p(z|x)", filled: true }), truth),
         there.map((name) => row(layer(name), name === "points" ? null : found[name]))));
  }

  return { element, fill };
}

/** Probabilities of the bits of a code, the true ones and q's, as pairs of bars. */
export function bitRows(bits) {
  const bar = (share, kind, words) => el("span", { class: `bitbar is-${kind}`, title: words },
    el("i", { style: `width:${Number((100 * share).toFixed(2))}%` }), el("b", {}, `${(100 * share).toFixed(1)} %`));
  return el("div", { class: "bits", role: "table", "aria-label": "Probability that each bit is on" },
    bits.map(({ posterior, q }, i) => el("div", { class: "bitrow", role: "row" },
      el("span", { class: "is-z", role: "rowheader" }, "z", el("sub", {}, String(i + 1))),
      el("span", { role: "cell" }, bar(posterior, "z", "true posterior"), bar(q, "encoder", "q of the encoder")))));
}

export const bitKeys = () => el("div", { class: "keys" }, keyOf({ colour: "z", words: "true posterior", filled: true }),
                                keyOf({ colour: "encoder", words: "q of the encoder", filled: true }));
