// What is to be measured of a data set: which images, how many, by which estimator, with how many samples.

import { forecast as foreseen } from "./bnd_methods.js";
import { whole } from "./bnd_panel_words.js";
import { button, el, setText } from "./dom.js";
import { field } from "./panel.js";
import { duration } from "./scales.js";

const LEAST = 1, MOST = 10_000;
const USUAL = ["grid", "enumeration", "iwae"];          // what is chosen before anybody chose: the first that applies

/** The sources that the app names, those of other data sets among them, as [id, title]. */
export function sourcesOf({ sources = [], others = [] }) {
  const all = [...sources, ...others.filter(({ id }) => !sources.some((one) => one.id === id))];
  return all.map(({ id, title }) => [id, title]);
}

/** Why these numbers cannot be asked for, one line; "" where they can. */
export function refusal(count, samples) {
  if (!(Number.isInteger(count) && count >= LEAST && count <= MOST)) {
    return `How many images must be a whole number from ${LEAST} to ${whole(MOST)}.`;
  }
  if (samples !== null && !(Number.isInteger(samples) && samples >= 1)) return "Samples must be a whole number from 1.";
  return "";
}

/**
 * The fields. Args: ctx; keep { source, count, method, samples: by method }, which they follow and change;
 * onask(body) with the body of a question to bounds/dataset; onrefuse(line, "" where nothing is wrong).
 * Returns: { element, offer() what the app says is there, busy(whether it runs) }.
 */
export function createForm(ctx, keep, { onask, onrefuse }) {
  const number = (testid, more) => (
    el("input", { type: "number", "data-testid": testid, oninput: () => forecast(), ...more }));
  const sources = el("select", { "data-testid": "dataset-source", onchange: () => {
    keep.source = sources.value;
    forecast();
  } });
  const count = number("dataset-count", { min: LEAST, max: MOST, value: keep.count });
  const methods = el("select", { "data-testid": "dataset-method", onchange: () => choose(methods.value) });
  const samples = number("dataset-samples", { min: 1 });
  const go = button("play", "Measure", () => ask(), { label: "Measure the data set", kind: "primary" });
  const cost = el("span", { class: "words" });
  let running = false;

  const methodOf = (name) => ctx.about?.methods.find((one) => one.name === name);
  const options = (select, entries) => (
    select.replaceChildren(...entries.map(([id, title]) => el("option", { value: id }, title))));

  function offer() {
    const { about } = ctx;
    if (!about) return;
    const known = sourcesOf(about), able = about.methods.filter(({ problem }) => !problem);
    options(sources, known);
    if (!known.some(([id]) => id === keep.source)) keep.source = known[0]?.[0] ?? "test";
    sources.value = keep.source;
    options(methods, able.map(({ name, title }) => [name, title]));
    const has = (name) => able.some((method) => method.name === name);
    choose(has(keep.method) ? keep.method : USUAL.find(has) ?? able[0]?.name ?? null);
    if (!known.length) onrefuse(about.why ?? "");
    allow();
  }

  function choose(name) {
    const method = methodOf(name);
    keep.method = methods.value = name;
    samples.disabled = (method?.samples ?? null) === null;
    samples.value = samples.disabled ? "" : String(keep.samples[name] ?? method.samples);
    if (method?.least) samples.min = method.least;
    if (method?.most) samples.max = method.most;
    samples.title = method?.counted ?? "";
    forecast();
  }

  /** How long it will take, as far as that is known. */
  function forecast() {
    const method = methodOf(keep.method), draws = samples.disabled ? null : samples.valueAsNumber;
    const about = method && { ...method, latent_dim: ctx.model.latent_dim };
    const seconds = about ? foreseen(about, draws, {}, count.valueAsNumber) : null;
    setText(cost, seconds !== null && seconds >= 1 ? `about ${duration(seconds)}` : "");
  }

  function ask() {
    const draws = samples.disabled ? null : samples.valueAsNumber, line = refusal(count.valueAsNumber, draws);
    onrefuse(line);
    if (line) return;
    keep.count = count.valueAsNumber;
    if (draws !== null) keep.samples[keep.method] = draws;
    onask({ model: ctx.model.name, source: keep.source, count: keep.count, method: keep.method, samples: draws,
            seed: ctx.state.seed });
  }

  const allow = () => { go.disabled = running || !sources.options.length || !methods.options.length; };
  return {
    element: el("div", { class: "fields" }, field("Images of", sources), field("How many", count),
                field("log p(x) by", methods), field("Samples", samples), go, cost),
    offer,
    busy(now) {
      running = now;
      allow();
    },
  };
}
