// "Colour by" and the legend: what the colours mean, how many points each entry has, and a click hides them.

import { colourBy } from "./colouring.js";
import { button, el, setText } from "./dom.js";
import { TERMS, dimension } from "./map_codes.js";
import { factorValue } from "./map_words.js";
import { count, plain } from "./scales.js";

const BINS = 6;                 // entries of the legend for a number, with equally many points each
const NAMED = 12;               // values of a factor that still get colours of their own
const LONG = 24;                // entries that are shown at once

/** What a choice of the menu paints: { kind, values, names }. */
export function painted(codes, key) {
  const [what, at] = key.split(":");
  if (what === "class") return { kind: "class", values: codes.label, names: codes.names };
  if (what === "step") return { kind: "number", values: Float32Array.from(codes.step) };
  if (what === "z") return { kind: "number", values: dimension(codes, Number(at)), around: true };
  if (what === "factor") return factorPaint(codes.factors[Number(at)]);
  return what === "single" ? { kind: "single", values: null } : { kind: "number", values: codes[what] };
}

function factorPaint(factor) {
  const { index, values } = factor, size = values?.length ?? index.reduce((a, b) => Math.max(a, b), 0) + 1;
  if (size <= NAMED || !values?.every((value) => typeof value === "number")) {
    return { kind: "class", values: index, names: Array.from({ length: size }, (_, k) => factorValue(factor, k)) };
  }
  return { kind: "number", values: Float32Array.from(index, (k) => values[k] ?? NaN) };
}

/** The menu: [[key, words], ...] of what these codes know. */
export function colourChoices(codes) {
  const known = [];
  if (codes.label) known.push(["class", "Class"]);
  codes.factors.forEach((factor, k) => known.push([`factor:${k}`, `Factor: ${factor.name}`]));
  for (const [key, words] of Object.entries(TERMS)) if (codes[key]) known.push([key, `${words} (nats)`]);
  if (codes.step) known.push(["step", "Training step"]);
  for (let d = 0; d < codes.dimensions; d++) known.push([`z:${d}`, `z${d + 1}`]);
  return [...known, ["single", "One colour"]];
}

/** Equally filled intervals of finite values: { edges (low, ..., high), binOf (N, -1 where not finite), counts }. */
export function binned(values, wanted = BINS) {
  const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return { edges: [], binOf: new Int8Array(values.length).fill(-1), counts: [] };
  const cut = (k) => sorted[Math.min(sorted.length - 1, Math.floor((k * sorted.length) / wanted))];
  const edges = [...new Set(Array.from({ length: wanted + 1 }, (_, k) => cut(k)))];
  if (edges.length === 1) edges.push(edges[0]);
  const last = edges.length - 2, counts = new Array(edges.length - 1).fill(0);
  const binOf = Int8Array.from(values, (value) => {
    if (!Number.isFinite(value)) return -1;
    let bin = 0;
    while (bin < last && value >= edges[bin + 1]) bin++;
    counts[bin]++;
    return bin;
  });
  return { edges, binOf, counts };
}

/**
 * Args: onColours({ colours, visible, hiddenCount }) when they change.
 * Returns: { choice (the menu), legend (element), use(codes), theme(name), onlyClass(k or null) }.
 */
export function createColour({ onColours }) {
  const menu = el("select", { "aria-label": "colour by", onchange: () => paint(true) });
  const choice = el("label", { class: "field" }, el("span", {}, "Colour by"), menu);
  const list = el("ul", { class: "legend" }), ramp = el("div", { class: "ramp", hidden: true });
  const title = el("h3", {}, "Legend"), hint = el("span", { class: "words" });
  const all = button(null, "Show all", () => {
    hidden.clear();
    only = null;
    apply();
  }, { kind: "quiet" });
  const card = el("section", { class: "card", "aria-label": "Legend" },
                    el("header", {}, title, hint, all), ramp, list);
  let codes = null, theme = "light", hidden = new Set(), only = null, colours = null, keyOf = null, entries = [];

  function paint(anew = false) {
    if (!codes) return;
    if (anew) hidden = new Set();
    const what = painted(codes, menu.value);
    const made = colourBy({ ...what, count: codes.count, theme });
    colours = made.colours;
    if (made.ramp) rampEntries(what.values, made);
    else {
      entries = made.legend ?? [];
      keyOf = what.values;
      ramp.hidden = true;
    }
    list.classList.toggle("wide", Boolean(made.ramp));
    list.replaceChildren(...entries.slice(0, LONG).map(entry));
    if (entries.length > LONG) list.append(el("li", { class: "words" }, `and ${entries.length - LONG} more`));
    apply();
  }

  function rampEntries(values, { ramp: { low, high, stops }, legend: unknown }) {
    const { edges, binOf, counts } = binned(values), span = Math.max(1e-12, high - low);
    const at = (value) => Math.min(stops.length - 1, Math.max(0, Math.round(((value - low) / span)
                                                                          * (stops.length - 1))));
    entries = counts.map((n, k) => ({ key: k, count: n, name: `${plain(edges[k])} to ${plain(edges[k + 1])}`,
                                      colour: stops[at((edges[k] + edges[k + 1]) / 2)] }));
    entries.push(...(unknown ?? []));
    keyOf = binOf;
    const bar = el("i", { style: `background:linear-gradient(to right, ${stops.join(", ")})` });
    ramp.replaceChildren(el("span", {}, plain(low)), bar, el("span", {}, plain(high)));
    ramp.hidden = false;
  }

  /** Hide what the legend and the class filter hide, and show in the legend what is hidden. */
  function apply() {
    const filters = hidden.size || only !== null;
    const visible = filters ? Uint8Array.from({ length: codes.count }, (_, i) => (
      (only === null || codes.label[i] === only) && !(keyOf && hidden.has(keyOf[i])) ? 1 : 0)) : null;
    const shown = visible ? visible.reduce((a, b) => a + b, 0) : codes.count;
    all.hidden = !filters;
    setText(hint, entries.length ? "click hides or shows" : "");
    entries.slice(0, LONG).forEach(({ key }, k) => (
      list.children[k].firstChild.setAttribute("aria-pressed", String(!hidden.has(key)))));
    onColours({ colours, visible, shown, only });
  }

  function entry({ key, name, colour, count: n }) {
    return el("li", {}, el("button", {
      type: "button", class: "entry",
      title: "Click: hide or show. Double click: only this.",
      onclick: () => {
        if (!hidden.delete(key)) hidden.add(key);
        apply();
      },
      ondblclick: () => {
        hidden = new Set(entries.map((other) => other.key).filter((other) => other !== key));
        apply();
      },
    }, el("i", { style: `background:${colour}` }), el("span", {}, name), el("b", {}, count(n))));
  }

  return {
    choice, legend: card,
    /** Other codes: the choice stays where they know it, and so does the legend's filter. */
    use(next) {
      if (!next.label || String(next.names) !== String(codes?.names)) only = null;
      const course = next.step && !codes?.step;         // what one wants to see first of a course is time
      codes = next;
      const choices = colourChoices(codes), before = menu.value;
      menu.replaceChildren(...choices.map(([value, words]) => el("option", { value }, words)));
      menu.value = course ? "step" : choices.some(([value]) => value === before) ? before : choices[0][0];
      paint(menu.value !== before || !/^(class|factor)/.test(before));           // other numbers, other bins
    },
    theme(name) {
      theme = name;
      paint();
    },
    onlyClass(k) {
      only = k;
      if (codes) apply();
    },
  };
}
