// The distribution of log-weights: where the draws lie, where their sum lies, and how heavy the tail is.

import { weightsWords } from "./bnd_estimate_words.js";
import { USUAL, lookOf } from "./bnd_methods.js";
import { el, tint } from "./dom.js";
import { createChoice, createPanel, formula } from "./panel.js";
import { count } from "./scales.js";
import { XY, binAt } from "./xy.js";

const { line, link, sub, words } = formula;
const LEAST = 0.5;              // draws at the foot of the logarithmic axis

const LINES = () => [
  line("log w", sub("k"), " = log p(", tint("input", "x"), ", ", tint("z", "z", sub("k")), ") − log ",
       tint("encoder", "q(z", sub("k"), "|x)"), ",   mean of log w = ELBO,   log of the mean of w = log p(x)"),
  line("ESS = (∑ w)", el("sup", {}, "2"), " ⁄ ∑ w", el("sup", {}, "2"), ",   P(w > u + t | w > u) ≈ (1 + k t⁄σ)",
       el("sup", {}, "−1⁄k")),
  words("The largest min(K⁄5, 3√K) weights follow a generalized Pareto law; its k says which moments exist: the ",
        "variance of a weight is finite for k < ½, and above 0.7 no practical number of draws is enough. A. Vehtari et ",
        "al., ",
        "“Pareto Smoothed Importance Sampling”, JMLR 25 (2024), ", link("https://arxiv.org/abs/1507.02646",
        "arXiv 1507.02646"), "; fit by J. Zhang and M. Stephens, Technometrics 51 (2009)."),
];

/** Of each bin the draws that would carry its part of the sum of weights if all weighed the same; from its middle. */
export function weightedCounts({ edges, counts }) {
  const middle = counts.map((_, i) => (edges[i] + edges[i + 1]) / 2), top = Math.max(...middle);
  const mass = counts.map((n, i) => n * Math.exp(middle[i] - top)), all = mass.reduce((a, b) => a + b, 0);
  const draws = counts.reduce((a, b) => a + b, 0);
  return mass.map((m) => (all > 0 ? (draws * m) / all : 0));
}

/** Edges and counts in the page's unit and sign: edges ascend. */
export function inUnits(edges, counts, units) {
  const moved = edges.map(units.number), turned = moved[0] > moved.at(-1);
  return turned ? { edges: moved.reverse(), counts: [...counts].reverse() } : { edges: moved, counts };
}

/** Marks of the chart.  Args: estimate with weights; elbo (an Estimate or null); units; floor, the axis's foot. */
export function weightMarks(estimate, elbo, units, floor) {
  const { weights, value, method } = estimate, { edges, counts, tail } = weights, { colour } = lookOf(method);
  const shown = (values) => values.map((n) => (n > floor ? n : 0));
  const marks = [
    { type: "histogram", ...inUnits(edges, counts, units), colour, label: "draws" },
    { type: "histogram", ...inUnits(edges, shown(weightedCounts(weights)), units), colour: "text", filled: false },
  ];
  if (tail) {
    const points = tail.points.map(([x, n]) => [units.number(x), n > 0 ? n : NaN]).sort((a, b) => a[0] - b[0]);
    marks.push({ type: "line", points, colour: "gap", dots: false, width: 2.5 },
               { type: "upright", x: units.number(tail.from), words: "tail", colour: "gap", row: 2, width: 1 });
  }
  if (elbo && method === USUAL) {
    marks.push({ type: "upright", x: units.number(elbo.value), words: units.names().bound, colour: "quiet", row: 1 });
  }
  if (value !== null) marks.push({ type: "upright", x: units.number(value), words: units.name(), colour: "text" });
  return marks;
}

/** Returns: { element, show(view), theme(colours), stop() }. */
export function createWeights(ctx, memory) {
  const panel = createPanel({ page: "bounds", id: "weights", title: "The weights behind it", lines: LINES() });
  const chart = new XY({ label: "Distribution of log-weights", testid: "bounds-weights-chart", height: 260,
                         empty: "run an estimator that weighs draws" });
  const keys = el("div", { class: "keys" });
  const which = el("select", { class: "weigher", "aria-label": "Estimator whose weights are shown", onchange: () => {
    memory.weigher = which.value;
    show(view);
  } });
  const scale = createChoice("Vertical axis", [["log", "log"], ["linear", "linear"]], memory.scale ??= "log", (id) => {
    memory.scale = id;
    if (view) show(view);
  });
  panel.tools.append(which, scale.element);
  panel.body.append(chart.element, keys);
  let view = null, offered = "";

  /** The estimators that have weights. */
  function offer(found, chosen) {
    const names = String(found.map(({ method }) => method));
    which.hidden = found.length < 2;
    if (names !== offered) {
      which.replaceChildren(...found.map(({ method, title }) => el("option", { value: method }, title)));
      offered = names;
    }
    if (chosen) which.value = chosen.method;
  }

  function read(estimate, x, axes) {
    const shown = inUnits(estimate.weights.edges, estimate.weights.counts, ctx.units), bin = binAt(shown, x);
    if (!bin) return null;
    const carried = inUnits(estimate.weights.edges, weightedCounts(estimate.weights), ctx.units);
    const draws = estimate.weights.counts.reduce((a, b) => a + b, 0), part = binAt(carried, x).count / draws;
    return [[`${axes.x.text(bin.from)} to ${axes.x.text(bin.to)} ${ctx.units.label()}`, null],
            [`${count(bin.count)} of ${count(draws)} draws`, lookOf(estimate.method).colour],
            [`${(100 * part).toFixed(1)} % of the sum of weights`, "text"]];
  }

  function show(next) {
    view = next;
    const found = view.estimates.filter(({ weights }) => weights);
    const chosen = [memory.weigher, USUAL].map((name) => found.find(({ method }) => method === name)).find(Boolean)
      ?? found[0];
    offer(found, chosen);
    if (!chosen) {
      chart.show({ marks: [] });
      keys.replaceChildren();
      const weighing = view.estimates.some(({ effective_sample_size: size }) => Number.isFinite(size));
      panel.say("How the weights of the draws are spread decides whether an error bar can be trusted.");
      panel.note(weighing ? "There were too many draws to keep their weights: choose fewer draws or images." : "");
      return;
    }
    const { units } = ctx, logarithmic = memory.scale === "log", { colour } = lookOf(chosen.method);
    const foot = logarithmic ? { kind: "log", low: LEAST } : {};
    chart.show({ marks: weightMarks(chosen, view.elbo, units, logarithmic ? LEAST : 0),
                 x: { label: `log w${units.turned() ? " with the sign turned" : ""}, ${units.label()}` },
                 y: { ...foot, label: "draws in a bin" }, readout: (x, _, axes) => read(chosen, x, axes) });
    keys.replaceChildren(key(colour, "draws"), key("text", "what they carry of the sum of weights"),
                         ...(chosen.weights.tail ? [key("gap", "fitted tail")] : []));
    panel.say(weightsWords(chosen));
    panel.note(noteOf(chosen, units));
    chart.describe(`Histogram of the log-weights of ${chosen.title}. ${weightsWords(chosen)}`);
  }

  return { element: panel.element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() };
}

const key = (colour, words) => el("span", { class: `key is-${colour}` }, el("i", { class: "stroke" }), words);

function noteOf({ title, samples, counted, weights }, units) {
  const { tail, below } = weights, fitted = tail ? " Red: a generalized Pareto law fitted to the largest of them." : "";
  const left = below ? ` ${count(below)} lie so far out that they are left out.` : "";
  return `Log-weights of n = ${count(samples)} ${counted} of ${title} for this image, ${units.label()}.${left} The `
    + `outline is worked out from the middles of the bins.${fitted} Where the two shapes hardly overlap, few draws decide.`;
}
