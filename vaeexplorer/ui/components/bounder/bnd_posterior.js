// The true posterior p(z|x) of the image that is looked at, and the encoder's q(z|x) beside it.

import { logDiagonal } from "./bnd_moments.js";
import { Plane } from "./plane.js";
import {
  captionOf, curveMarks, densityAt, dimensionWords, ellipsesOf, placeWords, readPosterior, titlesOf, truthOf, wholeGap,
  windowWith, wordsOf,
} from "./bnd_posterior_read.js";
import { bitKeys, bitRows, createLayers } from "./bnd_posterior_table.js";
import { button, el, tint } from "./dom.js";
import { createPanel, createWork, field, formula, kept, whenSeen } from "./panel.js";
import { XY } from "./xy.js";

const MOST = 24;                // answers that are kept for coming back to an image
const LABEL = "True posterior and q of this image";
const LEAD = "Which codes could have made this image? Bayes' rule answers with p(z|x); the encoder's guess is q(z|x).";
const PICK = "Pick an image above: its true posterior appears here.";
const WAIT = "With more than two latent dimensions the posterior has to be found first: a Gaussian with full "
  + "covariance is fitted to this image, and draws of it are weighted. That takes some seconds.";

function lines() {
  const { line, words, link } = formula, x = () => tint("input", "x"), z = () => tint("z", "z");
  const q = () => tint("encoder", "q(z|x)"), p = () => tint("z", "p(z|x)");
  return [
    line(p(), " = ", tint("decoder", "p(x|z)"), " p(", z(), ") ⁄ p(", x(), ")"),
    words("Bayes' rule. The denominator is what the estimators above find: with it the true posterior is known up to ",
          "their error; on a grid it is exact."),
    line("log p(", x(), ") − ELBO = ", tint("gap", "KL("), q(), tint("gap", " ‖ "), p(), tint("gap", ")")),
    words("So the gap is nothing but the difference of these two shapes. D. P. Kingma and M. Welling, “Auto-Encoding ",
          "Variational Bayes”, ICLR 2014, eq. 1 to 3, ", link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"),
          ". What independent dimensions cost and what the encoder adds: C. Cremer, X. Li and D. Duvenaud, “Inference ",
          "Suboptimality in Variational Autoencoders”, ICML 2018, ",
          link("https://arxiv.org/abs/1801.03558", "arXiv 1801.03558"), "."),
  ];
}

/** Which two of many dimensions are shown.  onchoose([i, j]), or null for the most different. */
function createDimensions(ctx, onchoose) {
  let shown = [0, 1];
  const axes = ["Dimension across", "Dimension upwards"].map((label, k) => (
    el("select", { "aria-label": label, onchange: () => pick(k) })));
  const most = button(null, "Most different", () => onchoose(null),
                      { title: "The two dimensions in which q errs the most" });
  const element = el("div", { class: "fields" }, field("Across", axes[0]), field("Upwards", axes[1]), most);

  function pick(k) {
    const chosen = axes.map((select) => Number(select.value));
    if (chosen[0] === chosen[1]) chosen[1 - k] = shown[k];      // never a dimension against itself: they change places
    onchoose(chosen);
  }

  function show({ dims, latent_dim: count, marginal_kl: nats }, own) {
    shown = dims;
    axes.forEach((select, k) => {
      const titles = Array.from({ length: count }, (_, i) => dimensionWords(i, nats?.[i], ctx.units));
      select.replaceChildren(...titles.map((title, i) => el("option", { value: String(i) }, title)));
      select.value = String(dims[k]);
    });
    most.setAttribute("aria-pressed", String(!own));
  }

  return { element, show };
}

const first = () => ({ answers: new Map(), shown: new Set(["q", "full", "diagonal", "points"]), wanted: false,
                       dims: null });

/** The panel (ctx as bounder.js makes it). */
export function posterior(ctx) {
  const panel = createPanel({ page: "bounds", id: "posterior", title: "True posterior against q", lines: lines() });
  const keep = kept(ctx, "posterior", first), many = ctx.model.posterior !== "bernoulli" && ctx.model.latent_dim > 2;
  const work = createWork(ctx, { route: "bounds/posterior", what: "Posterior", retry: () => ask(true) });
  const plane = new Plane({ label: LABEL, testid: "posterior-plane", height: 440, readout });
  const curve = new XY({ label: LABEL, testid: "posterior-curve", height: 300 });
  const bits = el("div", { class: "panel-body" });
  const layers = createLayers(keep.shown, () => draw());
  const dimensions = createDimensions(ctx, (pair) => {
    keep.dims = pair;
    ask();
  });
  const start = button("play", "Find the posterior of this image", () => {
    keep.wanted = true;
    ask();
  }, { kind: "primary" });
  const pictures = { plane: plane.element, curve: curve.element, bits };
  const stage = el("div", { class: "posterior-stage", hidden: true }, el("div", {}, Object.values(pictures)),
                   el("div", { class: "scroll" }, layers.element));
  let found = null, truth = null, gap = null, seen = false;

  dimensions.element.hidden = true;
  panel.tools.append(dimensions.element);
  panel.body.append(start, work.element, stage);

  const question = () => ({ model: ctx.model.name, image: ctx.state.active, seed: ctx.state.seed, dims: keep.dims });

  /** Ask for what is to be seen, unless it is known; wait for a click where that takes long. */
  async function ask(again = false) {
    const { active } = ctx.state, waits = many && !keep.wanted;
    start.hidden = !active || !waits;
    if (!active || waits) return nothing(active ? WAIT : PICK);
    if (!seen) return null;
    const body = question(), key = JSON.stringify(body), known = keep.answers.get(key);
    if (known) {
      work.stop();
      return show(known);
    }
    stage.classList.add("stale");
    const fresh = await work.ask(body, { again, read: async (answer) => readPosterior(await answer.arrayBuffer()) });
    if (!fresh) return work.running ? null : nothing(LEAD);
    keep.answers.set(key, fresh);
    for (const old of keep.answers.keys()) if (keep.answers.size > MOST) keep.answers.delete(old);
    return JSON.stringify(question()) === key ? show(fresh) : null;
  }

  function nothing(words) {
    found = null;
    work.stop();
    stage.hidden = dimensions.element.hidden = true;
    panel.say(words);
    panel.note("");
  }

  function show(fresh) {
    found = fresh;
    truth = truthOf(fresh);
    gap = wholeGap(fresh, truth);
    stage.classList.remove("stale");
    stage.hidden = false;
    for (const [shape, element] of Object.entries(pictures)) element.hidden = shape !== fresh.shape;
    stage.classList.toggle("alone", fresh.shape === "bits");
    layers.element.hidden = fresh.shape === "bits";
    if (fresh.shape !== "bits") layers.fill(fresh, truth);
    draw();
    describe();
  }

  function describe() {
    dimensions.element.hidden = !many;
    if (many) dimensions.show(found, keep.dims);
    panel.say(wordsOf(found, { truth, gap, units: ctx.units }));
    panel.note(captionOf(found, { title: ctx.state.titles?.get(ctx.state.active), many,
                                  stretched: plane.scale?.stretched }));
  }

  function readout(u, v) {
    if (!found?.density) return null;
    const log = densityAt(found, u, v);
    return placeWords([u, v], titlesOf(found), { log, own: logDiagonal(u, v, found.q) }, ctx.units);
  }

  const drawing = {
    plane() {
      const { shown } = keep, { density, size, window, prior, points } = found;
      plane.show({
        window: shown.has("prior") && prior ? windowWith(window, prior) : window, titles: titlesOf(found),
        density: density && { values: density, size, window, colour: "z" },
        points: points && shown.has("points") ? { values: points, colour: "z" } : null,
        ellipses: ellipsesOf(found, shown),
      });
    },
    curve() {
      const [low, high] = found.window;
      curve.show({ marks: curveMarks(found, keep.shown), x: { low, high, label: titlesOf(found)[0] },
                   y: { low: 0, label: "density" } });
    },
    bits: () => bits.replaceChildren(bitKeys(), bitRows(found.bits)),
  };
  const draw = () => found && drawing[found.shape]();

  const forget = whenSeen(panel.element, () => {
    seen = true;
    ask();
  });
  const unsubscribe = ctx.state.subscribe((changed) => {
    if (changed.has("active") || changed.has("seed")) ask();
    else if (found && (changed.has("units") || changed.has("sign"))) describe();
  });
  panel.say(LEAD);
  ask();

  return {
    element: panel.element,
    refresh() {
      if (!found) ask();
    },
    theme(colours) {
      plane.theme(colours);
      curve.theme(colours);
    },
    stop() {
      forget();
      unsubscribe();
      work.stop();
      plane.stop();
      curve.stop();
    },
  };
}
