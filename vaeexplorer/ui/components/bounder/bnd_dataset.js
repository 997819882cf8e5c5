// A data set's gaps: how they are spread, which images are the worst, and how strangers differ from the model's own.

import { createForm } from "./bnd_dataset_form.js";
import { datasetWords, many, outsideWords, whole } from "./bnd_panel_words.js";
import { createRanked } from "./bnd_ranked.js";
import { ascending, extremes, quantile, separation } from "./bnd_scores.js";
import { histogramMarks, nameOf, QUANTITIES } from "./bnd_spread.js";
import { classColours } from "./colours.js";
import { el, setText, tint } from "./dom.js";
import { createChoice, createPanel, createWork, formula, kept } from "./panel.js";
import { XY } from "./xy.js";
import { sentence } from "./words.js";

const FIRST = 200;              // images, before anybody chose
const SETS = 5;                 // colours for sets side by side
const OWN = ["test", "train"];  // what the model was made for
const LEAD = "How tight is the bound on many images, and on which is it loosest? And does the model know its own kind: "
  + "measure other images too, and compare.";

function lines() {
  const { line, words, sub, link } = formula, x = () => tint("input", "x", sub("i"));
  const divergence = [tint("gap", "KL("), tint("encoder", "q(z|x", sub("i"), ")"), tint("gap", " ‖ "),
                      tint("z", "p(z|x", sub("i"), ")"), tint("gap", ")")];
  return [
    line(tint("gap", "gap"), " = 1⁄N ∑", sub("i"), " [ log p(", x(), ") − ELBO(", x(), ") ] = 1⁄N ∑", sub("i"), " ",
         ...divergence),
    words("Both terms are estimated with draws of their own; log p(x) by a lower bound makes the gap a lower bound, ",
          "too. The gap of a single image can come out a little below zero: that is random error."),
    line("P( log p(", tint("input", "x"), ") > log p(", tint("input", "x′"), ") )"),
    words("In and out of distribution: the share of pairs in which the model's own image is the more likely one, the ",
          "area under the ROC curve; its error by DeLong, DeLong and Clarke-Pearson 1988. That strangers can be more ",
          "likely than a model's own images: E. Nalisnick and others, “Do Deep Generative Models Know What They Don't ",
          "Know?”, ICLR 2019, ", link("https://arxiv.org/abs/1810.09136", "arXiv 1810.09136"), "."),
  ];
}

const start = () => ({ answers: new Map(), quantity: "gap", worst: true, source: "test", of: "test", count: FIRST,
                       method: null, samples: {}, running: null });

/** What stands below the histogram: n, estimator, kind, error, unit, what is doubtful. */
export function captionOf(answer, { units, running, beyond }) {
  const { kind, done, count, complete, samples, counted } = answer, below = answer.gap.filter((gap) => gap < 0).length;
  const state = complete ? "" : running ? " so far" : ", stopped early";
  const draws = samples ? ` with ${whole(samples)} ${counted ?? "samples"}` : "";
  const gap = kind === "exact" ? "unbiased: the ELBO is sampled" : `a ${kind}`;
  return [
    `${whole(done)} of ${whole(count)} images${state};`,
    `log p(x) by ${answer.method_title ?? answer.method}${draws} (${units.kindWord(kind)}), so the gap is ${gap};`,
    `± is the standard error over images; unit: ${units.label()}.`,
    below ? `${many(below, "gap")} came out below zero: random error.` : "",
    beyond ? `Beyond the edges, counted in the outer bars: ${many(beyond, "value")}.` : "",
    sentence(answer.words), "Source: Kingma and Welling 2014, eq. 1.",
  ].filter(Boolean).join(" ");
}

/** A warning of the estimator, with how many images have it. */
const doubt = ({ count, text }, { done }) => (
  el("p", {}, el("span", { class: "badge" }, `${whole(count)} of ${whole(done)}`), ` ${sentence(text)}`));

/** The panel (ctx as bounder.js makes it). */
export function dataset(ctx) {
  const panel = createPanel({ page: "bounds", id: "dataset", title: "A whole data set", lines: lines() });
  const keep = kept(ctx, "dataset", start), { answers } = keep;
  const work = createWork(ctx, { route: "bounds/dataset", what: "Data set", cancels: false,
                                 onPartial: (partial) => take(partial), onState: (busy) => form.busy(busy) });
  const form = createForm(ctx, keep, { onask: (body) => measure(body), onrefuse: work.fail });
  const chart = new XY({ label: "Histogram", testid: "dataset-chart", height: 280, empty: "measure a data set first" });
  const quantity = createChoice("Quantity", Object.keys(QUANTITIES).map((id) => [id, nameOf(id, ctx.units)]),
                                keep.quantity, (id) => {
                                  keep.quantity = id;
                                  draw();
                                });
  const sets = el("div", { class: "keys layers", role: "group", "aria-label": "Measured sets" });
  const outside = el("div", { class: "outside" }), doubts = el("div", { class: "doubts" });
  const ranked = createRanked(ctx, keep);
  let gone = false;

  panel.body.append(form.element, work.element, el("div", { class: "line" }, quantity.element, sets), chart.element,
                    doubts, outside, ranked.element);

  /** The answer grows while it runs; who comes back from another page finds the work going on. */
  async function measure(body, again = true) {
    keep.of = body.source;
    keep.running = body;
    const answer = await work.ask(body, { again, read: (last) => last.json() });
    if (gone) return;
    keep.running = null;
    if (answer) take(answer, true);
    else draw();
  }

  function take(answer, over = false) {
    answers.delete(answer.source);
    answers.set(answer.source, { ...answer, over });
    draw();
  }

  /** The answer whose images are shown and whose words stand above. */
  const current = () => answers.get(keep.of) ?? [...answers.values()].at(-1) ?? null;

  function setsShown() {
    const several = answers.size > 1, palette = classColours(ctx.theme ?? "light", SETS);
    return [...answers.values()].map((answer, k) => ({
      answer, name: answer.title, colour: several ? palette[k % SETS] : QUANTITIES[keep.quantity].colour,
    }));
  }

  function draw() {
    const { units } = ctx, shown = setsShown(), { marks, beyond } = histogramMarks(shown, keep.quantity, units);
    const label = `${nameOf(keep.quantity, units)}, ${units.label()}`, several = shown.length > 1, answer = current();
    chart.show({ marks, x: { label }, y: { low: 0, label: several ? "% of the images of each set" : "images" } });
    chart.describe(`Histogram of ${label}`);
    for (const id of Object.keys(QUANTITIES)) {
      setText(quantity.element.querySelector(`[data-id="${id}"]`), nameOf(id, units));
    }
    sets.replaceChildren(...(several ? shown.map(setKey) : []));
    describe(answer);
    doubts.replaceChildren(...(answer?.warnings ?? []).map((one) => doubt(one, answer)));
    panel.note(answer ? captionOf(answer, { units, running: work.running, beyond }) : "");
    ranked.show(answer, work.running && !answer?.over);
  }

  function setKey({ answer, name, colour }) {
    const choose = () => {
      keep.of = answer.source;
      draw();
    };
    const pressed = String(answer === current());
    const stroke = el("i", { class: "stroke filled", style: `color:${colour}` });
    return el("span", { class: "key" },
      el("button", { type: "button", class: "layer", "aria-pressed": pressed, onclick: choose,
                     title: "Show the words and the images of this set" }, el("span", { class: "key" }, stroke, name)),
      el("button", { type: "button", class: "small", "aria-label": `Remove ${name}`, title: "Remove",
                     onclick: () => remove(answer.source) }, "×"));
  }

  function remove(source) {
    answers.delete(source);
    draw();
  }

  function describe(answer) {
    const own = OWN.map((source) => answers.get(source)).find(Boolean), { units } = ctx;
    const others = own ? [...answers.values()].filter((other) => other !== own) : [];
    outside.replaceChildren(...others.map((other) => {
      const score = separation(own.log_marginal, other.log_marginal);
      return el("p", { class: "lead" }, outsideWords({ own, other, score, units }));
    }));
    if (!answer) return panel.say(LEAD);
    const sorted = ascending(answer.gap), [first] = extremes(answer.gap, true);
    const worst = first === undefined ? null : { index: answer.index[first], gap: answer.gap[first] };
    return panel.say(datasetWords({ answer, worst, units, middle: [quantile(sorted, 0.25), quantile(sorted, 0.75)] }));
  }

  const unsubscribe = ctx.state.subscribe((changed) => {
    if (changed.has("units") || changed.has("sign")) draw();
  });
  form.offer();
  draw();
  if (keep.running) measure(keep.running, false);

  return {
    element: panel.element,
    refresh: form.offer,
    theme(colours) {
      chart.theme(colours);
      draw();
    },
    stop() {
      gone = true;
      unsubscribe();
      work.stop();
      chart.stop();
    },
  };
}
