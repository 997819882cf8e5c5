// "Damage it": sliders whose tracks show the image at every setting; the seed; what is set.

import { corrupt, corruptions, untouched, whole } from "./corrupt.js";
import { button, debounce, el, setText, throttle } from "./dom.js";
import { freshSeed } from "./random.js";
import { writeBytes } from "./pixels.js";
import { plain } from "./scales.js";

const FRAMES = [3, 15];         // pictures along a track, at least and at most: as many as fit, and odd

/** The values at which a track shows the image. */
const along = ({ least, most }, count) => (
  Array.from({ length: count }, (_, i) => least + ((most - least) * (i + 0.5)) / count));

/** One slider on its filmstrip. */
function createRow(key, about, shape, onset) {
  const { name, unit, least, most, step, words } = about, [, height, width] = shape;
  const strip = el("canvas", { class: "strip", width, height, "aria-hidden": "true" });
  const slider = el("input", { type: "range", min: least, max: most, step, value: 0, "aria-label": name, title: words,
                               oninput: () => onset(key, slider.valueAsNumber, false),
                               onchange: () => onset(key, slider.valueAsNumber, true) });
  const value = el("output", { class: "setting" });
  const element = el("div", { class: "damage-row" }, el("span", { class: "name" }, name),
                     el("div", { class: "track" }, strip, slider), value);
  return {
    element, about,
    set(at) {
      slider.value = at;
      setText(value, `${plain(at)}${unit}`);
    },
    /** Show the image damaged at every value of this slider, the others as they are. */
    paint(values, settings) {
      const fits = Math.round((strip.clientWidth * height) / (strip.clientHeight * width)) || FRAMES[0];
      const frames = Math.min(FRAMES[1], Math.max(FRAMES[0], fits)) | 1, image = new ImageData(frames * width, height);
      const pixels = new Uint32Array(image.data.buffer);
      along(about, frames).forEach((at, k) => {
        const bytes = Uint8Array.from(corrupt(values, shape, { ...settings, [key]: at }), (v) => Math.round(255 * v));
        writeBytes(bytes, 0, null, 0, shape, pixels, frames * width, k * width, 0);
      });
      strip.width = frames * width;
      strip.getContext("2d").putImageData(image, 0, 0);
    },
  };
}

/**
 * Args: shape; onchange(settings, key, finished): key is the slider that was moved, or null.
 * Returns: { element, settings, about (of the sliders), take(values): the clean image, (C*H*W) in [0, 1], resize() }.
 */
export function createDamage({ shape, onchange }) {
  const settings = whole(), about = corruptions(shape);
  let clean = null;
  const rows = Object.fromEntries(Object.entries(about).map(([key, one]) => (
    [key, createRow(key, one, shape, (name, value, finished) => set(name, value, finished))])));
  const strips = (except) => {
    if (!clean) return;
    for (const [key, row] of Object.entries(rows)) if (key !== except) row.paint(clean, settings);
  };
  const refresh = throttle(() => strips(null), 120), settle = debounce(() => strips(null), 250);
  function set(key, value, finished) {
    if (!finished && settings[key] === value) return;
    settings[key] = value;
    rows[key]?.set(value);
    whole_.disabled = untouched(settings);
    settle();
    onchange(settings, key, finished);
  }
  const seed = el("input", { type: "number", min: 0, step: 1, class: "seed", value: settings.seed,
                             "aria-label": "seed of noise and occlusion", onchange: () => seeded(seed.valueAsNumber) });
  const seeded = (value) => {
    if (!(Number.isInteger(value) && value >= 0)) return;
    seed.value = settings.seed = value;
    refresh();
    onchange(settings, null, true);
  };
  const invert = el("input", { type: "checkbox", onchange: () => set("invert", invert.checked, true) });
  const whole_ = button("reset", "Whole again", () => {
    Object.assign(settings, whole(), { seed: settings.seed });
    invert.checked = false;
    for (const row of Object.values(rows)) row.set(0);
    whole_.disabled = true;
    refresh();
    onchange(settings, null, true);
  }, { title: "Undo all damage" });
  whole_.disabled = true;
  for (const row of Object.values(rows)) row.set(0);
  const die = button("die", "", () => seeded(freshSeed()), { label: "another seed", title: "Another seed" });
  const element = el("section", { class: "card damage", "aria-label": "Damage it" },
    el("header", {}, el("h3", {}, "Damage it"), el("span", { class: "unit" }, "drag a strip: the model answers")),
    Object.values(rows).map((row) => row.element),
    el("div", { class: "line" }, whole_,
       el("span", { class: "joined", title: "Seed of the noise and of the square's place" }, die, seed),
       el("label", { class: "choice", title: "White becomes black: for dark ink on light paper" }, invert, "invert")));
  return {
    element, settings, about, resize: refresh,
    take(values) {
      clean = values;
      refresh();
    },
  };
}
