// One estimator's row in the table: what it found, how sure that is, its settings, Run and Cancel.

import { gapOf, one } from "./bnd_estimate_words.js";
import { forecast, lookOf, optionOf, samplesProblem, written } from "./bnd_methods.js";
import { button, el, figure, setText } from "./dom.js";
import { count, duration, plain } from "./scales.js";

const known = (value) => value !== null && value !== undefined;
const rounded = (value) => plain(Number(value.toPrecision(2)));

const BADGES = {
  pareto: ({ pareto_k: k }) => `Pareto k ${known(k) ? figure(k) : ""}`,
  effective: ({ effective_sample_size: size }) => `ESS ${known(size) ? rounded(size) : ""}`,
  spread: ({ spread }, units) => `spread ${known(spread) ? rounded(units.amount(spread)) : ""}`,
  partial: () => "partial",
};

const LONG = 60;                // seconds of a forecast that is shown as a warning

/** Seconds as people say them: "< 0.1 s", "2.5 s", "40 s", "2 min 10 s". */
export function clock(seconds) {
  if (seconds < 0.1) return "< 0.1 s";
  return seconds < 10 ? `${plain(Number(seconds.toPrecision(2)))} s` : duration(seconds);
}

/** "about 2.5 s". */
export const foreseeWords = (seconds) => (seconds < 0.1 ? clock(seconds) : `about ${clock(seconds)}`);

/** What a value rests on: ["1,000 draws of q", "ESS 12, k 0.92"]. */
export function basis({ samples, counted, effective_sample_size: size, pareto_k: k, kind }) {
  const about = [];
  if (Number.isFinite(size)) about.push(`ESS ${plain(Number(size.toPrecision(3)))}`);
  if (Number.isFinite(k)) about.push(`k ${figure(k)}`);
  return [`${count(samples)} ${samples === 1 ? one(counted) : counted}`, kind === "exact" ? "" : about.join(", ")];
}

function badge(estimate, { code, text }, units) {
  const words = BADGES[code]?.(estimate, units) ?? code;
  return el("span", { class: "badge", title: text, "data-code": code }, `! ${words}`);
}

export const quiet = (text) => el("span", { class: "small-words" }, text);

/** A field for one option of a method. Returns: { name, element, get(), problem() -> a line or null }. */
function optionField(name, start, title, onchange) {
  const { words, choices, least, most, step } = optionOf(name), numeric = typeof start === "number";
  const label = `${title}: ${words}`;
  const input = choices?.includes(start)
    ? el("select", { "aria-label": label }, choices.map((choice) => el("option", { value: choice }, choice)))
    : el("input", { type: numeric ? "number" : "text", min: least, max: most, step: step ?? null,
                    class: "option-number", "aria-label": label, oninput: onchange });
  input.value = String(start);
  const fine = () => input.checkValidity() && input.value !== "";
  return {
    name, element: el("label", { class: "option" }, el("span", {}, words), input),
    get: () => (numeric ? Number(input.value) : input.value),
    problem: () => (fine() ? null : `${words}: ${rangeWords(least, most, step)}, please`),
  };
}

function rangeWords(least, most, step) {
  const kind = step === 1 ? "a whole number" : "a number";
  return known(least) && known(most) ? `${kind} from ${count(least)} to ${count(most)}` : kind;
}

/** The gap that an estimate leaves; one below the ELBO says nothing about it. */
function gapCell(gap, units) {
  if (!gap) return "–";
  if (gap.value < -2 * (gap.stderr ?? Infinity)) {
    return quiet(`none: ${units.turned() ? "above" : "below"} the ${units.names().bound}`);
  }
  return el("span", { class: "is-gap value" }, units.amountText(gap.value, gap.stderr));
}

/** What can be chosen of a method: number of samples and its options.  asked: { samples, options } of the last time. */
function createSettings(method, asked, { onrun, onchange }) {
  const { title, counted, samples: usual, least, most } = method, choice = usual !== null && usual !== undefined;
  const samples = choice ? el("input", {
    type: "number", class: "samples-number", min: least ?? 1, max: most ?? null, step: 1,
    "aria-label": `${title}: number of ${counted}`, oninput: onchange,
    onkeydown: (event) => { if (event.key === "Enter") onrun(); },
  }) : null;
  if (samples) samples.value = String(asked.samples ?? usual);
  const fields = Object.entries(method.options ?? {}).map(([name, start]) => (
    optionField(name, asked.options?.[name] ?? start, title, onchange)));
  const options = el("div", { class: "options", hidden: true }, fields.map(({ element }) => element));
  const more = el("button", { type: "button", class: "text", "aria-expanded": "false", hidden: !fields.length,
                              "aria-label": `Options of ${title}`, onclick: () => {
    options.hidden = !options.hidden;
    more.setAttribute("aria-expanded", String(!options.hidden));
  } }, "options");
  const wanted = () => (samples ? Number(samples.value) : null);
  return {
    samples, options, more, wanted,
    problem() {
      const wrong = samples && samplesProblem(method, wanted());
      return wrong ? `Samples: ${wrong}.` : fields.map((field) => field.problem()).find(Boolean) ?? "";
    },
    chosen: () => Object.fromEntries(fields.map(({ name, get }) => [name, get()])),
  };
}

/** How far a run is: a bar with words.  Returns: { element, show(state, busy) }. */
function createDoing(title) {
  const fill = el("i", {}), words = el("span", { class: "small-words" });
  const bar = el("span", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
                           "aria-label": `Progress of ${title}` }, fill);
  const element = el("div", { class: "doing", hidden: true }, bar, words);
  return {
    element,
    show({ phase, fraction, text }, busy) {
      const waits = phase === "waiting", known = Number.isFinite(fraction) && !waits;
      element.hidden = !busy;
      bar.classList.toggle("unknown", !known && !waits);
      fill.style.width = known ? `${100 * Math.min(1, Math.max(0.01, fraction))}%` : waits ? "0%" : "";
      if (known) bar.setAttribute("aria-valuenow", String(Math.round(100 * fraction)));
      else bar.removeAttribute("aria-valuenow");
      setText(words, text ?? "");
    },
  };
}

/** What an estimate says, in five cells.  Returns: { elements, show(estimate or null, elbo, units) }. */
function createCells() {
  const elements = Array.from({ length: 5 }, (_, i) => el("td", { class: `cell-${i + 1}` }));
  const [value, gap, rests, time, trust] = elements, badges = el("span", { class: "badges" });
  time.classList.add("clock");
  trust.append(badges);

  function show(estimate, elbo, units) {
    const { kind, seconds, warnings = [], running } = estimate, [first, second] = basis(estimate);
    value.replaceChildren(el("b", { class: "value" }, written(estimate, units)), quiet(units.kindWord(kind)));
    gap.replaceChildren(gapCell(gapOf(estimate, elbo), units));
    rests.replaceChildren(first, el("div", { class: "small-words" }, second));
    time.replaceChildren(seconds > 0 ? clock(seconds) : "–");
    const shown = warnings.filter(({ code }) => !(running && code === "partial"));
    badges.replaceChildren(...(shown.length ? shown.map((warning) => badge(estimate, warning, units))
      : [quiet(running ? "still running" : "none")]));
  }

  function clear() {
    for (const cell of [value, gap, rests, time]) cell.replaceChildren("–");
    badges.replaceChildren();
  }

  return { elements, trust, show: (estimate, elbo, units) => (estimate ? show(estimate, elbo, units) : clear()) };
}

/**
 * A row. Args: method (of bounds/about); actions { run(method, samples, options), cancel(name) }; asked, which keeps
 *   what was asked for last: { samples, options }.
 * Returns: { method, element, show({ estimate, elbo, units, state, count }), ask() presses Run, seconds() is its
 *   forecast }; show is given the estimate of the image or null, the state of its run, and how many images a run is of.
 */
export function createRow(method, actions, asked) {
  const { name, title } = method, { colour } = lookOf(name), cells = createCells(), doing = createDoing(title);
  const settings = createSettings(method, asked, { onrun: () => go(), onchange: () => foresee() });
  const run = button("play", "Run", () => go(), { label: `Run ${title}` });
  const cancel = button("stop", "Cancel", () => actions.cancel(name), { label: `Cancel ${title}` });
  const cost = el("span", { class: "small-words cost" });
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const element = el("tr", { "data-method": name, "data-testid": `estimator-${name}` },
    el("th", { scope: "row" }, el("span", { class: `method is-${colour}` }, "● "), el("span", {}, title),
       el("small", { class: "small-words method-words" }, method.words)),
    cells.elements,
    el("td", { class: "controls" }, el("div", { class: "line" }, settings.samples, run, cancel, cost, settings.more),
       settings.options));
  const note = el("p", { class: "small-words", hidden: true });
  cells.trust.append(doing.element, note, error);
  let images = 1, idle = true;

  const seconds = () => forecast(method, settings.wanted(), settings.chosen(), images);

  function fail(text) {
    error.hidden = !text;
    setText(error, text);
  }

  function go() {
    const problem = settings.problem();
    fail(problem);
    if (problem) return;
    Object.assign(asked, { samples: settings.wanted(), options: settings.chosen() });
    actions.run(method, asked.samples, asked.options);
  }

  function foresee() {
    const foreseen = idle ? seconds() : null;
    setText(cost, foreseen === null || !Number.isFinite(foreseen) ? "" : foreseeWords(foreseen));
    cost.classList.toggle("long", foreseen > LONG);
  }

  function show({ estimate, elbo, units, state, count: many }) {
    const busy = state.phase !== "idle" && state.phase !== "failed";
    [images, idle] = [many, !busy];
    element.classList.toggle("empty", !estimate);
    element.setAttribute("aria-busy", String(busy));
    cells.show(estimate, elbo, units);
    doing.show(state, busy);
    note.hidden = state.phase !== "idle" || !state.text;
    setText(note, state.text);
    run.hidden = busy;
    cancel.hidden = !busy;
    cancel.disabled = state.phase === "stopping";
    if (busy) fail("");
    if (state.phase === "failed") fail(state.text);
    foresee();
  }

  return { method, element, show, ask: go, seconds };
}
