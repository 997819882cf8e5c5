// The curves of a run: which there are, what their captions say, and the pointer that they share.

import { Chart, key, valueAt } from "./chart.js";
import { el, setText } from "./dom.js";
import { createFormula } from "./train_formula.js";
import { count, parts, plain } from "./scales.js";

const NATS = "nats per image";

const train = (rows, name, label, colour, more = {}) => (
  { label, colour, steps: rows.train.step, values: rows.train[name], errors: null, range: true, ...more });
const held = (rows, name, label, colour) => (
  { label, colour, steps: rows.held.step, values: rows.held[name], errors: rows.held[`${name}_error`] });

/** Held-out images and training images, each with its own line. */
const both = (name, colour) => (rows) => [
  train(rows, name, "train", "quiet", { dash: true }), held(rows, name, "held out", colour)];

/** "mean over 500 held-out images, ± 1 standard error, lower bound", from the latest estimate of this name. */
function estimateWords(rows, name, band = "band and bars") {
  const about = rows.about[name];
  return about ? `n = ${count(about.n)} ${about.over}, ${band} ± 1 standard error, ${about.kind}` : "not measured yet";
}

/** How many training images a row averages. */
function trainWords(rows) {
  const images = rows.length ? rows.train.images.at(rows.length - 1) : 0;
  return images ? `Train: mean over the last ${count(images)} images, while they are learned.` : "";
}

const CHARTS = [
  { testid: "elbo-curve", title: "ELBO", unit: NATS, height: 252, lines: both("elbo", "decoder"), formula: "elbo",
    caption: (rows) => (
      `Held out: ${estimateWords(rows, "elbo")}${rows.about.elbo ? " of log p(x)" : ""}. ${trainWords(rows)}`) },
  { testid: "reconstruction-curve", title: "Reconstruction", unit: NATS, height: 150,
    lines: both("reconstruction", "decoder"),
    caption: (rows) => `E of log p(x|z) under q; higher is better. ${estimateWords(rows, "reconstruction")}.` },
  { testid: "kl-curve", title: "KL", unit: NATS, height: 150, lines: both("kl", "encoder"),
    caption: (rows) => `KL(q(z|x) ‖ p(z)): what the code says about an image. ${estimateWords(rows, "kl")}.` },
  { testid: "gradient-curve", title: "Gradient norm", unit: "nats per unit of weight", height: 150, logarithmic: true,
    lines: (rows) => [train(rows, "gradient_norm", "of the loss", "text")],
    caption: () => "Euclidean norm over all weights, of one batch; logarithmic axis." },
  { testid: "split-curve", title: "U = S + E", unit: NATS, height: 150, between: [0, 1, "gap"], outliers: 0.2,
    formula: "split",
    lines: (rows) => [held(rows, "subo", "U = −ELBO", "text"), held(rows, "surprisal", "S surprisal", "decoder")],
    caption: (rows) => `Red between the lines: the gap E. S: ${estimateWords(rows, "surprisal", "bars")}.` },
  { testid: "gap-curve", title: "KL gap E", unit: NATS, height: 150,
    lines: (rows) => [held(rows, "gap", "E = U − S", "gap")],
    caption: (rows) => `How far q(z|x) is from the true posterior. ${estimateWords(rows, "gap", "bars")}.` },
  { testid: "rate-curve", title: "Learning rate", unit: "Adam's step size", height: 150,
    lines: (rows) => [train(rows, "learning_rate", "learning rate", "text")],
    caption: (rows) => (
      rows.length ? `Weight of the KL now: β = ${plain(rows.train.beta.at(rows.length - 1))}.` : "") },
];

/** Lines of the read-out at a step. */
function readout(rows, lines, unit, step) {
  const found = lines.map((line) => [line, valueAt(line, step)]).filter(([, value]) => value);
  if (!found.length) return null;
  const at = Math.max(...found.map(([, value]) => value.step));
  const words = found.map(([{ label, colour }, value]) => {
    const { value: text, error } = parts(value), where = value.step < at ? `(step ${count(value.step)})` : "";
    return [[`${label}:`, text, error, unit, where].filter(Boolean).join(" "), colour];
  });
  return [[`step ${count(at)}`, null], ...words];
}

/**
 * All charts.   Returns: { large (element), tools (in its head), small (elements), plots, draw(axis, colours, sighted),
 * describe() }. `hover(step, plot)` and `pick(step)` come from the pointer.
 */
export function createCurves(rows, { hover, pick }) {
  const charts = CHARTS.map((about) => {
    const chart = new Chart({
      ...about, label: `${about.title} over the steps`, onHover: hover, onPick: pick,
      readout: (step) => readout(rows, about.lines(rows), about.unit, step),
    });
    const caption = el("p", { class: "caption" });
    const keys = el("span", { class: "keys" }, about.lines(rows).map(key));
    const tools = el("div", { class: "tools" });
    const element = el("section", { class: "card chart" },
      el("header", {}, el("h3", {}, about.title), el("span", { class: "unit" }, about.unit), keys, tools),
      chart.element, caption, about.formula ? createFormula(about.formula) : null);
    return { about, chart, caption, element, tools };
  });
  const [large, ...small] = charts;
  const plots = charts.map(({ chart }) => chart.plot);
  return {
    large: large.element, tools: large.tools, small: small.map(({ element }) => element), plots,
    /** Draw what is in sight. */
    draw(axis, colours, sighted) {
      for (const { chart } of charts) if (sighted(chart.plot)) chart.draw(rows, axis, colours);
    },
    /** Captions and accessible names say what the latest rows say. */
    describe() {
      for (const { about, chart, caption } of charts) {
        setText(caption, about.caption(rows).trim());
        const now = readout(rows, about.lines(rows), about.unit, rows.last);
        const words = now ? `at ${now.map(([line]) => line).join(", ")}` : "no values yet";
        const label = `${about.title} over the steps; ${words}`;
        if (chart.plot.canvas.ariaLabel !== label) chart.plot.canvas.ariaLabel = label;
      }
    },
  };
}
