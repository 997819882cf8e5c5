// Steps 4 and 5 of the tour: what a cloud of codes costs, and how far that is from the lowest price.

import { button, el, figure } from "./dom.js";
import { TourMap, WHOLE } from "./lab_tour_map.js";
import { heightsOf, pricesOf } from "./lab_tour_numbers.js";
import { alive, createBars, createPicture, createSlider, figureOf } from "./lab_tour_parts.js";

const ROOM = { price: 54, gap: 27 };    // nats of a bar as long as there is room
const LARGER = 10;              // times as long is the gap that stands by itself
const MARGIN = 0.9;             // around what the posterior's window shows
const SWING = 0.7;              // how far the cloud wanders by itself, in its own widths

const nats = (value) => `${figure(value, 1)} nats`;
const terms = ({ code, pixels }) => [{ nats: code, kind: "encoder", words: "code (KL)" },
                                     { nats: pixels, kind: "decoder", words: "pixels" }];

/** Rows of step 4: pixel by pixel, with the encoder's cloud, and with the one on the map. */
function priceRows(data, here) {
  const plain = data.values.length * Math.LN2;
  return [
    { words: "Pixel by pixel", sum: nats(plain), parts: [{ nats: plain, kind: "text", words: "pixels" }],
      testid: "tour-plain" },
    { words: "With the encoder's cloud", sum: nats(data.prices.sum), parts: terms(data.prices), testid: "tour-theirs" },
    { words: "With the cloud on the map", sum: nats(here.sum), parts: terms(here), testid: "tour-here" },
  ];
}

/** Rows of step 5: the price of the cloud on the map, the lowest one with what is paid too much, and that enlarged. */
function gapRows(data, here) {
  const surprise = -data.terms.log_marginal, gap = here.sum - surprise;
  return [
    { words: "Price with the cloud on the map", sum: nats(here.sum), parts: terms(here), testid: "tour-here" },
    { words: "The same, as surprise and gap", sum: nats(here.sum), testid: "tour-surprise",
      parts: [{ nats: surprise, kind: "input", words: "surprise" }, { nats: gap, kind: "gap", words: "gap" }] },
    { words: `The gap, ${LARGER} times as long`, sum: `${figure(gap, 2)} nats`, testid: "tour-gap",
      parts: [{ nats: LARGER * gap, kind: "gap", words: null }] },
  ];
}

/** Where the posterior is, and the cloud: what step 5 shows of the map. */
function closeUp({ window: [u0, u1, v0, v1] }) {
  return { middle: [(u0 + u1) / 2, (v0 + v1) / 2], half: MARGIN * Math.max(u1 - u0, v1 - v0) / 2 };
}

/** A step with a cloud that a hand moves; rows(data, prices) are its bars, `room` nats long. */
function cloudStep(brain, rows, room) {
  const picture = createPicture(brain.shape, { label: "the picture at the cloud's centre", kind: "decoder",
                                               testid: "tour-output" });
  const map = new TourMap(brain, { label: "the map with a cloud that you can move",
                                   onmove: (mean) => touch({ mean }) });
  const bars = createBars(room);
  const slider = createSlider({ words: "width", low: -3, high: 2, step: 0.05, value: 0, kind: "sigma",
                                testid: "tour-width", text: (v) => `${figure(2 ** v, 2)} times`,
                                oninput: (power) => touch({ power }) });
  const sliders = ["centre, right", "centre, up"].map((words, i) => createSlider({
    words, low: -WHOLE.half, high: WHOLE.half, step: 0.05, value: 0, kind: "mu", text: (v) => figure(v),
    testid: `tour-mu${i + 1}`, oninput: () => touch({ mean: sliders.map(({ value }) => value) }) }));
  const back = button("reset", "Encoder's cloud", () => {
    rest();
    go({ mean: data.mean, power: 0 });
  });
  let data = null, now = null, shown = {}, rest = () => {};

  const go = (wish) => {
    now = { ...now, ...wish };
    const { mean, power } = now, std = data.std.map((width) => width * 2 ** power);
    slider.set(power);
    sliders.forEach((one, i) => one.set(mean[i]));
    picture.show(brain.decode(mean));
    bars.show(rows(data, pricesOf(brain.decode, data.values, mean, std)));
    map.show({ ...shown, quiet: true, movable: true, cloud: { mean, std }, place: mean, kind: "mu" });
  };
  const touch = (wish) => {
    rest();
    go(wish);
  };
  return {
    element: el("div", { class: "tour-stage mapped" },
      el("div", { class: "tour-side" }, map.element,
        el("div", { class: "tour-slides" }, [slider, ...sliders].map(({ element }) => element),
          el("div", { class: "tour-buttons" }, back))),
      el("div", { class: "tour-side shows" },
        el("div", { class: "tour-pair" }, figureOf(brain.original(), "what is sent"),
          figureOf(picture, "painted from the centre")),
        bars.element)),
    show(told) {
      data = { ...told, prices: pricesOf(brain.decode, told.values, told.mean, told.std) };
      const { posterior } = told;
      shown = posterior ? { posterior: pictured(posterior), view: closeUp(posterior) } : { prior: true };
      go({ mean: data.mean, power: 0 });
      rest = alive((seconds) => {
        go({ mean: data.mean.map((m, i) => m + SWING * data.std[i] * Math.sin((1.1 + 0.4 * i) * seconds)) });
      });
    },
    theme: (colours) => map.theme(colours),
    rest() {
      rest();
      map.stop();
    },
  };
}

/** The posterior as the map draws it, normalised on its window. */
function pictured(posterior) {
  const { window, side, below } = posterior, heights = heightsOf(below), [u0, u1, v0, v1] = window;
  const area = ((u1 - u0) / (side - 1)) * ((v1 - v0) / (side - 1));
  const log = Math.log(heights.reduce((sum, height) => sum + Math.exp(height), 0) * area);
  return { values: heights.map((height) => height - log), size: [side, side], window };
}

/** Step 4: the price of the code and of the pixels. */
export const price = (brain) => cloudStep(brain, priceRows, ROOM.price);

/** Step 5: the price, the surprise and the gap. */
export const gap = (brain) => cloudStep(brain, gapRows, ROOM.gap);
