// log p(x) against the number of draws: a curve with its band for every estimator, the exact value, the ELBO.

import { curveWords, gapOf } from "./bnd_estimate_words.js";
import { lookOf, spentAt, truthOf } from "./bnd_methods.js";
import { el, tint } from "./dom.js";
import { createChoice, createPanel, formula } from "./panel.js";
import { count } from "./scales.js";
import { XY } from "./xy.js";

const { line, link, sub, words } = formula;
const BAND = 1.96;              // standard errors to either side of a curve
const AROUND = 0.35;            // of the gap, left free around it

const LINES = () => [
  line("log p̂", sub("K"), " = log 1⁄K ∑", sub("k"), " w", sub("k"), ",   w", sub("k"), " = p(", tint("input", "x"),
       ", ", tint("z", "z", sub("k")), ") ⁄ ", tint("encoder", "q(z", sub("k"), "|x)"), ",   ",
       tint("z", "z", sub("k")), " ~ ", tint("encoder", "q")),
  words("p̂ is unbiased, its logarithm is a lower bound on average: E log p̂", sub("K"), " ≈ log p(x) − r⁄2K with the ",
        "relative variance r of a weight. Standard error by the delta method: √(r⁄K). Y. Burda, R. Grosse and ",
        "R. Salakhutdinov, “Importance Weighted Autoencoders”, ICLR 2016, eq. 8, ",
        link("https://arxiv.org/abs/1509.00519", "arXiv 1509.00519"), "."),
  words("AIS: R. Neal, “Annealed importance sampling”, 2001, ", link("https://arxiv.org/abs/physics/9803008",
        "arXiv physics/9803008"), "; for decoders Y. Wu et al., ICLR 2017, ",
        link("https://arxiv.org/abs/1611.04273", "arXiv 1611.04273"), "."),
];

/** Points of an estimate's curve as they are drawn: [[x, y, low, high], ...] in the page's unit and sign. */
export function curvePoints(estimate, units, axis) {
  return estimate.curve.map(([k, value, low, high]) => {
    const ends = [low, high].map((end) => (end === null || end === undefined ? NaN : units.number(end)));
    const x = axis === "evaluations" ? spentAt(estimate, k) : k;
    return [x, value === null ? NaN : units.number(value), Math.min(...ends), Math.max(...ends)];
  });
}

/**
 * The part of the vertical axis around the answer, in nats of log p: from the ELBO to the surest value with some room.
 * Returns: [low, high], or null where nothing is known.
 */
export function aroundAnswer({ estimates, best, elbo }) {
  const answer = truthOf(estimates) ?? best;
  if (!answer || answer.value === null) return null;
  const gap = Math.max(0, gapOf(answer, elbo)?.value ?? 0), room = AROUND * gap;
  const spread = Math.max(room, 3 * BAND * (answer.stderr ?? 0), 1e-3 * Math.abs(answer.value), 0.05);
  return [answer.value - gap - spread, answer.value + spread];
}

/** Titles of estimates whose last value lies outside of [low, high]. */
export function outside(estimates, range) {
  return estimates.filter(({ curve }) => curve?.length && (curve.at(-1)[1] < range[0] || curve.at(-1)[1] > range[1]))
    .map(({ title }) => title);
}

/** Marks of the chart.  Args: view { estimates, elbo, ... }; units; axis "draws" or "evaluations". */
export function curveMarks(view, units, axis) {
  const { estimates, elbo } = view, marks = [];
  const named = new Set();
  if (elbo) {
    marks.push({ type: "level", y: units.number(elbo.value), words: units.names().bound, label: units.names().bound,
                 colour: "quiet", width: 1.2 });
  }
  for (const one of estimates.filter(({ value, kind }) => kind === "exact" && value !== null)) {
    const value = units.number(one.value), error = units.amount(one.stderr ?? 0) ?? 0;
    marks.push({ type: "level", y: value, low: value - BAND * error, high: value + BAND * error, label: one.title,
                 words: named.size ? null : `${one.title}: exact`, side: "left", colour: lookOf(one.method).colour });
    named.add(one.method);
  }
  for (const one of estimates.filter(({ method, curve }) => !named.has(method) && curve?.length)) {
    marks.push({ type: "line", points: curvePoints(one, units, axis), label: one.title,
                 colour: lookOf(one.method).colour });
  }
  return marks;
}

const AXES = { draws: "draws, chains (logarithmic)", evaluations: "decoder evaluations per image (logarithmic)" };

/** Returns: { element, show(view), theme(colours), stop() }; view = { estimates, best, elbo, name }. */
export function createCurve(ctx, memory) {
  const panel = createPanel({ page: "bounds", id: "curve", title: "How the value settles", lines: LINES() });
  const chart = new XY({ label: "log p(x) against the number of draws", testid: "bounds-curve-chart", height: 320,
                         empty: "no estimate yet" });
  const keys = el("div", { class: "keys" });
  const axis = createChoice("Below the curves", [["draws", "draws"], ["evaluations", "decoder evaluations"]],
                            memory.axis ??= "draws", (id) => change({ axis: id }));
  const zoom = createChoice("Part of the picture", [["near", "around the answer"], ["all", "everything"]],
                            memory.zoom ??= "near", (id) => change({ zoom: id }));
  panel.tools.append(axis.element, zoom.element);
  panel.body.append(chart.element, keys);
  let view = null;

  function change(patch) {
    Object.assign(memory, patch);
    if (view) show(view);
  }

  function show(next) {
    view = next;
    const { units } = ctx, { estimates } = view, near = memory.zoom === "near" ? aroundAnswer(view) : null;
    const ends = near?.map(units.number).sort((a, b) => a - b) ?? [];
    const name = memory.axis === "draws" ? "draws" : "decoder evaluations";
    const marks = curveMarks(view, units, memory.axis), lines = marks.filter(({ type }) => type === "line");
    const only = lines.length === 0 && marks.length > 0;
    chart.show({
      marks,
      x: { kind: "log", label: AXES[memory.axis], text: (value) => `${count(value)} ${name}`,
           ...(only ? { low: 1, high: 1000 } : {}) },
      y: { label: `${units.name()}, ${units.label()}`, low: ends[0], high: ends[1] },
    });
    keys.replaceChildren(...lines.map(({ label, colour }) => (
      el("span", { class: `key is-${colour}` }, el("i", { class: "stroke" }), label))));
    const hidden = near ? outside(estimates, near) : [];
    panel.say(curveWords(estimates, truthOf(estimates), units));
    panel.note(`Each curve: the value from the first draws of one run, all for the same image; band ± ${BAND} standard `
      + `errors, ${units.label()}. ${kinds(estimates, units)}${hidden.length ? `${hidden.join(", ")}: outside of the `
      + "picture, see “everything”." : ""}`);
    chart.describe(`${curveWords(estimates, truthOf(estimates), units)} ${lines.length} curves over ${name}.`);
  }

  return { element: panel.element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() };
}

/** "IWAE: lower bound, n = 1,000; AIS: ..." */
function kinds(estimates, units) {
  const shown = estimates.filter(({ curve, value }) => curve?.length && value !== null);
  return shown.length ? `${shown.map(({ title, kind, samples }) => (
    `${title}: ${units.kindWord(kind)}, n = ${count(samples)}`)).join("; ")}. ` : "";
}
