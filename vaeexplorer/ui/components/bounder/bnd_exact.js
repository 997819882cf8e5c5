// The playground: an exact model with two latent dimensions, and a q that a hand can move. All closed forms follow the
// hand at once; the importance-weighted bound, which must be sampled, is asked of the app when it rests.

import { createSliders, createTerms, MEAN, STD } from "./bnd_exact_parts.js";
import { diagonal, exactTerms, logNormal, START } from "./bnd_gaussian.js";
import { logDiagonal } from "./bnd_moments.js";
import { exactWords } from "./bnd_panel_words.js";
import { Plane, reachOf } from "./plane.js";
import { placeWords } from "./bnd_posterior_read.js";
import { createUnits } from "./bnd_units.js";
import { button, debounce, el, throttle, tint } from "./dom.js";
import { createPanel, formula, kept, keyOf, whenSeen } from "./panel.js";
import { XY } from "./xy.js";

const SAMPLES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const REST = 150;               // ms after the last change until the app is asked
const FRAME = 40;               // ms between two drawings of the chart
const WINDOW = [-2.2, 2.6, -2.2, 2.2];
const TITLES = ["z1", "z2"];
const OUTER = reachOf(0.9);
const UNIT = [[1, 0], [0, 1]];

const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const whole = (count) => count.toLocaleString("en-US");
const copy = ({ x, mean, std }) => ({ x: [...x], mean: [...mean], std: [...std] });

/** Marks of the importance-weighted bound over K.  Args: curve (of bounds/exact); terms; units. */
export function curveMarks(curve, terms, units) {
  const write = units.number, name = units.names().bound;
  const level = (nats, colour, words) => ({ type: "level", y: write(nats), colour, words, label: words });
  const bound = curve.map(([samples, value, stderr]) => {
    const ends = [write(value - 1.96 * stderr), write(value + 1.96 * stderr)].sort((a, b) => a - b);
    return [samples, write(value), ...ends];
  });
  const foretold = curve.filter(([, , , predicted]) => Number.isFinite(predicted ?? NaN) && predicted > terms.elbo)
    .map(([samples, , , predicted]) => [samples, write(predicted)]);
  const rule = "log p − relative variance ⁄ 2K";
  return [
    level(terms.logMarginal, "text", `${units.name()}, exact`), level(terms.elbo, "encoder", name),
    { type: "line", points: foretold, colour: "quiet", dash: true, dots: false, label: rule },
    { type: "line", points: bound, colour: "mu", errors: "bars", label: "E L_K, sampled" },
  ];
}

function lines() {
  const { line, words, sub, sup, link } = formula, x = () => tint("input", "x"), z = () => tint("z", "z");
  const noise = () => tint("noise", "noise"), squared = () => sup("2"), inverted = () => ["Λ", sup("−1")];
  return [
    line(x(), " = W", z(), " + b + ", noise(), ",   ", z(), " ~ N(0, I),   ", noise(), " ~ N(0, s", squared(), " I)"),
    line(tint("z", "p(z|x)"), " = N(", ...inverted(), "W′(", x(), " − b)⁄s", squared(), ", ", ...inverted(),
         "),   Λ = I + W′W⁄s", squared()),
    words("W is 3 × 2, s", squared(), " = 0.25. Everything has a closed form, so the estimators can be held to the ",
          "truth. Probabilistic principal components: M. E. Tipping and C. M. Bishop 1999."),
    line(tint("sigma", "approximation"), " = ½ [ ∑", sub("i"), " log Λ", sub("ii"), " − log det Λ ],   ",
         tint("gap", "amortization"), " = gap − approximation"),
    words("The best q with independent dimensions has the posterior's mean and the variances 1⁄Λ", sub("ii"),
          " (R. E. Turner and M. Sahani 2011)."),
    line("log p(", x(), ") − E L", sub("K"), " ≈ Var(w) ⁄ (2K p(", x(), ")", squared(), ")"),
    words("Good for many samples only, and only while the variance is finite: 2Λ must exceed the inverse variances of ",
          "q, so q may not be much narrower than the posterior. C. J. Maddison and others 2017, ",
          link("https://arxiv.org/abs/1705.09279", "arXiv 1705.09279"), "."),
  ];
}

const keys = () => el("div", { class: "keys" }, [
  { colour: "z", words: "true posterior p(z|x)", filled: true }, { colour: "encoder", words: "q, yours" },
  { colour: "sigma", words: "best independent q", dash: true }, { colour: "quiet", words: "prior", dash: true },
].map(keyOf));

/** The panel (ctx as bounder.js makes it). */
export function exact(ctx) {
  const panel = createPanel({ page: "bounds", id: "exact", lines: lines(),
                              title: "Playground: a model in which everything is known" });
  const keep = kept(ctx, "exact", () => copy(START)), units = createUnits(ctx.state, START.x.length);
  const plane = new Plane({ label: "True posterior and the q that you can move", testid: "exact-plane", height: 480,
                            readout, handles, dropped: () => soon() });
  const chart = new XY({ label: "Importance-weighted bound against samples", testid: "exact-chart", height: 240 });
  const sliders = createSliders(keep, () => changed()), table = createTerms();
  const error = el("p", { class: "error", role: "alert", hidden: true });
  let terms = exactTerms(keep), answer = null, asked = "", seen = false, gone = false;

  const presets = [
    [null, "Best independent q", "The posterior's mean, variances 1/Λii", () => terms.best],
    [null, "Prior", "q = N(0, I)", () => ({ mean: [0, 0], std: [1, 1] })],
    [null, "Too narrow", "Half as wide as the best one: the variance of the weights is infinite",
     ({ best } = terms) => ({ mean: best.mean, std: best.std.map((s) => s / 2) })],
    ["reset", "Reset", "The numbers it began with", () => START],
  ].map(([icon, words, title, wish]) => button(icon, words, () => set(wish()), { title }));
  panel.body.append(
    el("div", { class: "playground" }, el("div", { class: "panel-body" }, plane.element, keys()),
       el("div", { class: "panel-body" }, el("div", { class: "playground-sliders" }, sliders.elements),
          el("div", { class: "line" }, presets), table.elements)),
    error, chart.element);

  function set(wish) {
    for (const [name, values] of Object.entries(wish)) {
      if (name in keep) values.forEach((value, i) => { keep[name][i] = value; });
    }
    changed();
  }

  function changed() {
    follow();
    soon();
  }

  /** q's middle, and its outer line to the right and above, can be held. */
  function handles() {
    const { mean, std } = keep, [m, n] = mean, wide = (off) => clamp(Math.abs(off) / OUTER, STD);
    const handle = (name, at, colour, move) => ({ name, at, colour, moved(u, v) {
      move(u, v);
      follow();
    } });
    return [
      handle("mean", mean, "mu", (u, v) => { [mean[0], mean[1]] = [clamp(u, MEAN), clamp(v, MEAN)]; }),
      handle("right", [m + OUTER * std[0], n], "sigma", (u) => { std[0] = wide(u - m); }),
      handle("above", [m, n + OUTER * std[1]], "sigma", (u, v) => { std[1] = wide(v - n); }),
    ];
  }

  /** Everything in closed form, at once. */
  function follow() {
    terms = exactTerms(keep);
    sliders.write();
    table.fill(terms, units);
    panel.say(exactWords(terms, units));
    note();
    drawPlane();
    redraw();
  }

  function note() {
    const draws = answer ? `means over ${whole(answer.draws)} draws, bars 95 %` : "being sampled";
    panel.note(`Closed forms: exact. E L_K: ${draws}, each a ${units.kindWord("lower bound")} of ${units.name()}; `
      + `unit: ${units.label()}. The lines hold 50 % and 90 % of the probability. Drag the orange point to move q, the `
      + "green ones to widen it. Source: linear Gaussian model, Tipping and Bishop 1999.");
  }

  function drawPlane() {
    plane.show({
      window: WINDOW, titles: TITLES, density: null, points: null,
      ellipses: [
        { mean: [0, 0], covariance: UNIT, colour: "quiet", dash: [5, 5] },
        { ...terms.posterior, colour: "z", fill: true },
        { ...diagonal(terms.best), colour: "sigma", dash: [7, 4] }, { ...diagonal(keep), colour: "encoder" },
      ],
    });
  }

  function readout(u, v) {
    const { mean, covariance } = terms.posterior;
    const both = { own: logDiagonal(u, v, keep), log: logNormal([u, v], mean, covariance) };
    return placeWords([u, v], TITLES, both, units);
  }

  const redraw = throttle(() => {
    if (gone) return;
    const curve = answer && asked === JSON.stringify(question()) ? answer.curve : [];
    chart.show({ marks: curveMarks(curve, terms, units),
                 x: { kind: "log", low: 1, high: SAMPLES.at(-1), label: "samples K" }, y: { label: units.label() } });
  }, FRAME);

  const question = () => ({ ...copy(keep), samples: SAMPLES, seed: ctx.state.seed, model: ctx.model.name });
  const send = ctx.jobs.latest(async () => {
    const body = question();
    try {
      const found = await (await ctx.ask("bounds/exact", "Playground", body)).json();
      if (gone) return;
      [answer, asked] = [found, JSON.stringify(body)];
      error.hidden = true;
      note();
      redraw();
    } catch (problem) {
      if (gone) return;
      error.hidden = false;
      error.textContent = problem.message;
    }
  });
  const soon = debounce(() => {
    if (seen && !gone) send();
  }, REST);

  const forget = whenSeen(panel.element, () => {
    seen = true;
    send();
  });
  const unsubscribe = ctx.state.subscribe((names) => {
    if (names.has("units") || names.has("sign")) follow();
    if (names.has("seed")) soon();
  });
  follow();

  return {
    element: panel.element,
    refresh: follow,
    theme(colours) {
      plane.theme(colours);
      chart.theme(colours);
    },
    stop() {
      gone = true;
      forget();
      unsubscribe();
      plane.stop();
      chart.stop();
    },
  };
}
