// Steps 2 and 3 of the tour: a place on the map and its picture; a cloud on the map and what the dice make of it.

import { button, el, figure, setText } from "./dom.js";
import { TourMap, WHOLE } from "./lab_tour_map.js";
import { wayAt } from "./lab_tour_numbers.js";
import { alive, createPicture, createSlider, figureOf } from "./lab_tour_parts.js";

const BLINK = 0.6;              // seconds between two draws
const KEPT = 8;                 // draws in a row

/** Step 2: drag the place, and the picture follows. */
export function place(brain) {
  const picture = createPicture(brain.shape, { label: "the picture at this place", kind: "decoder",
                                               testid: "tour-output" });
  const map = new TourMap(brain, { label: "the map of all codes", onmove: (z) => touch(z) });
  const said = el("p", { class: "tour-line", "data-testid": "tour-place" });
  const sliders = ["to the right", "up"].map((words, i) => createSlider({
    words, low: -WHOLE.half, high: WHOLE.half, step: 0.05, value: 0, kind: "z", text: (v) => figure(v),
    testid: `tour-z${i + 1}`, oninput: () => touch(sliders.map(({ value }) => value)) }));
  let z = [0, 0], data = null, rest = () => {};

  const go = (where) => {
    z = where;
    sliders.forEach((slider, i) => slider.set(z[i]));
    picture.show(brain.decode(z));
    setText(said, `The code is ${figure(z[0])} and ${figure(z[1])}: all that the decoder is told.`);
    map.show({ digits: { places: data.dots, labels: data.labels }, quiet: true, place: z, movable: true });
  };
  const touch = (where) => {
    rest();
    go(where);
  };
  return {
    element: el("div", { class: "tour-stage mapped" },
      el("div", { class: "tour-side" }, map.element,
        el("div", { class: "tour-slides" }, sliders.map(({ element }) => element))),
      el("div", { class: "tour-side shows" },
        el("div", { class: "tour-big" }, figureOf(picture, "painted by the decoder")), said)),
    show(told) {
      data = told;
      go(data.mean);
      rest = alive((seconds) => go(wayAt(seconds)));
    },
    theme: (colours) => map.theme(colours),
    rest() {
      rest();
      map.stop();
    },
  };
}

/** Step 3: the dice choose a code from the cloud, again and again. */
export function noise(brain) {
  const picture = createPicture(brain.shape, { label: "the picture of this draw", kind: "decoder",
                                               testid: "tour-output" });
  const row = Array.from({ length: KEPT }, (_, i) => createPicture(brain.shape, { label: `draw ${i + 1} before`,
                                                                                  kind: "decoder", small: true }));
  const map = new TourMap(brain, { label: "the map with the encoder's cloud" });
  const said = el("p", { class: "tour-line", "data-testid": "tour-draw" });
  const slider = createSlider({ words: "noise", low: 0, high: 4, step: 0.05, value: 1, kind: "noise",
                                testid: "tour-noise", text: (v) => `${figure(v, 1)} times`, oninput: () => show() });
  const roll = button("die", "Roll the dice", () => {
    rest();
    next();
  });
  let data = null, thrown = 1, rest = () => {};

  const at = (i) => data.rolls[i % data.rolls.length].map((e, k) => data.mean[k] + data.std[k] * slider.value * e);
  const show = () => {
    const count = Math.min(thrown, data.rolls.length);
    const draws = Array.from({ length: count }, (_, i) => at(thrown - 1 - i)), [z] = draws;
    picture.show(brain.decode(z));
    row.forEach((one, i) => {
      one.element.hidden = i >= draws.length;
      if (draws[i]) one.show(brain.decode(draws[i]));
    });
    const e = data.rolls[(thrown - 1) % data.rolls.length];
    setText(said, `The dice say ${figure(e[0])} and ${figure(e[1])}: the code is ${figure(z[0])} and ${figure(z[1])}.`);
    const std = data.std.map((width) => width * slider.value);
    map.show({ quiet: true, cloud: { mean: data.mean, std }, draws: draws.slice(1), place: z });
  };
  const next = () => {
    thrown++;
    show();
  };
  return {
    element: el("div", { class: "tour-stage mapped" },
      el("div", { class: "tour-side" }, map.element,
        el("div", { class: "tour-slides" }, slider.element, el("div", { class: "tour-buttons" }, roll))),
      el("div", { class: "tour-side shows" },
        el("div", { class: "tour-pair" }, figureOf(brain.original(), "what went in"),
          figureOf(picture, "what came out")),
        said, el("div", { class: "tour-strip" }, row.map(({ element }) => element)))),
    show(told) {
      data = told;
      show();
      rest = alive((seconds) => {
        if (seconds > thrown * BLINK) next();
      });
    },
    theme: (colours) => map.theme(colours),
    rest() {
      rest();
      map.stop();
    },
  };
}
