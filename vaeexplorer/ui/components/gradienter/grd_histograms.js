// Single estimates of one derivative around its true value: a histogram for each estimator, all over one axis.

import { el, setText, tint } from "./dom.js";
import { createExperiment } from "./grd_experiment.js";
import { createSelect } from "./grd_fields.js";
import {
  histogramMarks, histogramNote, histogramReadout, histogramWords, rangeOf, rowWords,
} from "./grd_histogram_marks.js";
import { colourOf, inkOf, telling } from "./grd_looks.js";
import { createChoice, createPanel, formula } from "./panel.js";
import { plain } from "./scales.js";
import { XY } from "./xy.js";

const MOST = 6, FIRST = 4;      // histograms at once, and before anybody chose
const HEIGHT = 112;             // pixels of each
const PARTS = { gaussian: [["loc", "mean μ"], ["log_scale", "log standard deviation"]],
                bernoulli: [["logits", "logit"]] };
const MOST_DIMS = 64;           // in the list of dimensions
const AUTO = "auto";             // the dimension whose exact gradient is the largest
const MOST_REPLICATES = 20_000;

const { line, words, link, sub } = formula;

const LINES = () => [
  line("pathwise: ", tint("z", "z"), " = ", tint("mu", "μ"), " + ", tint("sigma", "σ"), " ", tint("noise", "ε"),
       ",   ĝ", sub("μ"), " = f′(", tint("z", "z"), "),   ĝ", sub("log σ"), " = f′(", tint("z", "z"), ") ",
       tint("sigma", "σ"), " ", tint("noise", "ε")),
  line("score function: ĝ = (f(", tint("z", "z"), ") − C) ∇ log ", tint("encoder", "q(z)")),
  words("Both are right on average for any constant C, because ∇ log q is zero on average. They differ in how far ",
        "single estimates scatter: the score function is multiplied by the size of f itself, here a log-likelihood of ",
        "many pixels, the pathwise estimator only by its slope."),
  words("D. Kingma and M. Welling, “Auto-Encoding Variational Bayes”, ICLR 2014, section 2.3, ",
        link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"), "; R. Williams, “Simple Statistical ",
        "Gradient-Following Algorithms”, Machine Learning 1992."),
];

const start = () => ({ part: null, dim: null, replicates: 2000, zoom: "wide" });

const partsOf = ({ posterior }) => PARTS[posterior] ?? PARTS.gaussian;

/** One histogram with its name and numbers. */
function createStrip(name) {
  const chart = new XY({ label: "Histogram", testid: `histogram-${name}`, height: HEIGHT, empty: "nothing to show" });
  const dot = el("i", { class: "grd-dot" }), title = el("b", {}), said = el("span", { class: "small-words" });
  return {
    chart,
    element: el("div", { class: "grd-strip", "data-estimator": name },
                el("div", { class: "grd-strip-words" }, dot, title, said), chart.element),
    show({ one, answer, range, ink, colour, titled, replicates }) {
      dot.style.background = ink;
      setText(title, titled);
      setText(said, rowWords(one, replicates));
      chart.show({ marks: histogramMarks(one, answer, colour),
                   x: { low: range[0], high: range[1], text: plain },
                   y: { low: 0, high: 1.12, text: plain },
                   readout: (x) => histogramReadout(one, titled, x) });
      chart.describe(`Histogram of ${titled}: ${rowWords(one, replicates)}`);
    },
  };
}

/** The panel (ctx as gradienter.js makes it).  Returns: { element, theme(colours), refresh(), stop() }. */
export function histograms(ctx) {
  const panel = createPanel({ page: "gradients", id: "histograms", title: "Single estimates around the true gradient",
                              lines: LINES() });
  const experiment = createExperiment(ctx, {
    id: "histograms", route: "gradients/histogram", what: "The histograms", start, most: MOST, show: () => draw(),
    mostReplicates: MOST_REPLICATES, first: (estimators) => telling(estimators, FIRST),
    extra: ({ part, dim }) => ({ parameter: dim === null ? { part } : { part, dim } }),
    learned(keep, about) {
      const parts = partsOf(about).map(([id]) => id);
      if (!parts.includes(keep.part)) keep.part = parts[0];
    },
  });
  const { keep, asked, change, titleOf } = experiment, strips = new Map();
  const part = createSelect("Derivative by", "histograms-part", (id) => change({ part: id }));
  const dim = createSelect("Dimension", "histograms-dim", (id) => change({ dim: id === AUTO ? null : Number(id) }));
  const zoom = createChoice("Axis as wide as", [["wide", "all of it"], ["narrow", "the narrowest"]], keep.zoom,
                            (id) => experiment.look({ zoom: id }));
  const stage = el("div", { class: "grd-strips" });
  panel.tools.append(zoom.element);
  panel.body.append(experiment.chips, experiment.fields(part.element, dim.element), asked.element, stage);
  let colours = null;

  function stripOf(name) {
    if (!strips.has(name)) {
      strips.set(name, createStrip(name));
      if (colours) strips.get(name).chart.theme(colours);
    }
    return strips.get(name);
  }

  /** Strips for these estimators and no others, in this order; those that stay are not touched. */
  function arrange(names) {
    for (const [name, strip] of strips) {
      if (names.includes(name)) continue;
      strip.chart.stop();
      strips.delete(name);
    }
    const elements = names.map((name) => stripOf(name).element);
    const same = elements.length === stage.children.length && elements.every((one, i) => one === stage.children[i]);
    if (!same) stage.replaceChildren(...elements);
  }

  function draw() {
    const answer = asked.answer(), { theme, about } = ctx, many = answer?.replicates ?? keep.replicates;
    const range = answer ? rangeOf(answer.series, answer.truth, keep.zoom) : null, shown = range ? answer.series : [];
    experiment.offer();
    if (about) {
      const dims = Array.from({ length: Math.min(MOST_DIMS, about.latent_dim) }, (_, k) => [String(k), `z${k + 1}`]);
      const found = answer && keep.dim === null ? `largest: z${answer.parameter.dim + 1}` : "largest";
      part.show(partsOf(about), keep.part);
      dim.show([[AUTO, found], ...dims], keep.dim ?? AUTO);
    }
    arrange(shown.map(({ estimator }) => estimator));
    for (const one of shown) {
      stripOf(one.estimator).show({ one, answer, range, ink: inkOf(one.estimator, theme),
                                    replicates: one.replicates ?? many, colour: colourOf(one.estimator, theme),
                                    titled: titleOf(one.estimator) });
    }
    stage.classList.toggle("grd-old", Boolean(answer) && !asked.fresh());
    panel.say(histogramWords(answer, titleOf, many));
    panel.note(histogramNote(answer, { replicates: many, samples: answer?.samples ?? keep.samples,
                                       image: experiment.image(), running: asked.running() }));
  }

  experiment.refresh();
  asked.watch(panel.element);

  return {
    element: panel.element, refresh: experiment.refresh,
    theme(next) {
      colours = next;
      for (const { chart } of strips.values()) chart.theme(next);
      draw();
    },
    stop() {
      experiment.stop();
      for (const { chart } of strips.values()) chart.stop();
    },
  };
}
