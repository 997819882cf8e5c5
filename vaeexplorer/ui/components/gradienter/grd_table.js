// The table of all estimators on the chosen model: variance, signal, direction, bias and cost of each.

import { csvText, saveText } from "./csv.js";
import { button, el, tint } from "./dom.js";
import { createAsked } from "./grd_asked.js";
import { createNumber, createSelect } from "./grd_fields.js";
import { PRICES, partShown, partsOf } from "./grd_numbers.js";
import { csvRows } from "./grd_table_csv.js";
import { createRows, refusedList } from "./grd_table_rows.js";
import { partWords, tableNote, tableWords } from "./grd_words.js";
import { createChoice, createPanel, formula, kept } from "./panel.js";
import { sentence } from "./words.js";

const MOST_REPLICATES = 100_000, MOST_SAMPLES = 1000;
const LEADING = { title: false, variance: false, snr: true, cosine: true, bias: true, cost: false };   // the best first

const { line, words, sub, sup, link } = formula;

const LINES = () => [
  line("ĝ", sub("r"), " = one estimate of ∇ ELBO(", tint("input", "x"), "),   ḡ = 1⁄R ∑", sub("r"), " ĝ", sub("r"),
       ",   variance = ∑", sub("i"), " 1⁄(R−1) ∑", sub("r"), " (ĝ", sub("ri"), " − ḡ", sub("i"), ")", sup("2")),
  words("The sum over components is the trace of the covariance. Its interval: Var(s²) = (μ₄ − s⁴ (R−3)⁄(R−1)) ⁄ R. ",
        "The signal is ‖E ĝ‖ ⁄ √variance, the square of the mean's length freed from its own noise. Bias: z", sub("i"),
        " = (ḡ", sub("i"), " − exact", sub("i"), ") ⁄ its standard error; the limit holds for all components."),
  words("With several images the variance of one random image's estimate is the mean of the variances plus the ",
        "variance of the means (law of total variance): the second part comes from the images, and no estimator can ",
        "remove it."),
  words("Of every weight of a dense layer: its gradient is an outer product of what comes back and what went in, so ",
        "that Var ĝ(W", sub("ij"), ") = Var(δ", sub("i"), ") h", sub("j"), sup("2"), ", exactly."),
  words("S. Mohamed, M. Rosca, M. Figurnov and A. Mnih, “Monte Carlo Gradient Estimation in Machine Learning”, JMLR ",
        "2020, ", link("https://arxiv.org/abs/1906.10652", "arXiv 1906.10652"), "; the signal-to-noise ratio: ",
        "T. Rainforth and others, ICML 2018, ", link("https://arxiv.org/abs/1802.04537", "arXiv 1802.04537"),
        ". Each estimator's own paper: rest on its name."),
];

const start = () => ({ target: "outputs", price: "estimate", part: "total", sort: { column: "variance", down: false },
                       samples: null, replicates: null, all: false, temperature: null });

/** Who can be asked with S samples, and why the others cannot: { names, refused [{ title, why }] }. */
export function askable(estimators, samples) {
  const few = ({ applies, fewest }) => applies && fewest > samples;
  return {
    names: estimators.filter((one) => one.applies && one.fewest <= samples).map(({ name }) => name),
    refused: estimators.filter((one) => !one.applies || few(one)).map((one) => (
      { title: one.title, why: few(one) ? `needs S of at least ${one.fewest}` : one.why })),
  };
}

/** The panel (ctx as gradienter.js makes it).  Returns: { element, theme(colours), refresh(), stop() }. */
export function table(ctx) {
  const panel = createPanel({ page: "gradients", id: "table", title: "All estimators on this model", lines: LINES() });
  const keep = kept(ctx, "gradients-table", start);
  const asked = createAsked(ctx, { id: "gradients-table", route: "gradients/diagnose", what: "The table of estimators",
                                   body: () => question(), show: () => draw() });
  const rows = createRows((column) => sortBy(column));
  const samples = createNumber({ words: "Samples S", testid: "table-samples", value: 1, most: MOST_SAMPLES,
                                 onchange: (value) => change({ samples: value }), onenter: () => measure(),
                                 onrefuse: asked.fail });
  const replicates = createNumber({ words: "Replicates", testid: "table-replicates", value: 1000, least: 2,
                                    most: MOST_REPLICATES, onchange: (value) => change({ replicates: value }),
                                    onenter: () => measure(), onrefuse: asked.fail });
  const temperature = createNumber({ words: "Temperature", testid: "table-temperature", value: 0.5, whole: false,
                                     onchange: (value) => change({ temperature: value }), onenter: () => measure(),
                                     onrefuse: asked.fail });
  const target = createSelect("Gradient by", "table-target", (id) => change({ target: id }));
  const part = createSelect("Part", "table-part", (id) => show({ part: id }));
  const several = createSelect("Images", "table-images", (id) => change({ all: id === "all" }));
  const price = createChoice("compare at", Object.entries(PRICES).map(([id, one]) => [id, one.words]), keep.price,
                             (id) => show({ price: id }));
  const go = button("play", "Measure", () => measure(), { label: "Measure all estimators", kind: "primary" });
  const csv = button("down", "CSV", () => download(), { label: "Download the table as CSV" });
  const refused = el("div", {});
  panel.tools.append(price.element, csv);
  panel.body.append(el("div", { class: "fields" }, target.element, part.element, several.element, samples.element,
                       replicates.element, temperature.element, go), asked.element, rows.element, refused);

  const view = (answer) => {
    const parts = partsOf(answer?.rows ?? []);
    return { part: partShown(parts, keep.part), parts, price: keep.price, theme: ctx.theme,
             head: PRICES[keep.price].head, about: ctx.about };
  };

  function images() {
    const { images: all, active } = ctx.state;
    return keep.all && all.length > 1 ? all : active ? [active] : [];
  }

  /** What is to be measured now, or null. */
  function question() {
    const { about } = ctx, chosen = images();
    if (!about || !chosen.length || problem()) return null;
    const { names } = askable(about.estimators, samples.get()), warm = names.some((name) => softened().has(name));
    return names.length ? ctx.question({ images: chosen, estimators: names, samples: samples.get(),
                                         replicates: replicates.get(), target: keep.target,
                                         ...(warm ? { options: { temperature: temperature.get() } } : {}) }) : null;
  }

  /** Names of the estimators that apply and have a temperature, with what it usually is. */
  const softened = () => new Map((ctx.about?.estimators ?? []).filter(({ applies, options }) => (
    applies && options?.temperature !== undefined)).map(({ name, options }) => [name, options.temperature]));

  const problem = () => samples.problem() || replicates.problem() || (softened().size ? temperature.problem() : "");

  function measure() {
    const line = problem();
    asked.fail(line);
    if (!line) asked.ask();
  }

  /** Another question. */
  function change(patch) {
    asked.fail("");
    Object.assign(keep, patch);
    draw();
    asked.settle();
  }

  /** Another way to look at the same answer. */
  function show(patch) {
    Object.assign(keep, patch);
    draw();
  }

  function sortBy(column) {
    const { sort } = keep, again = sort.column === column;
    show({ sort: { column, down: again ? !sort.down : LEADING[column] } });
  }

  /** The answer, with a mark on the row that is still growing. */
  function measured(answer) {
    if (!answer || !asked.running()) return answer;
    return { ...answer, rows: answer.rows.map((row) => ({ ...row, measuring: row.replicates < answer.replicates })) };
  }

  function download() {
    const answer = asked.answer();
    if (answer) saveText(csvText(csvRows(answer)), `${ctx.model.name.replaceAll("/", "-")}-gradients.csv`);
  }

  function draw() {
    const answer = asked.answer(), now = view(answer), of = PRICES[keep.price].of;
    rows.show(measured(answer), now, keep.sort);
    rows.element.classList.toggle("grd-old", Boolean(answer) && !asked.fresh());
    part.show(now.parts.map((id) => [id, partWords(id)]), now.part);
    const many = ctx.state.images.length;
    several.show([["one", "the one looked at"], ...(many > 1 ? [["all", `all ${many}`]] : [])],
                 keep.all && many > 1 ? "all" : "one");
    panel.say(tableWords(answer, now));
    panel.note(tableNote(answer, { ...now, of, running: asked.running(), images: answer?.images ?? 1 }));
    csv.disabled = !answer?.rows.length;
    go.disabled = asked.running() || !ctx.about || !images().length;
    if (ctx.about) {
      refused.replaceChildren(refusedList(askable(ctx.about.estimators, samples.get() || 1).refused));
    }
  }

  /** What the app says about the model: its defaults, what can be differentiated by. */
  function learn() {
    const { about } = ctx;
    if (!about) return;
    const { defaults } = about, able = about.targets.filter(({ applies }) => applies);
    samples.set(keep.samples ??= defaults.samples);
    replicates.set(keep.replicates ??= defaults.replicates);
    const usual = softened();
    temperature.element.hidden = !usual.size;
    if (usual.size) temperature.set(keep.temperature ??= [...usual.values()][0]);
    if (!able.some(({ name }) => name === keep.target)) keep.target = able[0]?.name ?? "outputs";
    target.show(able.map(({ name, title }) => [name, title]), keep.target);
    if (about.why && !ctx.state.images.length) asked.fail(sentence(about.why));
  }

  function refresh() {
    learn();
    draw();
    asked.settle();
  }

  const unsubscribe = ctx.state.subscribe((changed) => {
    if (changed.has("images") || changed.has("active") || changed.has("seed")) refresh();
  });
  refresh();
  asked.watch(panel.element);

  return {
    element: panel.element, refresh,
    theme: () => draw(),
    stop() {
      unsubscribe();
      asked.stop();
    },
  };
}
