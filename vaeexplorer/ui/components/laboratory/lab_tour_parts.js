// Pieces of the tour's steps: pictures of pixels, sliders, bars, and what moves by itself until it is touched.

import { el, figure, setText } from "./dom.js";
import { writePicture } from "./pictures.js";
import { prefersStillness } from "./theme.js";

const LONGEST = 45;             // seconds that something moves by itself

/** A picture of pixels: { element, show(values in 0..1) }.  kind: the colour of its frame. */
export function createPicture([channels, height, width], { label, kind, testid, small = false }) {
  const canvas = el("canvas", { class: `tour-picture of-${kind}${small ? " small" : ""}`, width, height, role: "img",
                                "aria-label": label, "data-testid": testid });
  const picture = new ImageData(width, height), pixels = new Uint32Array(picture.data.buffer);
  return {
    element: canvas,
    show(values) {
      writePicture(values, [channels, height, width], pixels);
      canvas.getContext("2d").putImageData(picture, 0, 0);
    },
  };
}

/** A picture with words below it. */
export const figureOf = (part, ...words) => el("figure", { class: "tour-figure" }, part.element ?? part,
                                               el("figcaption", {}, ...words));

/** A slider with its words and value: { element, value, set(v) }.  text(v): the value as words. */
export function createSlider({ words, low, high, step, value, text, oninput, kind = "text", testid }) {
  const said = el("output", {}), name = el("span", { class: `is-${kind}` }, words);
  const input = el("input", { type: "range", min: low, max: high, step, "data-testid": testid, oninput: () => {
    set(input.valueAsNumber);
    oninput(input.valueAsNumber);
  } });
  const set = (v) => {
    input.value = v;
    setText(said, text(v));
  };
  set(value);
  return { element: el("label", { class: `tour-slide of-${kind}` }, name, said, input), set,
           get value() { return input.valueAsNumber; } };
}

/**
 * Bars of prices, one below the other on one scale: { element, show(rows) }; a row is { words, sum, parts: [{ nats,
 * kind, words }], testid }.  full: nats of a bar as long as there is room.
 */
export function createBars(full) {
  const element = el("div", { class: "tour-bars" });
  const bar = ({ parts }) => el("span", { class: "tour-bar" }, parts.map(({ nats, kind, words }) => el("i", {
    class: `fill-${kind}`, title: words, style: `width:${(Math.max(0, nats) / full * 100).toFixed(2)}%` })));
  const legend = ({ parts }) => el("span", { class: "tour-parts" }, parts.filter(({ words }) => words).map(
    ({ nats, kind, words }) => el("span", { class: `is-${kind}` }, `${words} ${figure(nats, 1)}`)));
  return {
    element,
    show(rows) {
      element.replaceChildren(...rows.map((row) => el("div", { class: "tour-row", "data-testid": row.testid },
        el("span", { class: "tour-name" }, row.words), el("b", { class: "tour-sum" }, row.sum),
        bar(row), legend(row))));
    },
  };
}

/** Call task(seconds) for each frame until `stop` is called or it has gone on for long.  Returns: stop(). */
export function alive(task) {
  if (prefersStillness()) return () => {};
  let frame = 0, passed = 0, last = null;
  const next = (now) => {
    passed += last === null ? 0 : Math.min(0.1, (now - last) / 1000);      // a hidden tab stands still
    last = now;
    if (passed > LONGEST) return;
    frame = requestAnimationFrame(next);
    task(passed);
  };
  frame = requestAnimationFrame(next);
  return () => cancelAnimationFrame(frame);
}
