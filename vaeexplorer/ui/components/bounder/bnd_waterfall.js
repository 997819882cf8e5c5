// The picture of one bound: rows of bars on a common scale, from the reconstruction to log p(x). Rows are elements, so
// that they can be read aloud, copied and laid out by the browser; only places are computed here.

import { el, tint } from "./dom.js";
import { tickText, ticks } from "./scales.js";

const SURE = 1.96;              // standard errors of the whiskers: 95 %
const SHARE = 0.6;              // of the figure's width for its scale, at least
const ROOM = 0.08, ROOM_TO_ZERO = 0.14;           // of the scale, beside what it has to hold
const TICK = 62;                // CSS pixels between two of the scale's numbers

const PARTS = {
  amortization: ["amortization", "the encoder is not the best diagonal q for this image"],
  covariance: ["approximation by a diagonal", "what a full covariance would gain"],
  shape: ["approximation by a Gaussian", "what no Gaussian can gain"],
  family: ["approximation", "what no q of this family can gain"],
};

/**
 * Bars of a balance (bnd_terms.js) as numbers of the page.
 * Returns: rows [{ id, name, colour, from, to, at (where its value stands), error, estimate, parts }]; from or to 0 is
 *   the zero of the scale, which may lie outside of the picture.
 */
export function rowsOf({ elbo, reconstruction, kl, marginal, gap, parts }, units) {
  const turned = units.turned(), n = (value) => units.number(value);
  const error = ({ stderr }) => (stderr > 0 ? SURE * units.amount(stderr) : 0);
  const R = reconstruction.value, E = elbo.value;
  const rows = [
    { id: "reconstruction", name: turned ? "distortion" : "reconstruction", colour: "decoder", from: 0,
      to: n(R), error: error(reconstruction), estimate: reconstruction, signed: true },
    { id: "kl", name: turned ? "+ KL (rate)" : "− KL", colour: "encoder", from: n(R), to: n(R - kl.value), error: 0,
      estimate: kl },
    { id: "elbo", name: turned ? "= U" : "= ELBO", colour: "text", from: 0, to: n(E), error: error(elbo),
      estimate: elbo, signed: true },
  ];
  if (!marginal) return rows;
  let at = E;
  const pieces = parts?.map(({ id, value, stderr }) => {
    const from = n(at);
    at += value;
    return { id, name: PARTS[id][0], tip: PARTS[id][1], from, to: n(at), value, stderr };
  });
  return [
    ...rows,
    { id: "gap", name: turned ? "− gap" : "+ gap", colour: "gap", from: n(E), to: n(E + gap.value), error: 0,
      estimate: gap, parts: pieces ?? null },
    { id: "marginal", name: `= ${units.name()}`, colour: "z", from: 0, to: n(marginal.value), error: error(marginal),
      estimate: marginal, signed: true },
  ];
}

/** The part of the scale that is shown: [low, high]. whole: with its zero; else what differs fills the picture. */
export function rangeOf(rows, whole) {
  const ends = rows.flatMap(({ to, error }) => [to - error, to + error]).filter(Number.isFinite);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (whole) {
    const room = 0.03 * (Math.max(0, high) - Math.min(0, low)) || 1;
    return [low < 0 ? low - room : 0, high > 0 ? high + room : 0];
  }
  const width = high - low || Math.abs(high) * 0.1 || 1, up = (low + high) / 2 < 0;
  return [low - width * (up ? ROOM : ROOM_TO_ZERO), high + width * (up ? ROOM_TO_ZERO : ROOM)];
}

/** Returns: { element, show(rows, { units, whole }), stop() }. */
export function createWaterfall() {
  const figure = el("div", { class: "waterfall", "data-testid": "terms-bar" });
  let shown = null;

  function show(rows, { units, whole }) {
    shown = [rows, { units, whole }];
    const [low, high] = rangeOf(rows, whole);
    const at = (value) => 100 * Math.min(1, Math.max(0, (value - low) / (high - low)));
    const guides = rows.filter(({ id }) => id !== "kl" && id !== "gap").map(({ to, colour }) => [at(to), colour]);
    figure.replaceChildren(...rows.map((row) => line(row, { at, low, high, guides, units })),
                           scale(low, high, at, (figure.clientWidth || 600) * SHARE));
  }
  const observer = new ResizeObserver(() => shown && show(...shown));
  observer.observe(figure);
  return { element: figure, show, stop: () => observer.disconnect() };
}

function line(row, { at, low, high, guides, units }) {
  const { id, name, colour, from, to, error, estimate, parts, signed } = row;
  const track = el("span", { class: "wf-track", "aria-hidden": "true" },
    guides.map(([place, kind]) => el("i", { class: `wf-guide of-${kind}`, style: `left:${place}%` })),
    (parts ?? [{ id: "", from, to }]).map((part) => bar(part, { colour, at, low, high, named: Boolean(parts) })),
    error ? el("i", { class: "wf-whisker", style: span(at(to - error), at(to + error)) }) : null);
  const value = (signed ? units.text : units.amountText)(estimate.value, estimate.stderr);
  return el("div", { class: "wf-row", "data-row": id },
    el("span", { class: "wf-name" }, colour === "text" ? el("b", {}, name) : tint(colour, name)), track,
    el("span", { class: "wf-value" }, el("b", {}, value), " ",
       el("span", { class: "unit" }, signed || id === "gap" ? kindOf(row, units) : estimate.kind)));
}

/** What a number is: a bound on log p(x) turns with the sign of the page, one on the gap does not. */
function kindOf({ id, estimate }, units) {
  if (id === "gap") return estimate.kind === "lower bound" ? "at least" : estimate.kind;
  return units.kindWord(estimate.kind);
}

const span = (a, b) => `left:${Math.min(a, b)}%;width:${Math.abs(b - a)}%`;

function bar({ id, name, tip, from, to, value, stderr }, { colour, at, low, high, named }) {
  const open = [from, to].map((v) => (v < low ? "open-left" : v > high ? "open-right" : "")).join(" ");
  return el("i", { class: `wf-bar of-${colour} ${id ? `part-${id}` : ""} ${open}`, style: span(at(from), at(to)),
                   title: named ? `${name}: ${tip}` : null, "data-part": id || null,
                   "data-value": value === undefined ? null : String(value),
                   "data-stderr": stderr === undefined ? null : String(stderr) });
}

function scale(low, high, at, wide) {
  const round = ticks(low, high, Math.max(2, Math.floor(wide / TICK)));
  const step = round.length > 1 ? round[1] - round[0] : 1;
  return el("div", { class: "wf-row wf-scale", "aria-hidden": "true" }, el("span", {}),
    el("span", { class: "wf-track" }, round.map((value) => (
      el("span", { class: "wf-tick", style: `left:${at(value)}%` }, tickText(value, step))))),
    el("span", {}));
}

/** The legend of a gap in parts, with their numbers.  Returns: { element, show(parts or null, units) }. */
export function createPartsLegend() {
  const element = el("div", { class: "wf-legend", "data-testid": "gap-parts", hidden: true });
  return {
    element,
    show(parts, units) {
      element.hidden = !parts;
      element.replaceChildren(...(parts ?? []).map(({ id, value, stderr }) => el("span", { "data-part": id },
        el("i", { class: `wf-swatch part-${id}` }), el("b", {}, `${PARTS[id][0]} `),
        units.amountText(value, stderr), el("span", { class: "unit" }, ` ${PARTS[id][1]}`))));
    },
  };
}
