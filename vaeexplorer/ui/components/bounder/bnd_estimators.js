// The panel of estimators: all ways to log p(x) side by side, how they settle, their weights, the nested bounds.

import { createCurve } from "./bnd_curve.js";
import { foreseeWords } from "./bnd_estimate_row.js";
import { tableNote, verdictWords } from "./bnd_estimate_words.js";
import { createEstimates } from "./bnd_estimates.js";
import { createNested } from "./bnd_nested.js";
import { createRuns, emptyRuns } from "./bnd_runs.js";
import { createWeights } from "./bnd_weights.js";
import { button, el, setText, throttle, tint } from "./dom.js";
import { createPanel, formula, kept, whenSeen } from "./panel.js";

const QUICK = 4;                // seconds that finding the exact value may take to be done without being asked
const REST = 700;               // ms for which the images must have stayed the same before that

const { line, link, sub, words } = formula;

const LINES = () => [
  line("log p(", tint("input", "x"), ") = log ∫ ", tint("decoder", "p(x|z)"), " p(", tint("z", "z"), ") d",
       tint("z", "z"), " = ELBO + ", tint("gap", "KL(q(z|x) ‖ p(z|x))")),
  words("Prior Monte Carlo averages ", tint("decoder", "p(x|z)"), " over codes of the prior; IWAE weighs codes of ",
        tint("encoder", "q"), "; the refined proposal first fits the best q for each image; AIS moves chains from q ",
        "or the prior to the posterior in many small steps. A grid or an enumeration adds up all codes."),
  words("Kingma and Welling 2014, eq. 3, ", link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"),
        "; refined: C. Cremer, X. Li and D. Duvenaud, “Inference Suboptimality in Variational Autoencoders”, ICML ",
        "2018, ",
        link("https://arxiv.org/abs/1801.03558", "arXiv 1801.03558"), "; AIS: R. Neal 2001, ",
        link("https://arxiv.org/abs/physics/9803008", "arXiv physics/9803008"), "."),
];

const fresh = () => ({ runs: emptyRuns(), asked: {}, seed: null, curve: {}, weights: {} });

/** The methods that a run of all takes, and that give the exact value without being asked where they are quick. */
const applying = (about) => (about?.methods ?? []).filter(({ problem }) => !problem);

/** The exact method of a model that is quick (its codes are decoded once for all images), or null.  Args: about. */
export function quickTruth(about) {
  const cost = ({ seconds_per_image: each }) => each ?? Infinity;
  const exact = applying(about).filter(({ kind }) => kind === "exact").sort((a, b) => cost(a) - cost(b));
  return exact.find((method) => cost(method) <= QUICK) ?? null;
}

/**
 * The panel.  Args: ctx of the page (bounder.js).
 * Returns: { element, refresh(), theme(colours), stop() }.
 */
export function estimators(ctx) {
  const memory = kept(ctx, "estimators", fresh);
  const panel = createPanel({ page: "bounds", id: "estimators", title: "Estimators of log p(x)", lines: LINES() });
  const curve = createCurve(ctx, memory.curve), weights = createWeights(ctx, memory.weights);
  const nested = createNested(ctx), pictures = [curve, weights, nested];
  const all = button("play", "Run all that apply", () => runAll(), { title: "One after the other" });
  const none = button("stop", "Cancel all", () => cancelAll()), total = el("span", { class: "small-words cost" });
  const loading = el("p", { class: "words" }, "Asking which estimators apply to this model …");
  const element = el("div", { class: "estimators" }, panel.element, curve.element,
                     el("div", { class: "pair" }, weights.element, nested.element));
  panel.tools.append(total, all, none);
  panel.body.append(loading);
  let table = null, rest = 0, seen = false;

  const show = throttle(() => draw(), 60);
  const runs = createRuns(ctx, memory.runs, show);
  const run = (method, samples, options) => runs.run(method.name, method.title, samples, options);

  function runAll() {
    for (const row of table?.rows ?? []) row.ask();
  }

  function cancelAll() {
    for (const { name } of applying(ctx.about).slice().reverse()) runs.cancel(name);
  }

  /** What all parts are drawn from: the estimates of the image that is looked at. */
  function view() {
    const { active: key, images, titles } = ctx.state;
    const found = applying(ctx.about).map(({ name }) => key && runs.of(name, key)).filter(Boolean);
    const best = key ? ctx.found.best(key) : null, elbo = (key && ctx.images?.get(key)?.elbo) ?? null;
    return { key, estimates: found, best: found.find(({ method }) => method === best?.method) ?? best, elbo,
             settles: applying(ctx.about).find(({ kind }) => kind === "exact")?.title ?? null,
             name: titles?.get(key) ?? ctx.images?.get(key)?.title ?? "this image", count: images.length };
  }

  function draw() {
    if (!table) return;
    const now = view(), { units } = ctx;
    table.show({ ...now, estimateOf: (name) => (now.key ? runs.of(name, now.key) : null), state: runs.state,
                 mean: (name) => runs.mean(name, ctx.state.images) }, units);
    panel.say(verdictWords({ ...now, units }));
    panel.note(tableNote(now.count, units));
    curve.show(now);
    weights.show(now);
    nested.show(now);
    const busy = runs.busy, seconds = table.rows.reduce((sum, row) => sum + (row.seconds() ?? 0), 0);
    all.disabled = !now.key;
    none.hidden = !busy;
    setText(total, seconds > 0 && !busy ? foreseeWords(seconds) : "");
  }

  function learn() {
    if (table || !ctx.about) return;
    const { methods, latent_dim: dims } = ctx.about, actions = { run, cancel: runs.cancel };
    table = createEstimates(methods.map((method) => ({ ...method, latent_dim: dims })), actions, memory.asked);
    loading.replaceWith(table.element);
    runs.resume();
  }

  /** Where it is quick, the exact value comes by itself, once the page has come to rest. */
  function truth() {
    clearTimeout(rest);
    rest = setTimeout(() => {
      const { images } = ctx.state, method = quickTruth(ctx.about);
      if (!method || !seen || images.every((key) => runs.of(method.name, key))) return;
      if (runs.state(method.name).phase !== "failed") run(method, method.samples ?? null, method.options ?? {});
    }, REST);
  }

  function changed(names) {
    if (names.has("seed") && memory.seed !== ctx.state.seed) runs.clear();
    memory.seed = ctx.state.seed;
    show();
    if (names.has("images") || names.has("seed")) truth();
  }

  const quits = [ctx.state.subscribe(changed), ctx.found.subscribe(() => show()), whenSeen(element, () => {
    seen = true;
    truth();
  })];
  if (memory.seed !== null && memory.seed !== ctx.state.seed) runs.clear();
  memory.seed = ctx.state.seed;

  function refresh() {
    learn();
    draw();
    truth();
  }

  function stop() {
    clearTimeout(rest);
    for (const quit of quits) quit();
    runs.stop();
    for (const part of pictures) part.stop();
  }

  refresh();
  return { element, refresh, stop, theme: (colours) => pictures.forEach((part) => part.theme(colours)) };
}
