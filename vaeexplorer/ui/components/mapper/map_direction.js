// From selection A to selection B: the difference of their mean codes, step by step, and as a slider in Explore.

import { button, el, setText } from "./dom.js";
import { clearPicture } from "./map_decoder.js";
import { many } from "./map_words.js";
import { plain } from "./scales.js";

const STEPS = 7;                // pictures from A to B
const MOST = 3;                 // dimensions named in the sentence
const SWITCHES = "Switches have no place between off and on: the pictures flip one bit after another, and there is no "
  + "slider along the way.";
const SAME = "Both means are the same code: there is no direction between them.";
const VECTOR = "An attribute vector: added to any code, it tends to change what A and B differ in. It is a difference "
  + "of two means, and holds everything in which the two selections differ, wanted or not.";

/** mean of B minus mean of A, D numbers. */
export const difference = (a, b) => Float64Array.from(a, (v, d) => b[d] - v);

/** The dimensions in which two means differ most: "z3 (+1.2), z7 (−0.8)". */
export function largest(direction, most = MOST) {
  return Array.from(direction, (v, d) => [d, v]).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, most)
    .map(([d, v]) => `z${d + 1} (${v > 0 ? "+" : ""}${plain(Number(v.toPrecision(2)))})`).join(", ");
}

/**
 * Args: model; decoder; onExplore({ z, direction, about }).
 * Returns: { element, use(codes), keep("A" or "B", { mean, n, words }) }. Both stay when other codes are shown, as long
 * as these have as many dimensions.
 */
export function createDirection({ model, decoder, onExplore }) {
  const kept = { A: null, B: null };
  const said = el("p", { class: "words" }), film = el("div", { class: "film" }), note = el("p", { class: "words" });
  const go = button("path", "Try it in Explore", () => {
    const direction = difference(kept.A.mean, kept.B.mean);
    onExplore({ z: kept.A.mean, direction, about: `${nameOf("A")} to ${nameOf("B")}`.slice(0, 120) });
  }, { kind: "primary" });
  const swap = button(null, "Swap", () => {
    [kept.A, kept.B] = [kept.B, kept.A];
    show();
  }, { label: "swap A and B" });
  const forget = button(null, "Forget", () => {
    kept.A = kept.B = null;
    show();
  }, { label: "forget A and B" });
  const line = el("div", { class: "line" }, go, swap, forget);
  const element = el("div", { class: "direction", hidden: true }, el("h4", {}, "From A to B"), said, film, line, note);
  const bits = model.posterior === "bernoulli";

  const nameOf = (name) => `${name} (${many(kept[name].n, "point")}${kept[name].words})`;

  function pictures() {
    return Array.from({ length: STEPS }, (_, k) => {
      const share = k / (STEPS - 1), ends = { 0: "mean of A", 1: "mean of B" };
      const words = ends[share] ?? `${Math.round(100 * share)} % of the way`;
      const canvas = el("canvas", { role: "img", "aria-label": words });
      clearPicture(canvas, model.shape);
      decoder.paint(canvas, Float64Array.from(kept.A.mean, (v, d) => v + share * (kept.B.mean[d] - v))).catch(() => {});
      return canvas;
    });
  }

  function show() {
    const both = kept.A && kept.B;
    element.hidden = !kept.A && !kept.B;
    film.hidden = line.hidden = note.hidden = !both;
    if (!both) {
      if (!element.hidden) setText(said, `${nameOf(kept.A ? "A" : "B")} is kept. Select other points and keep them as `
        + `${kept.A ? "B" : "A"}: the direction between the two means appears here.`);
      return;
    }
    const direction = difference(kept.A.mean, kept.B.mean), length = Math.hypot(...direction);
    setText(said, `${nameOf("A")} → ${nameOf("B")}. The means differ most in ${largest(direction)}; length `
      + `${plain(Number(length.toPrecision(3)))}.`);
    go.hidden = bits || length === 0;
    setText(note, bits ? SWITCHES : length === 0 ? SAME : VECTOR);
    film.replaceChildren(...pictures());
  }

  return {
    element,
    use(codes) {
      if (codes.dimensions !== codes.modelDimensions) [kept.A, kept.B] = [null, null];
      show();
    },
    keep(name, selection) {
      kept[name] = selection;
      show();
    },
  };
}
