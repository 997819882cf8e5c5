// A bound without a floor: digits and the noisy pictures of two models, the bell over one pixel that becomes a needle,
// and the score that goes through the other one's ceiling.

import { el, figure, setText, tint } from "./dom.js";
import { drawBells } from "./lab_no_floor_bells.js";
import { createTiles } from "./lab_no_floor_tiles.js";
import { formula } from "./panel.js";
import { surface } from "./plot.js";
import { XY } from "./xy.js";

export const MODELS = [["learned", "free noise", "decoder"], ["fixed", "fixed noise", "noise"]];

/** A number of nats for people: with a tenth where it is small, thousands separated, a true minus. */
export function nats(value) {
  const size = Math.abs(value), digits = size < 1 ? 2 : size < 1000 ? 1 : 0;
  const text = size >= 1e7 ? value.toExponential(1).replace("e+", " × 10^")
    : value.toLocaleString("en-US", { maximumFractionDigits: digits });
  return text.replace("-", "−");
}

/** Marks of the score's chart up to a moment. */
export function scoreMarks(moments, index) {
  const seen = moments.slice(0, index + 1), roof = moments[0].data.fixed.ceiling;
  const line = ([name, label, colour]) => ({
    type: "line", colour, label, dots: false, width: 2.6, dash: name === "fixed",
    points: seen.map(({ data }) => [data.step, data[name].elbo, data[name].elbo - 1.96 * data[name].stderr,
                                    data[name].elbo + 1.96 * data[name].stderr]),
  });
  return [
    { type: "level", y: roof, colour: "text", words: `ceiling of fixed noise: ${figure(roof, 1)} nats`, side: "left",
      label: "ceiling of fixed noise" },
    ...MODELS.toReversed().map(line),
  ];
}

/** The range of the chart's vertical axis: what has come so far, and always the ceiling. */
export function scoreRange(moments, index) {
  const values = moments.slice(0, index + 1).flatMap(({ data }) => [data.learned.elbo, data.fixed.elbo]);
  const roof = moments[0].data.fixed.ceiling;
  return [Math.max(-120, Math.min(...values, roof - 100)) - 10, Math.max(...values, roof + 60) + 25];
}

function lines() {
  const { line, words, sub, link } = formula, x = () => tint("input", "x"), s = () => tint("decoder", "s");
  const mean = () => tint("decoder", "m(", tint("z", "z"), ")");
  return [
    line("log p(", x(), "|", tint("z", "z"), ") = − ‖", x(), " − ", mean(), "‖² ⁄ 2", s(), "² − (d⁄2) log 2π", s(),
         "²"),
    words("d = 64 pixels. Once the guess m(z) is nearly right, the last term decides: each halving of s wins ",
          "d log 2 = 44.4 nats, without end. A density is no probability: it may exceed 1, and the surprisal ",
          "−log p(x) has no floor."),
    line("s fixed:   log p(", x(), ") ≤ − (d⁄2) log 2πs²,   for s² = 0.02:  66.37 nats"),
    words("Text 001, “Probability Density”: a fixed covariance bounds the likelihood, and a Bernoulli likelihood is ",
          "bounded by 0. D. P. Kingma and M. Welling, ", link("https://arxiv.org/abs/1312.6114", "arXiv 1312.6114"),
          ". On densities without a bound in VAEs: P.-A. Mattei and J. Frellsen, “Leveraging the Exact Likelihood of ",
          "Deep Latent Variable Models”, NeurIPS 2018, ", link("https://arxiv.org/abs/1802.04826", "arXiv 1802.04826"),
          "."),
    line("ELBO = E", sub("q"), "[ log p(", x(), "|", tint("z", "z"), ") ] − KL(", tint("encoder", "q"), " ‖ p(",
         tint("z", "z"), "))  ≤  log p(", x(), ")"),
    words("The score: how well a picture is retold from its code, less the price of the code. It is a lower bound of ",
          "log p(x), so where log p(x) has no ceiling, the score has none either."),
  ];
}

/** The scores on its own pictures and on others, with what drawing the codes makes uncertain: a small table. */
function createScores() {
  const cell = () => [el("span", {}), el("small", {})], cells = MODELS.map(() => [cell(), cell()]);
  const rows = MODELS.map(([, label, colour], i) => el("tr", {}, el("th", { scope: "row" }, tint(colour, label)),
                                                       cells[i].map((parts) => el("td", {}, parts))));
  const head = (words) => el("th", { scope: "col" }, words);
  const element = el("table", { class: "nf-scores", "data-testid": "nf-scores" },
    el("thead", {}, el("tr", {}, ["score: ELBO, nats, sampled", "its own digits", "digits never seen"].map(head))),
    el("tbody", {}, rows));
  const write = ([value, error], number, stderr) => {
    setText(value, nats(number));
    setText(error, ` ± ${nats(Number(stderr.toPrecision(2)))}`);
  };
  const show = (data) => MODELS.forEach(([name], i) => {
    write(cells[i][0], data[name].elbo, data[name].stderr);
    write(cells[i][1], data[name].unseen, data[name].unseen_stderr);
  });
  return { element, show };
}

export function picture(ctx) {
  const bells = el("canvas", { class: "nf-bells", role: "img", "data-testid": "nf-bells" });
  const tiles = createTiles(), scores = createScores();
  const chart = new XY({ label: "Score against training steps", testid: "nf-chart", height: 200,
                         empty: "the score appears here" });
  chart.canvas.classList.add("nf-score");
  chart.canvas.style.height = "";
  const element = el("div", { class: "nf" },
    el("div", { class: "nf-pictures" }, tiles.element, scores.element),
    el("figure", { class: "nf-figure" },
      el("figcaption", {}, "The bell over one pixel: how likely the model finds each grey"), bells),
    el("figure", { class: "nf-figure nf-wide" },
      el("figcaption", {}, "The score while they learn"), chart.element));
  let look = null, shown = [[], -1];

  function draw() {
    const [moments, index] = shown, ground = look && surface(bells);
    if (!ground || index < 0) return;
    drawBells(ground, moments[index].data, look, getComputedStyle(bells).fontFamily);
  }

  const sizes = new ResizeObserver(draw);
  sizes.observe(bells);
  return {
    element, formula: lines(),
    show(moments, index) {
      shown = [moments, index];
      if (index < 0) return;
      const { data } = moments[index], [low, high] = scoreRange(moments, index);
      tiles.show(moments[0].data, data);
      scores.show(data);
      chart.show({ marks: scoreMarks(moments, index), y: { low, high, label: "nats per image" },
                   x: { low: 0, high: Math.max(500, Math.min(data.step * 1.15, 4000)), label: "step" } });
      chart.describe(`Score at step ${data.step}: free noise ${nats(data.learned.elbo)}, fixed noise `
        + `${nats(data.fixed.elbo)} nats, its ceiling ${nats(data.fixed.ceiling)}`);
      bells.setAttribute("aria-label", `Two bells: the free one has width ${data.learned.std}, the fixed one `
        + `${data.fixed.std} of the way from black to white`);
      draw();
    },
    theme(colours) {
      look = colours;
      chart.theme(colours);
      draw();
    },
    stop() {
      sizes.disconnect();
      chart.stop();
    },
  };
}
