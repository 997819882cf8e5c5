// The log in the wrong place: two fits of two bells side by side, and what they are worth while they learn.

import { el, figure, setText, tint } from "./dom.js";
import { bellColours, drawFit } from "./lab_two_bells_panel.js";
import { formula } from "./panel.js";
import { surface } from "./plot.js";
import { XY } from "./xy.js";

const SIDES = ["outside", "inside"];

/** What a fit's heading says. draws: averaged inside the log, for the second fit. */
export function headings(draws) {
  const inside = draws === 1 ? ["log inside: the wrong place", "average of log p(x|z)"]
    : [`log of ${draws} draws`, `average of log [ mean of ${draws} × p(x|z) ]`];
  return { outside: ["log outside: the right place", "log of the average of p(x|z)"], inside };
}

/** The part of what there is to know about z that a point gives away, 0..1. */
export function known({ information, weights }) {
  const all = -weights.reduce((sum, weight) => sum + (weight > 0 ? weight * Math.log(weight) : 0), 0);
  return all > 0 ? Math.min(1, Math.max(0, information / all)) : 0;
}

/** A sentence below a fit: what its model is worth, and what z means in it. */
export function worth(fit) {
  const share = Math.round(100 * known(fit));
  const means = share ? `a point gives away ${share} % of which bell made it`
    : "a point gives away nothing of which bell made it";
  return `log p(x) = ${figure(fit.log_p, 3)} nats a point (exact); ${means}`;
}

/** Marks of the chart up to a moment; `best`: what expectation maximisation has found so far. */
export function courses(moments, index) {
  const seen = moments.slice(0, index + 1), best = seen.at(-1).data.best;
  const line = (name, label, colour) => ({
    type: "line", label, colour, dots: false, width: 2.6,
    points: seen.map(({ data }) => [Math.max(1, data.step), data[name].log_p]),
  });
  const roof = best === undefined ? [] : [{ type: "level", y: best, colour: "quiet", words: "the best two bells can do",
                                           side: "left", label: "best, by another method" }];
  return [...roof, line("inside", "log inside", "gap"), line("outside", "log outside", "decoder")];
}

function lines() {
  const { line, words, sub, link } = formula, x = () => tint("input", "x"), z = () => tint("z", "z");
  const mean = () => ["E", sub("p(z)")];
  return [
    line("log p(", x(), ") = log ", ...mean(), "[ p(", x(), "|", z(), ") ]  ≥  ", ...mean(), "[ log p(", x(), "|", z(),
         ") ]"),
    words("The answer in text 003: the log may not be pushed inside. By Jensen's inequality the right-hand side is a ",
          "lower bound, the ELBO with q = prior; it loses KL(p(z) ‖ p(z|x)), and a model trained with it gets that ",
          "loss back by letting z say nothing about x."),
    line("∑", sub("k"), " w", sub("k"), " · mean of log N(", x(), "; ", tint("mu", "m", sub("k")), ", ",
         tint("sigma", "s", sub("k")), "²):   ", tint("mu", "m", sub("k")), " = mean of ", x(), ",   ",
         tint("sigma", "s", sub("k")), " = standard deviation of ", x()),
    words("Each term is the likelihood of a single bell on all points, so its optimum is the same for every k, and ",
          "its height −½ log 2πe s² as well: the weights do not matter any more."),
    line(tint("encoder", "q(z = k|x)"), " = w", sub("k"), " N(", x(), "; m", sub("k"), ", s", sub("k"), "²) ⁄ p(", x(),
         "),   gap = 0"),
    words("With the log outside, the gradient weighs each point by these responsibilities, the exact posterior. With ",
          "K draws inside, the bound rises to log p(x) as K grows: Y. Burda and others 2016, ",
          link("https://arxiv.org/abs/1509.00519", "arXiv 1509.00519"), "."),
  ];
}

/** One fit: heading, canvas, sentence. Returns: { element, canvas, show(heading, fit) }. */
function createSide(name) {
  const title = el("strong", { class: name === "outside" ? "is-decoder" : "is-gap" }), rule = el("span", {});
  const canvas = el("canvas", { role: "img", "data-testid": `lw-${name}` }), note = el("p", { class: "lw-note" });
  const element = el("figure", { class: "lw-side" }, el("figcaption", {}, title, " ", rule), canvas, note);
  function show([first, second], fit) {
    setText(title, first);
    setText(rule, second);
    setText(note, worth(fit));
    canvas.setAttribute("aria-label", `${first}: bells at ${figure(fit.means[0])} and ${figure(fit.means[1])}, `
      + `widths ${figure(fit.stds[0])} and ${figure(fit.stds[1])}`);
  }
  return { element, canvas, show };
}

export function picture(ctx) {
  const sides = Object.fromEntries(SIDES.map((name) => [name, createSide(name)]));
  const chart = new XY({ label: "What both fits are worth while they learn", testid: "lw-chart", height: 150,
                         empty: "the course of both fits appears here" });
  chart.canvas.classList.add("lw-course");
  chart.canvas.style.height = "";
  const element = el("div", { class: "lw" }, SIDES.map((name) => sides[name].element),
    el("figure", { class: "lw-wide" },
      el("figcaption", {}, "What each fit is worth, by the right measure: mean log p(x), the higher the better"),
      chart.element));
  let look = null, shown = null;

  function draw() {
    if (!look || !shown) return;
    const { about, data } = shown;
    for (const name of SIDES) {
      const ground = surface(sides[name].canvas);
      const draws = name === "outside" ? null : about.draws;
      if (ground) drawFit(ground, data[name], about, draws, look, getComputedStyle(element).fontFamily);
    }
  }

  const sizes = new ResizeObserver(draw);
  for (const name of SIDES) sizes.observe(sides[name].canvas);
  return {
    element, formula: lines(),
    show(moments, index) {
      if (index < 0) return;
      shown = { about: moments[0].data.about, data: moments[index].data };
      const heads = headings(shown.about.draws);
      for (const name of SIDES) sides[name].show(heads[name], shown.data[name]);
      chart.show({ marks: courses(moments, index), x: { kind: "log", low: 1, high: 2000, label: "step" },
                   y: { label: "nats per point" } });
      draw();
    },
    theme(colours, theme) {
      look = { colours, theme };
      const [first, second] = bellColours(theme);
      element.style.setProperty("--bell-1", first);
      element.style.setProperty("--bell-2", second);
      chart.theme(colours);
      draw();
    },
    stop() {
      sizes.disconnect();
      chart.stop();
    },
  };
}
