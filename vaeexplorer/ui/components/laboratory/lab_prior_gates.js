// Codes of growing length: each number is a gate, and few random codes come through all of them.

import { el, setText } from "./dom.js";
import { drawGates } from "./lab_prior_course.js";
import { keyOf } from "./panel.js";
import { surface } from "./plot.js";
import { count } from "./scales.js";
import { prefersStillness } from "./theme.js";
import { XY } from "./xy.js";

const TWEEN = 320;              // ms from one gate to the next
const SPEED = 1e6;              // draws in a second: what a fast program manages
const UNITS = [[60, "seconds"], [3600, "minutes", 60], [86400, "hours", 3600], [3.156e7, "days", 86400],
               [Infinity, "years", 3.156e7]];

const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (n) => [...String(n)].map((digit) => SUPER[digit] ?? "⁻").join("");

/** A count that may be beyond all names: 2,400 or 10²³.  Args: its logarithm to the base 10. */
export const large = (log10) => (log10 < 5 ? count(10 ** log10) : `10${raised(Math.round(log10))}`);

/** How long so many draws take at a million a second, in words. Args: log10 of their number. */
export function waiting(log10) {
  const seconds = 10 ** log10 / SPEED;
  if (seconds < 1) return "under a second";
  const [, unit, long = 1] = UNITS.find(([limit]) => seconds < limit), value = seconds / long;
  const text = value >= 1e5 ? `10${raised(Math.round(Math.log10(value)))}` : count(value);
  return text === "1" ? `1 ${unit.slice(0, -1)}` : `${text} ${unit}`;
}

const points = (moments, index, of) => moments.slice(0, index + 1).map(({ data }) => [data.k, ...of(data)]);

/** Marks of the chart of log p(x): the truth, what random codes and the encoder make of it, and what is missing. */
export function likelihoodMarks(moments, index) {
  const { k, exact, prior } = moments[index].data;
  return [
    { type: "line", points: [[k, prior], [k, exact]], colour: "gap", width: 3, dots: false },
    { type: "line", points: points(moments, index, (d) => [d.exact]), colour: "text", dash: true, dots: false,
      label: "exact" },
    { type: "line", points: points(moments, index, (d) => [d.prior, d.prior_low, d.prior_high]), colour: "z",
      dots: false, width: 2.6, label: "random codes" },
    { type: "dots", points: points(moments, index, (d) => [d.encoder]), colour: "encoder", radius: 3,
      label: "the encoder's codes" },
  ];
}

/** Marks of the chart of draws that are needed, as powers of ten, beside those that there are. */
export const neededMarks = (moments, index) => [
  { type: "level", y: Math.log10(moments[index].data.draws), colour: "z", words: "draws that we have", side: "left" },
  { type: "line", points: points(moments, index, (d) => [d.needed, d.needed, d.spread]), colour: "gap", width: 2.6,
    dots: false, label: "10 to the power of" },
];

/** A figure in large type with its words. */
function createFigure(kind, testid) {
  const value = el("b", { class: `is-${kind}`, "data-testid": testid }), words = el("span", {});
  return { element: el("div", { class: "prior-figure" }, value, words), show(text, rest) {
    setText(value, text);
    setText(words, rest);
  } };
}

export function createGates() {
  const canvas = el("canvas", { class: "prior-course", role: "img", "data-testid": "prior-course" });
  const hits = createFigure("z", "prior-hits"), short = createFigure("gap", "prior-short");
  const needed = createFigure("text", "prior-needed"), encoder = createFigure("encoder", "prior-encoder");
  const chart = new XY({ label: "log p(x) by the number of latent dimensions", testid: "prior-likelihood", height: 200 });
  const need = new XY({ label: "draws needed by the number of latent dimensions", testid: "prior-draws", height: 200 });
  const element = el("div", { class: "prior-gates" },
    el("div", { class: "prior-figures" }, hits.element, short.element, encoder.element, needed.element),
    el("div", { class: "prior-way" },
       el("div", { class: "keys" }, keyOf({ colour: "z", words: "random codes" }),
          keyOf({ colour: "encoder", words: "the encoder's" }), keyOf({ colour: "gap", words: "does not fit", dots: true }),
          keyOf({ colour: "decoder", words: "gate: fits the picture", filled: true })), canvas), el("div", { class: "prior-chart" }, el("h4", {}, "log p(x), nats"), chart.element),
    el("div", { class: "prior-chart prior-second" }, el("h4", {}, "Random codes needed, powers of ten"), need.element));
  let film = [], at = -1, colours = null, frame = 0;

  const draw = (part) => {
    const ground = colours && film[at] ? surface(canvas) : null;
    if (ground) drawGates(ground, film.slice(0, at + 1).map(({ data }) => data), part, colours);
  };
  /** The last gate is passed before one's eyes. */
  const tween = (begin) => {
    frame = requestAnimationFrame((now) => {
      const part = Math.min(1, (now - begin) / TWEEN);
      draw(part);
      if (part < 1) tween(begin);
    });
  };
  const sizes = new ResizeObserver(() => draw(1));
  sizes.observe(canvas);

  function tell({ k, hits: through, draws, short: nats, needed: log10, encoder: found, exact }) {
    hits.show(`${count(through)} of ${count(draws)}`, `random codes come through ${k === 1 ? "the gate" : `all ${k} gates`}`);
    const factor = nats / Math.LN10;
    short.show(nats < 0.05 ? "right" : factor < 1 ? `${Math.exp(nats).toFixed(1)} ×` : `${large(factor)} ×`,
               nats < 0.05 ? "is their average" : "too small is their average");
    encoder.show(Math.abs(found - exact) < 0.2 ? "right" : `${Math.exp(Math.abs(found - exact)).toFixed(1)} ×`,
                 Math.abs(found - exact) < 0.2 ? "with 10 codes of the encoder" : "off with 10 codes of the encoder");
    needed.show(large(log10), `random codes would do: ${waiting(log10)}, a million a second`);
    canvas.setAttribute("aria-label", `${k} gates: ${count(through)} of ${count(draws)} random codes come through all of `
      + "them, the encoder's do.");
  }

  return {
    element,
    show(moments, index) {
      const onwards = moments === film && index === at + 1 && !prefersStillness();
      [film, at] = [moments, index];
      cancelAnimationFrame(frame);
      const { data } = moments[index], x = { low: 0, high: data.last + 0.5, label: "numbers in the code" };
      tell(data);
      chart.show({ marks: likelihoodMarks(moments, index), x });
      need.show({ marks: neededMarks(moments, index), x, y: { low: 0 } });
      if (onwards) tween(performance.now());
      else draw(1);
    },
    theme(given) {
      colours = given;
      chart.theme(given);
      need.theme(given);
      draw(1);
    },
    stop() {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      chart.stop();
      need.stop();
    },
  };
}
