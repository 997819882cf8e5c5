// "A to B": two places and the way between them.

import { button, el, icon, tint } from "./dom.js";
import { pathBetween } from "./path.js";
import { freshSeed } from "./random.js";
import { fileName, saveGif } from "./share.js";

const SECONDS = 3.2;            // from A to B
const PICTURES = 13;            // in the strip
const FRAMES = 32;              // of the GIF, one way
const EXAMPLES = [21, 34];      // seeds of the ends at first

/** A small picture of one end, painted by the worker. */
function createEnd(name, kind) {
  const canvas = el("canvas", { class: `end ${kind}`, role: "img", "aria-label": `picture ${name}` });
  return { canvas, figure: el("figure", {}, canvas, el("figcaption", {}, name)) };
}

function paintRow(canvas, row, count, [, height, width]) {
  if (canvas.width !== width * count) [canvas.width, canvas.height] = [width * count, height];
  canvas.getContext("2d").putImageData(new ImageData(row, width * count, height), 0, 0);
  canvas.classList.add("drawn");
}

/**
 * The card. Args: model, place, prior, engine, server, order (dimensions by KL), onhold(bool) while it plays or drags.
 * Returns: { element, fill(), begin(), stop(), playing }.
 */
export function createBetween({ model, place, prior, engine, server, order, onhold, say }) {
  const ends = { A: null, B: null }, shown = { A: createEnd("A", "a"), B: createEnd("B", "b") };
  const strip = el("canvas", { class: "strip", "aria-hidden": "true" });
  let way = prior.bits ? "flips" : "circle", frame = 0;
  const slider = el("input", { type: "range", min: 0, max: 1, step: "any", value: 0, "aria-label": "from A to B",
                               oninput: () => follow(slider.valueAsNumber), onchange: () => settle() });
  const at = (t) => pathBetween(prior, order, way)(ends.A, ends.B, t);

  const paint = () => {
    for (const name of ["A", "B"]) {
      if (ends[name]) {
        engine.request(`end ${name}`, () => ({ zs: Float32Array.from(ends[name]), count: 1 }),
                       (row) => paintRow(shown[name].canvas, row, 1, engine.shape), true);
      }
    }
    if (!ends.A || !ends.B) return;
    engine.request("between", () => {
      const zs = new Float32Array(PICTURES * place.z.length);
      for (let k = 0; k < PICTURES; k++) zs.set(at(k / (PICTURES - 1)), k * place.z.length);
      return { zs, count: PICTURES };
    }, (row) => paintRow(strip, row, PICTURES, engine.shape), true);
  };
  const setEnd = (name, z) => {
    ends[name] = Float64Array.from(z);
    const ready = Boolean(ends.A && ends.B);
    for (const control of [slider, play, gif]) control.disabled = !ready;
    paint();
  };
  const sample = () => {
    const draw = prior.draw(freshSeed());
    return draw.map((v, i) => (place.locked[i] ? place.z[i] : v));
  };
  const follow = (t) => {
    if (ends.A && ends.B) place.go(at(t));
  };
  const settle = () => {
    onhold(false);
    place.rest();
  };
  const stop = () => {
    if (!frame) return;
    cancelAnimationFrame(frame);
    frame = 0;
    showPlaying(false);
    settle();
  };
  const showPlaying = (on) => play.replaceChildren(icon(on ? "pause" : "play"), el("span", {}, on ? "Pause" : "Play"));
  const start = () => {
    onhold(true);
    showPlaying(true);
    let last = performance.now(), phase = slider.valueAsNumber >= 1 ? 0 : slider.valueAsNumber;
    const step = (now) => {
      frame = requestAnimationFrame(step);
      phase = (phase + Math.min(100, now - last) / 1000 / SECONDS) % 2;      // there and back
      last = now;
      slider.value = phase <= 1 ? phase : 2 - phase;
      follow(slider.valueAsNumber);
    };
    frame = requestAnimationFrame(step);
  };
  const play = button("play", "Play", () => (frame ? stop() : start()));
  const gif = button("down", "GIF", async () => {
    const there = Array.from({ length: FRAMES }, (_, k) => at(k / (FRAMES - 1)));
    try {
      await saveGif({ engine, server, places: [...there, ...there.slice(1, -1).reverse()],
                      name: fileName(model.name, "A-to-B"), ms: 60 });
    } catch (error) {
      say(error.message);
    }
  }, { title: "Animated picture of the way there and back", label: "GIF of the way from A to B" });
  const random = button("die", "Random", () => {
    stop();
    setEnd("A", sample());
    setEnd("B", sample());
    slider.value = 0;
    follow(0);
    place.rest();
  }, { label: "random A and B", title: "Two prior samples; locked dimensions stay" });
  const set = (name) => button(null, `Set ${name} here`, () => {
    stop();
    setEnd(name, place.z);
    slider.value = name === "A" ? 0 : 1;
  });
  const choice = (value, words) => el("label", { class: "choice" }, el("input", {
    type: "radio", name: `way-${model.name}`, value, checked: way === value, onchange: () => {
      way = value;
      paint();
      follow(slider.valueAsNumber);
      place.rest();
    } }), words);
  const ways = prior.bits
    ? el("p", { class: "words" }, "Bits have no way between: those that differ flip one by one, the dearest first.")
    : el("div", { class: "line", role: "radiogroup", "aria-label": "way from A to B" },
         choice("circle", "great circle"), choice("straight", "straight line"));
  const note = prior.bits ? null : el("p", { class: "words" }, "The straight line cuts through the middle of ",
    tint("z", "p(z)"), ", where prior samples are rare in many dimensions; the great circle keeps its distance.");
  for (const control of [slider, play, gif]) control.disabled = true;
  return {
    element: el("section", { class: "card between", "aria-label": "A to B" }, el("h3", {}, "A to B"),
                el("div", { class: "ends-row" }, shown.A.figure,
                   el("div", { class: "track" }, strip, slider), shown.B.figure),
                el("div", { class: "line" }, play, set("A"), set("B"), random, gif), ways, note),
    /** Two samples to look at, once pictures can be drawn. */
    fill() {
      setEnd("A", prior.draw(EXAMPLES[0]));
      setEnd("B", prior.draw(EXAMPLES[1]));
    },
    /** Set out from the present z to a random place. */
    begin() {
      stop();
      setEnd("A", place.z);
      setEnd("B", sample());
      slider.value = 0;
      start();
    },
    stop,
    get playing() { return Boolean(frame); },
  };
}
