// The two or three controls of a demonstration: choices, sliders, steps by hand; the seed and Reset.

import { button, el, setText } from "./dom.js";
import { digits } from "./lab_outcomes.js";
import { LARGEST_SEED } from "./lab_address.js";
import { createChoice } from "./panel.js";
import { freshSeed } from "./random.js";

const PARTS = 1000;             // places of a logarithmic slider
const SHOWN = 24;               // letters of the steps by hand

const SCENE = "scene";

/** A number between low and high as a place 0..1 of a slider, and back. */
export const placeOf = ({ low, high, log }, value) => (
  log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));

export function valueAt({ low, high, step, log, whole }, place) {
  if (!log) return Math.min(high, Number((low + Math.round((place * (high - low)) / step) * step).toPrecision(12)));
  const value = low * (high / low) ** place;
  const rounded = whole ? Math.round(value) : Number(value.toPrecision(2));
  return Math.min(high, Math.max(low, rounded));
}

function slider(control, { onMove, onSet }) {
  const { low, high, step, log, title, words, name } = control;
  let exact = null;                     // what it was set to, which may lie between its places
  const read = () => exact ?? (log ? valueAt(control, input.valueAsNumber / PARTS) : input.valueAsNumber);
  const tell = () => {
    setText(output, digits(read()));
    input.setAttribute("aria-valuetext", digits(read()));
  };
  const input = el("input", {
    type: "range", min: log ? 0 : low, max: log ? PARTS : high, step: log ? 1 : step, "aria-label": title,
    oninput: () => {
      exact = null;
      tell();
      onMove(name, read());
    },
    onchange: () => onSet(name, read()),
  });
  const output = el("output", {});
  return {
    element: el("label", { class: "lab-control", "data-name": name, title: words },
      el("span", { class: "lab-title" }, title), el("span", { class: "lab-slide" }, input, output),
      words ? el("span", { class: "words" }, words) : null),
    set(value) {
      input.value = log ? Math.round(PARTS * placeOf(control, value)) : value;
      exact = value;
      tell();
    },
  };
}

function choice({ name, title, words, values }, { onSet }) {
  const choose = (id) => onSet(name, values.find(([value]) => String(value) === id)[0]);
  const made = createChoice(title, values.map(([value, text]) => [String(value), text]), null, choose);
  return {
    element: el("div", { class: `lab-control${name === SCENE ? " lab-scenes" : ""}`, "data-name": name },
      name === SCENE ? null : el("span", { class: "lab-title" }, title), made.element,
      words && name !== SCENE ? el("span", { class: "words" }, words) : null),
    set: (value) => made.set(String(value)),
  };
}

function steps({ name, title, words, buttons, most }, { onSet }) {
  let done = "";
  const adding = buttons.map(([letter, text]) => el("button", {
    type: "button", class: "button", "data-letter": letter, onclick: () => onSet(name, done + letter) }, text));
  const undo = button("undo", "", () => onSet(name, done.slice(0, -1)), { label: `${title}: take the last one back` });
  const history = el("output", { class: "lab-history" });
  return {
    element: el("div", { class: "lab-control lab-steps", "data-name": name, role: "group", "aria-label": title },
      el("span", { class: "lab-title" }, title), el("span", { class: "line" }, adding, undo), history,
      words ? el("span", { class: "words" }, words) : null),
    set(value) {
      done = value;
      undo.disabled = !done;
      for (const one of adding) one.disabled = done.length >= most;
      const cut = done.length > SHOWN ? "…" : "";
      setText(history, done ? `${done.length}: ${cut}${done.slice(-SHOWN)}` : "none yet");
    },
  };
}

const KINDS = { slider, choice, steps };

function seedField(onSeed) {
  const take = () => {
    const fine = Number.isInteger(input.valueAsNumber) && input.valueAsNumber >= 0
      && input.valueAsNumber <= LARGEST_SEED;
    if (fine) onSeed(input.valueAsNumber);
    else input.value = shown;
  };
  let shown = 0;
  const input = el("input", { type: "number", class: "seed", min: 0, max: LARGEST_SEED, step: 1, value: 0,
                              "aria-label": "seed of all chance", onchange: take });
  const any = button("die", "", () => onSeed(freshSeed()), { label: "another seed", title: "Other chance" });
  return {
    element: el("span", { class: "lab-control lab-seed" }, el("span", { class: "lab-title" }, "Seed"),
                el("span", { class: "joined" }, input, any)),
    set: (seed) => { input.value = shown = seed; },
  };
}

/**
 * The controls of one demonstration. Args: demo; onMove(name, value) while a slider moves; onSet(name, value);
 * onSeed(seed); onReset().   Returns: { scenes (element or null), element, set(settings, seed) }.
 */
export function createControls(demo, { onMove, onSet, onSeed, onReset }) {
  const made = new Map(demo.controls.map((one) => [one.name, KINDS[one.kind](one, { onMove, onSet })]));
  const seed = seedField(onSeed), others = demo.controls.filter(({ name }) => name !== SCENE);
  const reset = button("reset", "Reset", onReset, { title: "The usual settings, the same seed (R)" });
  const element = el("div", { class: "lab-controls", "data-testid": "lab-controls" },
    others.map(({ name }) => made.get(name).element),
    el("div", { class: "lab-chance" }, seed.element, reset));
  return {
    scenes: made.get(SCENE)?.element ?? null, element,
    set(settings, chance) {
      for (const { name, scenes } of demo.controls) {
        made.get(name).set(settings[name]);
        made.get(name).element.hidden = scenes.length > 0 && !scenes.includes(String(settings[SCENE]));
      }
      seed.set(chance);
    },
  };
}
