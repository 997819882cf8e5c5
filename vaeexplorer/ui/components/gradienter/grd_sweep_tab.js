// One sweep: what is varied, over which values, and the chart of what it does to the estimates.

import { csvText, saveText } from "./csv.js";
import { button, el } from "./dom.js";
import { createAsked } from "./grd_asked.js";
import { createChips, createNumber, valuesOf } from "./grd_fields.js";
import { colourOf, inkOf } from "./grd_looks.js";
import { MEASURES, axesOf, slopeWords, sweepMarks, sweepNote, sweepRows, sweepWords } from "./grd_sweep_marks.js";
import { createChoice, field, kept } from "./panel.js";
import { plain } from "./scales.js";
import { XY } from "./xy.js";
import { sentence } from "./words.js";

const FIRST = 3;                // estimators before anybody chose
const MOST_VALUES = 24, MOST_REPLICATES = 20_000;
const USUAL = 500;              // replicates: a curve shows less of them than a table

const start = () => ({ estimators: null, values: null, replicates: null, measure: null });

/** What is wrong with a text of values, one line, or "". */
export function valuesProblem(text, words) {
  const values = valuesOf(text);
  if (!values) return `${words}: numbers with commas between them, please.`;
  if (values.length > MOST_VALUES) return `${words}: at most ${MOST_VALUES} values, please.`;
  return new Set(values).size < values.length ? `${words}: each value once, please.` : "";
}

/**
 * A tab.  Args: ctx; sweep of gradients/about; onwords(lead, note) for the panel.
 * Returns: { element, draw(), settle(), theme(colours), stop() }.
 */
export function createSweep(ctx, sweep, onwords) {
  const { over, title, x_title: across } = sweep, keep = kept(ctx, `gradients-sweep-${over}`, start);
  keep.estimators ??= sweep.begin_with ?? sweep.estimators.slice(0, FIRST);
  keep.values ??= sweep.values.join(", ");
  keep.replicates ??= USUAL;
  keep.measure ??= sweep.measure ?? "variance";
  const asked = createAsked(ctx, { id: `gradients-sweep-${over}`, route: "gradients/sweep", what: title,
                                   body: () => question(), show: () => draw() });
  const chart = new XY({ label: title, testid: `sweep-${over}-chart`, height: 320, empty: "nothing measured yet" });
  const chips = createChips("Estimators", { onchange: (names) => change({ estimators: names }) });
  const testid = (name) => `sweep-${over}-${name}`;
  const values = el("input", { type: "text", class: "grd-values", value: keep.values, "aria-label": across,
                               "data-testid": testid("values"), onchange: () => {
                                 change({ values: values.value });
                                 asked.fail(problem());
                               },
                               onkeydown: (event) => { if (event.key === "Enter") measure(); } });
  const replicates = createNumber({ words: "Replicates", testid: testid("replicates"), value: keep.replicates, least: 2,
                                    most: MOST_REPLICATES, onchange: (value) => change({ replicates: value }),
                                    onrefuse: asked.fail, onenter: () => measure() });
  const drawable = Object.entries(MEASURES).map(([id, { words }]) => [id, words]);
  const shown = createChoice("What is drawn", drawable, keep.measure, (id) => {
    keep.measure = id;
    draw();
  });
  const go = button("play", "Measure", () => measure(), { label: `Measure: ${title}`, kind: "primary" });
  const csv = button("down", "CSV", () => download(), { label: `Download as CSV: ${title}` });
  const keys = el("div", { class: "keys" });
  const training = over === "step";                 // its values are those that the run has kept
  const element = el("div", { class: "grd-sweep", "data-sweep": over }, chips.element,
    el("div", { class: "fields" }, training ? null : field(across, values), replicates.element, go, shown.element, csv),
    asked.element, chart.element, keys);

  const titleOf = (name) => ctx.about.estimators.find((one) => one.name === name)?.title ?? name;
  const problem = () => (training ? "" : valuesProblem(values.value, across)) || replicates.problem();

  function question() {
    const { active } = ctx.state;
    if ((!active && sweep.needs_images !== false) || problem()) return null;
    return ctx.question({ images: active ? [active] : [], estimators: keep.estimators, over, samples: 1,
                          replicates: replicates.get(), values: training ? null : valuesOf(values.value) });
  }

  function measure() {
    const line = problem();
    asked.fail(line);
    if (!line) asked.ask();
  }

  function change(patch) {
    Object.assign(keep, patch);
    asked.fail("");
    draw();
    asked.settle();
  }

  function download() {
    const answer = asked.answer();
    if (answer) saveText(csvText(sweepRows(answer)), `${ctx.model.name.replaceAll("/", "-")}-${over}.csv`);
  }

  function key({ estimator, theory }, answer) {
    const slope = slopeWords(answer.slope?.[estimator]), ink = inkOf(estimator, ctx.theme);
    return el("span", { class: "key", "data-estimator": estimator },
              el("i", { class: "stroke", style: `color:${ink}` }), titleOf(estimator),
              slope ? el("span", { class: "small-words" }, `slope ${slope}`) : null,
              theory?.length && keep.measure === (answer.measure ?? "variance")
                ? el("span", { class: "small-words" }, "dashed: theory") : null);
  }

  function draw() {
    const answer = asked.answer(), { theme } = ctx, measured = MEASURES[keep.measure];
    chips.show(sweep.estimators.map((name) => ({ name, title: titleOf(name), ink: inkOf(name, theme), why: "" })),
               keep.estimators);
    go.disabled = asked.running() || (!ctx.state.active && sweep.needs_images !== false);
    csv.disabled = !answer?.series.length;
    const marks = answer ? sweepMarks(answer, keep.measure, (name) => colourOf(name, theme), titleOf) : [];
    const kinds = axesOf(answer ?? sweep), words = sentence(sweep.words), lead = sweepWords(answer, titleOf, words);
    chart.show({ marks, x: { kind: kinds.x, label: answer?.x_title ?? across, text: plain },
                 y: { kind: kinds.y, label: measured.axis, text: plain } });
    chart.describe(`${measured.axis} against ${across}. ${lead}`);
    chart.element.classList.toggle("grd-old", Boolean(answer) && !asked.fresh());
    keys.replaceChildren(...(answer?.series ?? []).map((one) => key(one, answer)));
    onwords(lead, sweepNote(answer, {
      replicates: keep.replicates, measure: keep.measure, running: asked.running(), words: lead === words ? "" : words,
      theory: answer?.series.some(({ theory: line }) => line?.length) }));
  }

  asked.watch(element);
  return {
    element, draw, settle: asked.settle,
    theme(colours) {
      chart.theme(colours);
      draw();
    },
    stop() {
      asked.stop();
      chart.stop();
    },
  };
}
