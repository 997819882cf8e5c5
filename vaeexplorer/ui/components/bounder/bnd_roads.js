// The wrong roads: what the sources print, what it really computes, and what is right, with numbers side by side.

import { el, tint } from "./dom.js";
import { roadWords } from "./bnd_panel_words.js";
import { createPanel, createWork, formula, kept, whenSeen } from "./panel.js";
import { parts } from "./scales.js";
import { XY } from "./xy.js";
import { sentence } from "./words.js";

const SAMPLES = 10_000;
const MOST = 16;                // answers that are kept for coming back to an image
const HERE = "this model";      // roads that are walked on it; the others have a small exact model of their own
const SIGNED = "log p", SIZED = "KL";                   // quantities that follow the page's switches

/**
 * Writes the numbers of a road: values of log p(x) in the page's unit and with its sign, divergences in its unit,
 * others (gradients) as they are; "bits per dimension" of another model's x are left in nats.
 * Returns: { number(value) for drawing, amount(value) of a difference, text(value, stderr), label }.
 */
export function writerOf(road, units) {
  const follows = road.on === HERE || units.label() !== "bits per dimension", signed = road.quantity === SIGNED;
  const measured = signed || road.quantity === SIZED, same = (value) => value;
  const amount = measured && follows ? units.amount : same, sign = signed && units.turned() ? -1 : 1;
  const number = (value) => sign * amount(value);
  const text = (value, stderr = null) => {
    if (!Number.isFinite(value ?? NaN)) return "not finite";
    const shown = parts({ value: number(value), stderr: stderr === null ? null : amount(stderr) });
    return shown.error ? `${shown.value} ${shown.error}` : shown.value;
  };
  return { number, amount, text, label: !measured ? "" : follows ? units.label() : "nats" };
}

const known = (value) => Number.isFinite(value ?? NaN);

/** [at, value, low, high] with the ends of 95 % of its error, as drawn; nothing where there is no value. */
function drawn(at, value, stderr, { number }) {
  if (!known(value)) return [];
  const far = 1.96 * (stderr ?? 0), ends = [number(value - far), number(value + far)].sort((a, b) => a - b);
  return [[at, number(value), ...(far > 0 ? ends : [])]];
}

const truthLevel = (road, { number }) => (known(road.truth)
  ? [{ type: "level", y: number(road.truth), colour: "text", words: "truth", label: "truth" }] : []);

/** Marks of a road's values: what is printed (red) and what is right (green), with the truth as a level. */
export function roadMarks(road, writer) {
  const dots = (at, name, colour, label) => {
    const points = drawn(at, road[`${name}_value`], road[`${name}_stderr`], writer);
    return { type: "dots", points, colour, radius: 5, label };
  };
  const both = [dots(0, "printed", "gap", "as printed"), dots(1, "correct", "decoder", "correct")];
  return [...truthLevel(road, writer), ...both];
}

/** Marks of a table: values against the number of draws, with the truth. */
export function tableMarks(road, writer) {
  const points = road.table.flatMap(([draws, value, stderr]) => drawn(draws, value, stderr, writer));
  return [...truthLevel(road, writer), { type: "line", points, colour: "mu", dots: true, label: "mean" }];
}

function lines() {
  const { line, words, sub } = formula, x = () => tint("input", "x"), z = () => tint("z", "z");
  return [
    line("log E", sub("p(z)"), "[p(", x(), "|", z(), ")] ≥ E", sub("p(z)"), "[log p(", x(), "|", z(), ")]"),
    words("Most of the roads below confuse a logarithm of a mean with a mean of logarithms. Jensen's inequality gives ",
          "the direction, never the size of the loss; the numbers do."),
    line("log p(", x(), ") ≥ E[ log 1⁄M ∑", sub("m"), " w", sub("m"), " ] ≥ E[ 1⁄M ∑", sub("m"), " log w", sub("m"),
         " ]"),
    words("The importance-weighted bound lies between log p(", x(), ") and the ELBO: Y. Burda, R. Grosse and ",
          "R. Salakhutdinov 2016, theorem 1. The texts in question are named at each road."),
  ];
}

/** The panel (ctx as bounder.js makes it). */
export function roads(ctx) {
  const panel = createPanel({ page: "bounds", id: "roads", title: "Wrong roads", lines: lines() });
  const keep = kept(ctx, "roads", () => ({ answers: new Map() }));
  const work = createWork(ctx, { route: "bounds/roads", what: "Wrong roads", retry: () => ask(true) });
  const list = el("div", { class: "roads" });
  let charts = [], found = null, colours = null, seen = false;

  panel.body.append(work.element, list);
  panel.say("Formulas that texts about this subject really print, taken at their word: what each of them computes, "
    + "next to what is right.");

  const question = () => (
    { model: ctx.model.name, images: [ctx.state.active], seed: ctx.state.seed, samples: SAMPLES });

  async function ask(again = false) {
    if (!seen || !ctx.state.active) return;
    const body = question(), key = JSON.stringify(body), known = keep.answers.get(key);
    if (known) {
      work.stop();
      show(known);
      return;
    }
    list.classList.add("stale");
    const document = await work.ask(body, { again, read: (answer) => answer.json() });
    if (!document) {
      if (!work.running) clear();
      return;
    }
    keep.answers.set(key, document);
    for (const old of keep.answers.keys()) if (keep.answers.size > MOST) keep.answers.delete(old);
    if (JSON.stringify(question()) === key) show(document);
  }

  /** Nothing is shown where the roads of this image are not known. */
  function clear() {
    found = null;
    list.replaceChildren();
    panel.note("");
  }

  function show(document) {
    found = Array.isArray(document) ? document : document.roads;
    list.classList.remove("stale");
    draw();
  }

  function draw() {
    if (!found) return;
    for (const chart of charts) chart.stop();
    charts = [];
    list.replaceChildren(...found.map(road));
    panel.note("Values with ± were sampled; ± is one standard error, bars are 95 %. Numbers of log p(x) are in "
      + `${ctx.units.label()}. What stands on “this model” was computed for `
      + `${ctx.state.titles?.get(ctx.state.active) ?? "the image above"}.`);
  }

  function chart(label, marks, axes) {
    const one = new XY({ label, height: 170 });
    one.show({ marks, ...axes });
    charts.push(one);
    if (colours) one.theme(colours);
    return one.element;
  }

  function road(one) {
    const writer = writerOf(one, ctx.units);
    const values = chart(`${one.title}: as printed and correct`, roadMarks(one, writer),
                         { x: { names: ["as printed", "correct"] }, y: { label: writer.label } });
    const course = one.table?.length
      ? el("div", {}, chart(`${one.title}: against the number of draws`, tableMarks(one, writer),
                            { x: { kind: "log", label: "draws" }, y: { label: writer.label } }),
           el("p", { class: "words" }, one.table_words ?? "")) : null;
    return el("article", { class: "road", "data-road": one.name },
      el("h4", {}, one.title), el("p", { class: "lead" }, roadWords(one, writer)),
      el("div", { class: course ? "roadbody three" : "roadbody" },
         el("div", { class: "roadvalues" }, way(one, "printed", "As printed", "gap", writer),
            way(one, "correct", "Correct", "decoder", writer), truth(one, writer)), values, course),
      el("p", { class: "words" }, [sentence(one.words), `On ${one.on ?? "an exact model"}.`, sentence(one.note),
                                   `Source: ${sentence(one.source)}`].filter(Boolean).join(" ")));
  }

  function way(one, name, words, kind, writer) {
    const value = writer.text(one[`${name}_value`], one[`${name}_stderr`]);
    const limit = name === "printed" && known(one.printed_limit)
      ? el("span", { class: "words" }, `tends to ${writer.text(one.printed_limit)}`) : null;
    return el("div", { class: "roadvalue" }, el("span", { class: `is-${kind}` }, words),
              formula.line(one[name] ?? ""), el("b", { class: `is-${kind}` }, value), limit);
  }

  function truth(one, writer) {
    if (!known(one.truth)) return null;
    const { truth_kind: kind, truth_by: by } = one, how = [kind, by].filter(Boolean).join(", ");
    return el("p", { class: "words" }, `Truth: ${writer.text(one.truth, one.truth_stderr || null)} ${writer.label}`
      + `${how ? ` (${how})` : ""}`);
  }

  const forget = whenSeen(panel.element, () => {
    seen = true;
    ask();
  });
  const unsubscribe = ctx.state.subscribe((changed) => {
    if (changed.has("active") || changed.has("seed")) ask();
    else if (changed.has("units") || changed.has("sign")) draw();
  });

  return {
    element: panel.element,
    refresh() {
      if (!found) ask();
    },
    theme(fresh) {
      colours = fresh;
      for (const one of charts) one.theme(fresh);
    },
    stop() {
      forget();
      unsubscribe();
      work.stop();
      for (const one of charts) one.stop();
    },
  };
}
