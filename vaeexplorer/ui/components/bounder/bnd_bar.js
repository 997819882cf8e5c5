// The first panel: one image, the terms of its bound as bars, log p(x) and the gap between; its KL by dimension.

import { barFormulas } from "./bnd_bar_formula.js";
import { createDimensions, createPictures } from "./bnd_bar_parts.js";
import { captionOf, estimatorWords, sentenceOf } from "./bnd_bar_words.js";
import { createTermsTable } from "./bnd_table.js";
import { balance, readSplit } from "./bnd_terms.js";
import { createPartsLegend, createWaterfall, rowsOf } from "./bnd_waterfall.js";
import { button, el } from "./dom.js";
import { createPanel, createWork } from "./panel.js";

const SPLIT = "the split";      // as a choice of the estimator: the one that the parts of the gap rest on
const SURER = new Set(["exact", "enumeration", "grid"]);

/** What is doubtful about an estimate, with its words. */
function badges(warnings) {
  return (warnings ?? []).map(({ code, text }) => el("p", { class: "badge-line", "data-code": code },
    el("span", { class: "badge" }, code), ` ${text}`));
}

/** The panel.  Returns: { element, refresh(), theme(colours), stop() }. */
export function bar(ctx) {
  const { state, units, found, images, gaps } = ctx, pixels = ctx.model.shape.reduce((a, b) => a * b, 1);
  const panel = createPanel({ page: "bounds", id: "bar", title: "The bound of one image", lines: barFormulas() });
  const pictures = createPictures(ctx.model.shape), waterfall = createWaterfall(), legend = createPartsLegend();
  const dimensions = createDimensions(units), table = createTermsTable(ctx), doubts = el("div", { class: "badges" });
  const work = createWork(ctx, { route: "bounds/gap", what: "The split of the gap" });
  let whole = false, wanted = null;               // wanted: the method that the visitor chose, null for the surest

  const choice = el("select", { "aria-label": "estimator of log p(x)", "data-testid": "marginal-by", onchange: () => {
    wanted = choice.value;
    show();
  } });
  const chosen = el("label", { class: "field" }, el("span", {}, "log p(x) by"), choice);
  const from0 = button(null, "From 0", () => {
    whole = !whole;
    from0.setAttribute("aria-pressed", String(whole));
    show();
  }, { label: "scale from 0", title: "The whole scale, with its zero" });
  from0.setAttribute("aria-pressed", "false");
  const split = button(null, "Split the gap", () => run(), { kind: "primary", label: "Split the gap",
    title: "Fits the best diagonal and the best full Gaussian to each image: amortization and approximation" });

  /** Choices of the estimator for an image: those that were made, and the split's own. */
  function choices(key) {
    const made = found.all(key).map((one) => [one.method, estimatorWords(one), one]);
    const parts = gaps.get(key);
    return parts ? [...made, [SPLIT, `${estimatorWords(parts.by)} (with the split)`, parts]] : made;
  }

  function choose(options) {
    const surest = options.find(([id]) => SURER.has(id)) ?? options.find(([id]) => id === SPLIT) ?? options[0];
    const now = options.find(([id]) => id === wanted) ?? surest;
    choice.replaceChildren(...options.map(([id, title]) => el("option", { value: id }, title)));
    choice.value = now?.[0] ?? "";
    chosen.hidden = options.length < 1;
    return now ?? null;
  }

  function show() {
    const key = state.active, terms = images.get(key);
    if (!terms) {
      panel.say(key ? "The terms of the bound are on their way." : "Choose an image: its bound appears here.");
      return;
    }
    const now = choose(choices(key)), parts = now?.[0] === SPLIT ? gaps.get(key) : null;
    const sum = balance(terms, parts ? null : now?.[2] ?? null, parts);
    pictures.show(terms);
    waterfall.show(rowsOf(sum, units), { units, whole });
    legend.show(sum.parts, units);
    dimensions.show(terms);
    doubts.replaceChildren(...badges(now?.[2].warnings));
    panel.say(sentenceOf(terms.title[0].toUpperCase() + terms.title.slice(1), sum, units));
    const about = ctx.about?.methods.find(({ name }) => name === (parts?.by.method ?? now?.[0]));
    panel.note(captionOf(sum, units, { source: about?.source, pixels }));
    panel.element.dataset.ready = now ? "all" : "terms";
    table.show(now?.[0] === SPLIT ? null : wanted, now?.[0] === SPLIT);
  }

  async function run() {
    const answer = await work.ask(ctx.question({}), { again: true });
    if (!answer) return;
    for (const one of readSplit(await answer.json(), ctx.about?.methods)) gaps.set(one.key, one);
    wanted = null;
    show();
  }

  panel.tools.append(chosen, from0, split);
  panel.body.append(el("div", { class: "bar-main" }, pictures.element,
    el("div", { class: "bar-terms" }, waterfall.element, legend.element, doubts, work.element, dimensions.element)));
  panel.element.append(table.element);
  const ends = [state.subscribe(show), found.subscribe(show)];
  show();
  return {
    element: panel.element, refresh: show,
    theme: (colours) => dimensions.chart.theme(colours),
    stop() {
      for (const end of ends) end();
      work.stop();
      waterfall.stop();
      dimensions.chart.stop();
    },
  };
}
