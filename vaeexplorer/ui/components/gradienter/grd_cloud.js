// A cloud of gradients in two latent dimensions: arrows or points for each estimator around the exact gradient.

import { tint } from "./dom.js";
import { GradientPlane, windowOf } from "./grd_arrows.js";
import { angle, axisNames, cloudNote, cloudWords, exactsOf } from "./grd_cloud_words.js";
import { createExperiment } from "./grd_experiment.js";
import { createSelect } from "./grd_fields.js";
import { colourOf, telling } from "./grd_looks.js";
import { rough } from "./grd_words.js";
import { createChoice, createPanel, formula } from "./panel.js";

const MOST = 4;                 // clouds at once
const MOST_REPLICATES = 500;
const MOST_DIMS = 64;           // in the lists of dimensions
const AUTO = "auto";
const ZOOMS = [["exact", "the exact gradient"], ["narrow", "the narrowest cloud"], ["wide", "everything"]];

const { line, link, words, sub } = formula;

const LINES = () => [
  line("ĝ = (∂⁄∂", tint("mu", "μ", sub("i")), ", ∂⁄∂", tint("mu", "μ", sub("j")), ") of the ELBO, estimated;   ",
       "E ĝ = exact for an unbiased estimator"),
  words("A step of training follows one such arrow. Where the cloud is wide against the exact arrow, most steps go ",
        "astray and only their average makes progress. Plane: the two dimensions with the largest exact gradient, ",
        "unless you choose others. The plane is a cut through all dimensions: directions are compared within it."),
  words("S. Mohamed, M. Rosca, M. Figurnov and A. Mnih, “Monte Carlo Gradient Estimation in Machine Learning”, JMLR ",
        "2020, ", link("https://arxiv.org/abs/1906.10652", "arXiv 1906.10652"), "."),
];

const start = () => ({ replicates: 300, dims: null, zoom: "narrow", look: "arrows" });

/** A pair that differs: the pathwise estimator, or what stands for it, and the score function. */
function pair(estimators) {
  const names = telling(estimators, Infinity), score = names.find((name) => name.startsWith("score_function"));
  return [names.find((name) => name !== score), score].filter(Boolean);
}

/** The panel (ctx as gradienter.js makes it).  Returns: { element, theme(colours), refresh(), stop() }. */
export function cloud(ctx) {
  const panel = createPanel({ page: "gradients", id: "cloud", title: "Gradients as arrows", lines: LINES() });
  const experiment = createExperiment(ctx, {
    id: "cloud", route: "gradients/cloud", what: "The cloud of gradients", start, most: MOST, first: pair,
    mostReplicates: MOST_REPLICATES, extra: ({ dims }) => ({ dims }), show: () => draw(),
  });
  const { keep, asked, change, titleOf } = experiment;
  const plane = new GradientPlane({ label: "Gradients in the plane", testid: "gradients-plane", height: 420,
                                    readout: (u, v) => readout(u, v) });
  const axes = ["Across", "Up"].map((name, i) => (
    createSelect(name, `cloud-dim-${i}`, (id) => chooseAxis(i, id === AUTO ? null : Number(id)))));
  const look = createChoice("Estimates as", [["arrows", "arrows"], ["points", "points"]], keep.look,
                            (id) => experiment.look({ look: id }));
  const zoom = createChoice("Part of the picture", ZOOMS, keep.zoom, (id) => experiment.look({ zoom: id }));
  panel.tools.append(look.element, zoom.element);
  panel.body.append(experiment.chips, experiment.fields(axes.map(({ element }) => element)), asked.element,
                    plane.element);
  let colours = null;

  /** One axis by hand takes the other one along: both are then fixed. */
  function chooseAxis(i, dim) {
    if (dim === null) return change({ dims: null });
    const now = keep.dims ?? asked.answer()?.dims ?? [0, 1], dims = now.slice();
    if (dims[1 - i] === dim) dims[1 - i] = dims[i];     // never the same twice
    dims[i] = dim;
    return change({ dims });
  }

  function readout(u, v) {
    const answer = asked.answer();
    if (!answer?.clouds.length) return null;
    const names = axisNames(answer.axes), off = angle([u, v], answer.exact);
    return [[`${names[0]} ${rough(u, 3)}, ${names[1]} ${rough(v, 3)}`, null],
            ...(Number.isFinite(off) ? [[`${Math.round(off)}° from the exact gradient`, "quiet"]] : [])];
  }

  function draw() {
    const answer = asked.answer();
    experiment.offer();
    offerAxes(answer);
    plane.element.hidden = !answer?.clouds.length;
    panel.say(cloudWords(answer, titleOf));
    panel.note("");
    if (answer?.clouds.length) drawPlane(answer);
  }

  function drawPlane(answer) {
    const exacts = exactsOf(answer), window = windowOf(answer.clouds, exacts.map(({ exact }) => exact), keep.zoom);
    const arrows = keep.look === "arrows";
    plane.element.classList.toggle("grd-old", !asked.fresh());
    if (colours) plane.theme(inks(answer));
    plane.show({ window, titles: axisNames(answer.axes), arrows,
                 exacts: exacts.map(({ exact, bound, estimator }) => (
                   { exact, colour: bound === "iwae" ? estimator : "text" })),
                 clouds: answer.clouds.map((one) => ({ ...one, colour: one.estimator })) });
    const shown = plane.scale?.window ?? window;
    panel.note(cloudNote(answer, { window: shown, samples: answer.samples, replicates: answer.clouds[0].points.length,
                                   titleOf, image: experiment.image(), arrows, running: asked.running() }));
    plane.canvas.setAttribute("aria-label", `Gradients in the plane. ${cloudWords(answer, titleOf)}`);
  }

  /** The page's colours and, by their names, those of the estimators. */
  function inks({ clouds }) {
    const own = clouds.map(({ estimator }) => {
      const colour = colourOf(estimator, ctx.theme);
      return [estimator, colours[colour] ?? colour];
    });
    return { ...colours, ...Object.fromEntries(own) };
  }

  /** Two dimensions leave nothing to choose. */
  function offerAxes(answer) {
    const { about } = ctx, many = (about?.latent_dim ?? 0) > 2, found = keep.dims ? null : answer?.dims;
    const all = Array.from({ length: Math.min(MOST_DIMS, about?.latent_dim ?? 0) }, (_, k) => [String(k), `z${k + 1}`]);
    axes.forEach((axis, i) => {
      const usual = [AUTO, found ? `largest: z${found[i] + 1}` : "largest"];
      axis.show(many ? [usual, ...all] : [], keep.dims ? String(keep.dims[i]) : AUTO);
    });
  }

  experiment.refresh();
  asked.watch(panel.element);

  return {
    element: panel.element, refresh: experiment.refresh,
    theme(next) {
      colours = next;
      plane.theme(next);
      draw();
    },
    stop() {
      experiment.stop();
      plane.stop();
    },
  };
}
