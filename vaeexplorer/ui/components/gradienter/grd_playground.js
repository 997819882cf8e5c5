// The playground: one gradient in one dimension, estimated in two ways from the same draws. It needs no app: everything
// is computed here, the variances in closed form or by quadrature.

import { button, el, icon, setText, throttle, tint } from "./dom.js";
import { momentsOf, variancesOf } from "./grd_formulas.js";
import { FUNCTIONS } from "./grd_functions.js";
import { colourOf } from "./grd_looks.js";
import { createExamples, createKnobs, createNumbers, EXAMPLES, START } from "./grd_playground_controls.js";
import { binned, estimateAt, estimates, summary } from "./grd_playground_draws.js";
import { Stage } from "./grd_playground_stage.js";
import { exactly, filled, leadWords } from "./grd_playground_words.js";
import { createChoice, createPanel, formula, kept, whenSeen } from "./panel.js";
import { freshSeed, normals } from "./random.js";
import { parts } from "./scales.js";
import { prefersStillness } from "./theme.js";
import { XY } from "./xy.js";

const MANY = 2000;              // estimates behind a histogram
const BINS = 61;
const THROW = 1150, REST = 450; // ms of a throw, and until the next
const MORE = 1.6;               // times as many estimates after each throw
const FRAME = 60;               // ms between two drawings of the histograms
const GENTLE = 30;              // ms between two drawings of the stages: half the screen's rate, for batteries
const FEWEST = 4;               // estimates that the axis has room for
const WIDE = 3.2, NEAR = 2.5, PART = 0.3;       // standard deviations on a chart, on the stage; part of its width

const WAYS = {
  pathwise: { estimator: "pathwise", title: "Pathwise: follow the slope", words: {
    mu: "Each draw of q lands on f and feels the slope under it: that is where q should move.",
    lam: "Each draw of q lands on f and feels the slope under it: outwards, q should widen; inwards, narrow.",
  } },
  score: { estimator: "score_function", title: "Score function: compare the heights", words: {
    mu: "Each draw reports how high it landed, measured from C. q should move towards draws above C, and away from "
      + "draws below.",
    lam: "Each draw reports how high it landed, measured from C. High draws far out want q wider, high ones near the "
      + "middle narrower; low ones the opposite.",
  } },
};

function lines() {
  const { line, words, sub, sup, link } = formula, f = () => tint("decoder", "f"), z = () => tint("z", "z");
  const q = () => tint("encoder", "q"), mu = () => tint("mu", "μ"), sigma = () => tint("sigma", "σ");
  const noise = () => tint("noise", "ε");
  return [
    line(z(), " = ", mu(), " + ", sigma(), noise(), ",   ", noise(), " ~ N(0, 1):   ∂E", sub("q"), f(), " ⁄ ∂", mu(),
         " = E[", f(), "′(", z(), ")],   ∂E", sub("q"), f(), " ⁄ ∂log ", sigma(), " = E[", f(), "′(", z(), ") ",
         sigma(), noise(), "]"),
    words("Pathwise, the reparametrization trick: the draw moves with q. D. P. Kingma and M. Welling 2014, ",
          link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"),
          ", section 2.4. It needs an f that is continuous and has a slope almost everywhere."),
    line("∂E", sub("q"), f(), " = E[(", f(), "(", z(), ") − C) ∂log ", q(), "(", z(), ")],   ∂log ", q(), " ⁄ ∂", mu(),
         " = (", z(), " − ", mu(), ") ⁄ ", sigma(), sup("2"), ",   ∂log ", q(), " ⁄ ∂log ", sigma(), " = ", noise(),
         sup("2"), " − 1"),
    words("Score function: R. J. Williams 1992. It needs no slope of f. A baseline C changes no mean, since the score ",
          "is 0 on average, as long as C does not depend on that draw. The mean of the other draws may serve: ",
          "leave-one-out, W. Kool, H. van Hoof and M. Welling 2019."),
    line("best C = E[", f(), " score", sup("2"), "] ⁄ E[score", sup("2"), "]   (for a hill: E ", f(), " + 2a", sigma(),
         sup("2"), " for ", mu(), ", E ", f(), " + 4a", sigma(), sup("2"), " for log ", sigma(), ")"),
    words("With it, Var(score) − Var(pathwise) = 2m", sup("2"), " + 2a", sup("2"), "σ", sup("2"),
          " for μ on every hill a z² + b z + c, with m = 2aμ + b: pathwise wins. That is no law: on cos(w z) with ",
          "w σ > 1 it loses."),
  ];
}

const start = () => ({ ...START, values: { ...START.values } });

/** Standard normal draws, made once for a seed and a number of them. */
function createDraws() {
  let known = null;
  return (seed, number) => {
    if (known?.seed !== seed || known.noise.length < number) known = { seed, noise: normals(seed, number) };
    return known.noise;
  };
}

/** The panel (ctx as gradienter.js makes it), with touch(): the first touch of the page ends what moves by itself. */
export function playground(ctx) {
  const panel = createPanel({ page: "gradients", id: "playground", lines: lines(),
                              title: "Playground: two ways to one gradient" });
  const keep = kept(ctx, "gradients-playground", start), knobs = createKnobs(keep, change);
  const examples = createExamples((id) => (
    change({ ...start(), seed: keep.seed, by: keep.by, ...EXAMPLES.find((one) => one[0] === id)[3] }, id)));
  const kinds = Object.entries(FUNCTIONS).map(([name, { title }]) => [name, title]);
  const shape = createChoice("the function f", kinds, keep.kind, (kind) => (
    change({ kind, values: { ...FUNCTIONS[kind].start } })));
  const by = createChoice("what moves", [["mu", "move q: by μ"], ["lam", "widen q: by log σ"]], keep.by,
                          (id) => change({ by: id }));
  const mode = createChoice("baseline", [["constant", "C by hand"], ["mean", "mean of f"], ["best", "best C"],
                                         ["others", "the other draws"]], keep.mode, (id) => change({ mode: id }));
  const scale = createChoice("scale of the histograms", [["same", "same scale"], ["own", "own scales"]], keep.scale,
                             (id) => change({ scale: id }, keep.example));
  const play = button("pause", "Pause", () => (playing ? settle() : begin()), { label: "let draws fall, or stop" });
  const another = button("die", "Other draws", () => change({ seed: freshSeed() }, keep.example));
  const words = el("p", { class: "formula", "data-testid": "playground-f" });
  const draws = createDraws(), named = Object.entries(WAYS).map(([name, about]) => [name, createWay(name, about)]);
  const ways = Object.fromEntries(named);
  let state = null, colours = null, theme = "light";
  let playing = false, frame = 0, began = 0, drawn = 0, seen = true, touched = false;
  let shown = { index: 0, time: 1, counted: MANY };

  panel.element.classList.add("playing-ground");
  panel.body.append(
    examples.element,
    el("div", { class: "play-controls" },
       el("div", { class: "line" }, shape.element, by.element, play, another, words), knobs.element,
       el("div", { class: "line" }, el("span", { class: "words" }, "Baseline C of the score function:"), mode.element,
          el("span", { class: "words" }, "Histograms:"), scale.element)),
    el("div", { class: "ways" }, Object.values(ways).map((way) => way.element)));

  function createWay(name, { title }) {
    const stage = new Stage({ way: name, label: title, testid: `stage-${name}`,
                              onDrag: (z) => change({ mu: Math.min(3, Math.max(-3, z)) }) });
    const chart = new XY({ label: `Histogram of estimates: ${title}`, testid: `estimates-${name}`, height: 150 });
    const numbers = createNumbers(`numbers-${name}`), beyond = el("p", { class: "words" });
    const heading = el("h4", {}, title), said = el("p", { class: "words" });
    const element = el("section", { class: "way", "data-way": name, "aria-label": title }, heading,
                       said, stage.element, chart.element, beyond, numbers.element);
    return { element, stage, chart, numbers, beyond, heading, said };
  }

  /** A hand changed something; `example` is the example that it came from, if any. */
  function change(patch, example = null) {
    Object.assign(keep, patch, { example });
    if (keep.mode === "others" && keep.samples < 2) keep.samples = 2;
    settle();
    compute();
  }

  /** Everything that follows from the settings. */
  function compute() {
    const f = FUNCTIONS[keep.kind].of({ ...keep.values, c: keep.c }), moments = momentsOf(f, keep.mu, keep.sigma);
    const wanted = { constant: keep.baseline, mean: moments.mean, best: moments.by[keep.by].best };
    if (keep.mode in wanted) keep.baseline = wanted[keep.mode];
    const settings = { mu: keep.mu, sigma: keep.sigma, by: keep.by, samples: keep.samples,
                       others: keep.mode === "others", baseline: keep.baseline };
    const noise = draws(keep.seed, MANY * keep.samples), variances = variancesOf(moments, settings);
    state = { f, moments, settings, variances, noise, values: estimates(f, settings, noise, MANY) };
    for (const [one, value] of [[shape, keep.kind], [by, keep.by], [mode, keep.mode], [scale, keep.scale]]) {
      one.set(value);
    }
    examples.mark(keep.example === undefined ? "start" : keep.example);
    knobs.show();
    setText(words, FUNCTIONS[keep.kind].words);
    for (const [name, { said }] of Object.entries(ways)) setText(said, WAYS[name].words[keep.by]);
    panel.say(leadWords(moments, variances, settings));
    note();
    draw();
  }

  function note() {
    const { moments: { how }, settings: { samples } } = state;
    panel.note(`Both ways use the same draws (seed ${keep.seed}); one estimate is the mean of S = ${samples} `
      + `${samples === 1 ? "draw" : "draws"}, ± is one standard error of what was measured. `
      + `Variances and true gradient: ${how}. The bold arrow is the estimate of the draws that are shown, thin ones `
      + "are single draws. Drag a picture to move q.");
  }

  function draw() {
    drawStages();
    drawCharts();
  }

  /** Pixels of a gradient of 1, over the width of a stage: the surer way fits on it, the other one as it may. */
  function unit() {
    const { moments, settings, variances } = state, g = Math.abs(moments.by[settings.by].gradient);
    const spreads = Object.values(variances).filter((v) => v > 1e-12).map(Math.sqrt);
    const reach = g + NEAR * (spreads.length ? Math.min(...spreads) : 0);
    return PART / (reach > 0 ? reach : 1);
  }

  function drawStages() {
    const { f, moments, settings, noise } = state, { mu, sigma, by: of, others, baseline } = settings;
    const estimate = estimateAt(f, settings, noise, shown.index * settings.samples), level = others
      ? estimate.draws.reduce((sum, { value }) => sum + value, 0) / estimate.draws.length : baseline;
    for (const [name, { stage }] of Object.entries(ways)) {
      stage.show({ f, mu, sigma, by: of, others, estimate, unit: unit(), time: shown.time,
                   baseline: name === "score" ? level : null, gradient: moments.by[of].gradient,
                   colour: colours ? colourOf(WAYS[name].estimator, theme) : "" });
    }
    panel.element.dataset.counted = String(shown.counted);
  }

  function rangeOf(name) {
    const { moments, settings, variances } = state, { gradient, pathwise } = moments.by[settings.by];
    const off = name === "pathwise" ? Math.abs(pathwise.mean - gradient) : 0;
    return off + WIDE * Math.sqrt(variances[name]);
  }

  function drawCharts() {
    const { moments, settings, variances, values, f } = state, { gradient } = moments.by[settings.by];
    const both = Math.max(...Object.keys(ways).map(rangeOf)), text = filled(f, moments, variances, settings);
    for (const [name, { chart, numbers, beyond }] of Object.entries(ways)) {
      const reach = (keep.scale === "same" ? both : rangeOf(name)) || both || 1;
      const bars = binned(values[name], gradient - reach, gradient + reach, BINS, shown.counted);
      const colour = colours ? colourOf(WAYS[name].estimator, theme) : "text";
      chart.show({
        marks: [{ type: "histogram", ...bars, colour, label: "estimates" },
                { type: "upright", x: gradient, colour: "text", words: "true gradient" }],
        x: { low: gradient - reach, high: gradient + reach, label: "estimates of the gradient" },
        y: { low: 0, high: 1.12 * Math.max(FEWEST, ...bars.counts) },
      });
      chart.describe(`${WAYS[name].title}: histogram of ${shown.counted} estimates; `
        + `true gradient ${exactly(gradient)}, variance ${exactly(variances[name])}`);
      const outside = bars.below + bars.above;
      setText(beyond, outside ? `${outside.toLocaleString("en-US")} estimates lie beyond the chart.` : "");
      numbers.fill(rowsOf(name), text[name]);
    }
  }

  function rowsOf(name) {
    const { moments, settings, variances, values } = state, { gradient } = moments.by[settings.by];
    const found = summary(values[name], Math.max(1, shown.counted)), count = shown.counted.toLocaleString("en-US");
    const measured = (value, stderr) => {
      if (!shown.counted || !Number.isFinite(value)) return "–";
      const both = parts({ value, stderr });
      return both.error ? `${both.value} ${both.error}` : exactly(value);
    };
    return [
      ["true gradient", exactly(gradient)],
      [`mean of ${count} ${shown.counted === 1 ? "estimate" : "estimates"}`, measured(found.mean, found.stderr)],
      ["variance of one estimate", exactly(variances[name])],
      ["variance, measured", measured(found.variance, found.varianceError)],
    ];
  }

  const redraw = throttle(() => drawCharts(), FRAME);

  /** The next throw: few at first, then more and more of them are counted at a time. */
  function next() {
    const { counted } = shown, more = counted < 3 ? counted + 1 : Math.min(MANY, Math.round(counted * MORE));
    shown = counted >= MANY ? { ...shown, index: (shown.index + 1) % MANY, time: 0 }
      : { counted, index: more - 1, time: 0 };
  }

  function tick(now) {
    frame = requestAnimationFrame(tick);
    if (!seen || now - drawn < GENTLE) return;
    drawn = now;
    const time = (now - began) / THROW, rests = shown.time === 1;
    if (time >= 1 && shown.time < 1) {
      shown.counted = Math.max(shown.counted, shown.index + 1);
      redraw();
    }
    if (now - began >= THROW + REST) {
      began = now;
      next();
    } else shown.time = Math.min(1, time);
    if (!rests || shown.time < 1) drawStages();
  }

  function begin() {
    if (playing) return;
    if (shown.counted >= MANY) shown = { index: 0, time: 0, counted: 0 };
    playing = true;
    began = performance.now();
    frame = requestAnimationFrame(tick);
    sayPlay();
    drawCharts();
  }

  /** Nothing moves any more; all estimates are counted. */
  function settle() {
    const was = playing;
    playing = false;
    cancelAnimationFrame(frame);
    shown = { ...shown, time: 1, counted: MANY };
    sayPlay();
    if (was && state) draw();
  }

  function sayPlay() {
    play.replaceChildren(icon(playing ? "pause" : "play"), el("span", {}, playing ? "Pause" : "Let draws fall"));
    panel.element.dataset.playing = String(playing);
  }

  const watcher = new IntersectionObserver((entries) => { seen = entries.at(-1).isIntersecting; });
  watcher.observe(panel.element);
  compute();
  sayPlay();
  const forget = whenSeen(panel.element, () => {
    if (!touched && !prefersStillness()) begin();
  });

  return {
    element: panel.element,
    refresh() {},
    touch(event) {
      if (touched) return;
      touched = true;
      if (!event.composedPath().includes(play)) settle();
    },
    theme(fresh, name) {
      [colours, theme] = [fresh, name];
      for (const [id, { stage, chart, heading }] of Object.entries(ways)) {
        heading.style.color = colourOf(WAYS[id].estimator, theme);
        stage.theme(fresh);
        chart.theme(fresh);
      }
      draw();
    },
    stop() {
      cancelAnimationFrame(frame);
      forget();
      watcher.disconnect();
      for (const { stage, chart } of Object.values(ways)) {
        stage.stop();
        chart.stop();
      }
    },
  };
}
