// What histograms and clouds have in common: a few estimators, S samples, so many estimates, on the image looked at.

import { button, el } from "./dom.js";
import { createAsked } from "./grd_asked.js";
import { createChips, createNumber } from "./grd_fields.js";
import { inkOf } from "./grd_looks.js";
import { kept } from "./panel.js";

const MOST_SAMPLES = 1000;

/**
 * Args: ctx; id, e.g. "histograms"; route; what, for error messages; start() -> what is kept of the panel's own
 *   choices, with replicates; most estimators at once; mostReplicates; first(estimators of gradients/about) ->
 *   names before anybody chose; extra(keep) -> further fields of the question; show() draws the panel anew;
 *   learned(keep, about) once the app has told about the model.
 * Returns: { keep, asked (grd_asked.js), chips, fields (elements), change(patch) asks anew, look(patch) only draws,
 *   titleOf(estimator), image() in words, offer() shows what can be chosen, refresh(), stop() }.
 */
export function createExperiment(ctx, { id, route, what, start, most, mostReplicates, first, extra, show,
                                        learned = () => {} }) {
  const keep = kept(ctx, `gradients-${id}`, () => ({ estimators: null, samples: null, ...start() }));
  const asked = createAsked(ctx, { id: `gradients-${id}`, route, what, body: () => question(), show });
  const number = (words, name, value, more) => createNumber({
    words, testid: `${id}-${name}`, value, onchange: (next) => change({ [name]: next }), onrefuse: asked.fail,
    onenter: () => measure(), ...more });
  const samples = number("Samples S", "samples", 1, { most: MOST_SAMPLES });
  const replicates = number("Estimates", "replicates", keep.replicates, { least: 2, most: mostReplicates });
  const chips = createChips("Estimators", { most, onchange: (names) => change({ estimators: names }) });
  const go = button("play", "Measure", () => measure(), { label: `Measure: ${what}`, kind: "primary" });

  const estimators = () => ctx.about?.estimators ?? [];
  const able = (name) => estimators().some((one) => one.name === name && one.applies && one.fewest <= keep.samples);
  const problem = () => samples.problem() || replicates.problem();

  function question() {
    const { active } = ctx.state, names = (keep.estimators ?? []).filter(able);
    if (!active || !names.length || problem()) return null;
    return ctx.question({ images: [active], estimators: names, samples: keep.samples, replicates: keep.replicates,
                          ...extra(keep) });
  }

  function measure() {
    const line = problem();
    asked.fail(line);
    if (!line) asked.ask();
  }

  function look(patch) {
    Object.assign(keep, patch);
    show();
  }

  function change(patch) {
    asked.fail("");
    look(patch);
    asked.settle();
  }

  function offer() {
    go.disabled = asked.running() || !ctx.about || !ctx.state.active;
    if (!ctx.about) return;
    chips.show(estimators().filter(({ applies }) => applies).map(({ name, title, fewest }) => (
      { name, title, ink: inkOf(name, ctx.theme), why: fewest > keep.samples ? `needs S of at least ${fewest}` : "" })),
               keep.estimators);
  }

  function refresh() {
    const { about } = ctx;
    if (about) {
      keep.samples ??= about.defaults.samples;
      keep.estimators ??= first(about.estimators);
      samples.set(keep.samples);
      learned(keep, about);
    }
    show();
    asked.settle();
  }

  const unsubscribe = ctx.state.subscribe((changed) => {
    if (["images", "active", "seed", "titles"].some((name) => changed.has(name))) refresh();
  });

  return {
    keep, asked, change, look, offer, refresh, chips: chips.element,
    fields: (...more) => el("div", { class: "fields" }, more.flat(), samples.element, replicates.element, go),
    titleOf: (name) => estimators().find((one) => one.name === name)?.title ?? name,
    image: () => ctx.state.titles.get(ctx.state.active) ?? "this image",
    stop() {
      unsubscribe();
      asked.stop();
    },
  };
}
