// A run's history: U = S + E at every observed step, as the run has kept it.

import { el, tint } from "./dom.js";
import { createChoice, createPanel, formula, keyOf } from "./panel.js";
import { count } from "./scales.js";
import { historyWords } from "./bnd_panel_words.js";
import { XY } from "./xy.js";
import { sentence } from "./words.js";

/** Points [step, value, low, high] of a part, those with a place on the axis.  convert: nats -> what is written. */
export function pointsOf(history, part, convert, log) {
  return history.steps.flatMap((step, i) => {
    const value = history[part][i], error = history[`${part}_stderr`]?.[i];
    if (value === null || (log && step <= 0)) return [];
    const known = error !== null && error !== undefined;
    const ends = known ? [convert(value - 1.96 * error), convert(value + 1.96 * error)].sort((a, b) => a - b) : [];
    return [[step, convert(value), ...ends]];
  });
}

/** The lines of both charts: upper, the bound and what it bounds, with the page's sign; lower, the gap. */
export function marksOf(found, units, log) {
  const names = units.names(), positive = (nats) => units.number(-nats);        // U and S are kept as surprisals
  const line = (part, convert, colour, label) => (
    { type: "line", points: pointsOf(found, part, convert, log), colour, label });
  return {
    upper: [line("subo", positive, "text", names.bound),
            line("surprisal", positive, "decoder", units.turned() ? "S" : "log p(x)")],
    lower: [line("gap", units.amount, "gap", names.gap)],
  };
}

function lines() {
  const { line, words, sub, link } = formula, x = () => tint("input", "x");
  return [
    line("U = −ELBO = S + ", tint("gap", "E")),
    line(tint("decoder", "S"), " = −log p(", x(), ") ≈ −log 1⁄K ∑", sub("k"), " w", sub("k"), ",   ", tint("gap", "E"),
         " = U − S = ", tint("gap", "KL("), tint("encoder", "q(z|x)"), tint("gap", " ‖ "), tint("z", "p(z|x)"),
         tint("gap", ")"), " ≥ 0"),
    words("U, S and E as the article on variational autoencoders among the sources names them: an encoder's step can ",
          "only move ", tint("gap", "E"), "; a decoder's step may move both. Estimated from K draws of q: S comes out ",
          "a little too large, ", tint("gap", "E"), " as much too small. Y. Burda, R. Grosse and R. Salakhutdinov, ",
          "“Importance Weighted Autoencoders”, ICLR 2016, eq. 8, ",
          link("https://arxiv.org/abs/1509.00519", "arXiv 1509.00519"), "."),
  ];
}

/** The panel (ctx as bounder.js makes it). */
export function history(ctx) {
  const panel = createPanel({ page: "bounds", id: "history", title: "How the gap came to be: a run's history", lines: lines() });
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const upper = new XY({ label: "Bound and surprisal over the steps", testid: "history-bound", height: 260 });
  const lower = new XY({ label: "Gap over the steps", testid: "history-gap", height: 180 });
  const axis = createChoice("Steps", [["linear", "Linear steps"], ["log", "Logarithmic"]], "linear", (id) => {
    kind = id;
    draw();
  });
  const keys = el("div", { class: "keys" });
  let found = null, kind = "linear", gone = false;

  panel.tools.append(axis.element);
  panel.body.append(error, keys, upper.element, lower.element);
  const charts = [keys, upper.element, lower.element, axis.element];
  for (const element of charts) element.hidden = true;

  async function load() {
    if (ctx.about && !ctx.about.run) return none();
    if (!ctx.about) return null;
    try {
      found = await (await ctx.ask("bounds/history", "History", null, { model: ctx.model.name })).json();
    } catch (problem) {
      if (gone) return null;
      if (problem.status === 404) return none();
      error.hidden = false;
      error.textContent = problem.message;
      return null;
    }
    if (gone) return null;
    error.hidden = true;
    for (const element of charts) element.hidden = !found.steps.length;
    return draw();
  }

  function none() {
    panel.say("This model came as a finished file, without the story of its training. Train a model on the page Train "
      + "and choose that run on the left: here you then see how its bound, its surprisal and the gap moved.");
  }

  function draw() {
    if (!found) return;
    if (!found.steps.length) return panel.say(sentence(found.note));
    const { units } = ctx, log = kind === "log", turned = units.turned(), names = units.names();
    const x = { kind, label: "step", text: (step) => `step ${count(step)}` };
    const { upper: above, lower: below } = marksOf(found, units, log);
    upper.show({ marks: above, x, y: { label: units.label() } });
    lower.show({ marks: below, x, y: { low: 0, label: `${names.gap}, ${units.label()}` } });
    keys.replaceChildren(keyOf({ colour: "text", words: names.bound }),
                         keyOf({ colour: "decoder", words: turned ? "surprisal S" : "log p(x)" }),
                         keyOf({ colour: "gap", words: names.gap }));
    panel.say(historyWords(found, units));
    const kinds = turned ? "S is an upper bound" : "log p(x) is shown by a lower bound";
    const size = found.n ? `n = ${count(found.n)} ${found.over}; ` : "";
    const lost = log && found.steps[0] <= 0 ? " Step 0 has no place on a logarithmic axis." : "";
    panel.note(`${size}U unbiased, ${kinds}, the gap comes out a little too small; bands: 95 % of the error; unit: `
      + `${units.label()}. ${sentence(found.note)}${lost}`);
  }

  const unsubscribe = ctx.state.subscribe((changed) => {
    if (changed.has("units") || changed.has("sign")) draw();
  });
  load();

  return {
    element: panel.element,
    refresh() {
      if (!found) load();
    },
    theme(colours) {
      upper.theme(colours);
      lower.theme(colours);
    },
    stop() {
      gone = true;
      unsubscribe();
      upper.stop();
      lower.stop();
    },
  };
}
