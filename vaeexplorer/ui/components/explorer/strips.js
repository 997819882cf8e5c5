// The sliders: one row per latent dimension, its track a filmstrip of what the dimension does at the present z.

import { createAlong } from "./along.js";
import { button, el, figure, icon, zName } from "./dom.js";
import { arrowStep, createFilmstrip } from "./filmstrip.js";

const OPEN_ROWS = 6;
const LARGEST = 1000;           // exact values beyond it mean nothing to a decoder in single precision

/** Dimensions by KL, largest first; the dead ones last. */
export function orderByKl({ kl, active }) {
  return kl.map((_, i) => i).sort((a, b) => active[b] - active[a] || kl[b] - kl[a] || a - b);
}

/** Decimals that a slider keeps: about a thousand steps over its range. */
function decimalsFor([low, high]) {
  return Math.min(9, Math.max(0, 3 - Math.floor(Math.log10(high - low))));
}

/** The number field of dimension i, for exact values, also beyond the slider's range. */
function exactField(i, place) {
  const field = el("input", {
    type: "number", step: "any", class: "exact", "aria-label": `exact value, dimension ${i + 1}`,
    onchange: () => {
      const value = field.valueAsNumber;
      if (Number.isFinite(value)) place.set(i, Math.min(LARGEST, Math.max(-LARGEST, value)));
      else field.value = String(Number(place.z[i].toFixed(3)));
      place.rest();
    },
  });
  return field;
}

function lockButton(i, place) {
  const toggle = el("button", {
    type: "button", class: "small", "aria-pressed": "false", "aria-label": `lock, dimension ${i + 1}`,
    title: "Lock: Surprise me and Reset all leave this dimension where it is",
    onclick: () => place.lock(i, !place.locked[i]),
  }, icon("unlock"));
  return {
    element: toggle,
    show(on) {
      toggle.setAttribute("aria-pressed", String(on));
      toggle.replaceChildren(icon(on ? "lock" : "unlock"));
    },
  };
}

/** One row. Returns: { element, index, lock, at(share) -> z, showValue(), refresh(), size() }. */
function createRow(i, { model, place, prior, engine, largest }) {
  const range = prior.range(i), bits = prior.bits, decimals = bits ? 0 : decimalsFor(range);
  const at = (share) => {
    const z = Float64Array.from(place.z);
    z[i] = range[0] + share * (range[1] - range[0]);
    return z;
  };
  const film = createFilmstrip({ engine, key: `strip ${i}`, size: place.z.length, at,
                                 version: () => place.surroundings(i), shares: bits ? [0, 1] : null });
  const slider = el("input", {
    type: "range", "aria-label": `z${i + 1}`, min: range[0], max: range[1], step: bits ? 1 : "any",
    oninput: () => place.set(i, Number(slider.valueAsNumber.toFixed(decimals))),
    onchange: () => place.rest(),
    onkeydown: (event) => {
      const step = bits ? null : arrowStep(event, range);
      if (!step) return;
      event.preventDefault();
      const next = Math.min(range[1], Math.max(range[0], place.z[i] + step));
      place.set(i, Number(next.toFixed(decimals)));
      place.rest();
    },
  });
  const exact = bits ? null : exactField(i, place), lock = lockButton(i, place);
  const reset = button("reset", "", () => {
    place.set(i, prior.middle[i]);
    place.rest();
  }, { label: `reset, dimension ${i + 1}`, title: "Reset this dimension", kind: "small" });
  const nats = model.kl[i];
  const bar = el("i", { style: `width:${Math.max(0, Math.min(100, (100 * nats) / largest))}%` });
  const name = !largest ? el("div", { class: "name" }, zName(i))
    : el("div", { class: "name", title: `KL of this dimension, mean over held-out images: ${nats.toFixed(3)} nats` },
         zName(i), el("span", { class: "nats" }, `${figure(nats, nats < 0.1 ? 2 : 1)} nats`),
         el("div", { class: "kl" }, bar));
  const track = el("div", { class: bits ? "track switch" : "track" }, film.element, slider,
                   bits ? el("div", { class: "ends", "aria-hidden": "true" }, el("i", {}, 0), el("i", {}, 1)) : null);
  const element = el("div", { class: `row${model.active[i] ? "" : " dead"}${bits ? " bit" : ""}` },
                     name, track, exact, lock.element, reset);
  return {
    element, index: i, lock, at,
    showValue() {
      const value = place.z[i];
      if (slider.valueAsNumber !== value) slider.value = value;
      if (bits) track.dataset.on = String(value);
      else exact.value = Math.abs(value - Number(value.toFixed(2))) > 1e-9 && exact.matches(":focus")
        ? String(Number(value.toFixed(6))) : value.toFixed(2);
    },
    size: () => film.size(track),
    refresh: film.refresh,
  };
}

/** "44 more dimensions, 0.1 to 1.7 nats each" */
function foldedWords(model, indices) {
  const nats = indices.map((i) => model.kl[i]), digits = Math.min(...nats) < 0.1 ? 2 : 1;
  const [low, high] = [Math.min(...nats).toFixed(digits), Math.max(...nats).toFixed(digits)];
  if (!Math.max(...model.kl)) return indices.length === 1 ? "1 more dimension" : `${indices.length} more dimensions`;
  const each = low === high ? `${low} nats` : `${low} to ${high} nats`;
  return indices.length === 1 ? `1 more dimension, ${each}` : `${indices.length} more dimensions, ${each} each`;
}

function fold(words, rows, ontoggle, reason = null) {
  return el("details", { class: "fold", ontoggle }, el("summary", {}, words),
            reason ? el("p", { class: "reason" }, reason) : null,
            el("div", { class: "rows" }, rows.map((row) => row.element)));
}

/**
 * All rows. Args: model, place, prior, engine; direction { values, about, along } or null, which gets a row of its
 * own above them; start, the place it sets out from.
 * Returns: { element, order, along, showValues(), refresh(), moved(i), way(), resize() }; refresh asks for stale
 * filmstrips in view.
 */
export function createStrips({ model, place, prior, engine, direction = null, start }) {
  const order = orderByKl(model), alive = order.filter((i) => model.active[i]);
  const opened = alive.length ? alive.slice(0, prior.bits ? 12 : OPEN_ROWS) : order.slice(0, OPEN_ROWS);
  const more = alive.slice(opened.length), dead = order.filter((i) => !model.active[i] && !opened.includes(i));
  const largest = Math.max(...model.kl);        // 0 where the KL has not been measured yet: a run that goes on
  const make = (i) => createRow(i, { model, place, prior, engine, largest });
  let last = direction ? null : order[0];         // the dimension moved last, null for the direction
  const along = direction && createAlong({ direction, start, place, prior, engine, onmove: () => { last = null; } });
  const rows = new Map(order.map((i) => [i, make(i)])), list = (indices) => indices.map((i) => rows.get(i));
  let unfolded = [];              // kept, because asking the page for it during a drag would cost a layout
  const strips = {
    order, opened, along,
    element: el("div", { class: `strips${prior.bits ? " bits" : ""}` }, along?.element,
                alive.length ? null : el("p", { class: "reason" }, `Every dimension is dead: ${model.dead_reason}`),
                el("div", { class: "rows" }, list(opened).map((row) => row.element)),
                more.length ? fold(foldedWords(model, more), list(more), () => strips.resize()) : null,
                dead.length ? fold(dead.length === 1 ? "1 dead dimension" : `${dead.length} dead dimensions`,
                                   list(dead), () => strips.resize(), model.dead_reason) : null),
    showValues() {
      for (const row of rows.values()) row.showValue();
      along?.showValue();
    },
    moved(i) {
      last = i;
      rows.get(i).showValue();
      along?.showValue();
    },
    /** The way that was moved along last: { name, at(share) -> z, steps }, steps being 2 for a switch, else null. */
    way() {
      if (last === null) return { name: along.about, at: along.at, steps: null };
      return { name: `z${last + 1}`, at: rows.get(last).at, steps: prior.bits ? 2 : null };
    },
    locked(i) {
      rows.get(i).lock.show(place.locked[i]);
    },
    refresh() {
      for (const row of unfolded) row.refresh();
    },
    resize() {
      unfolded = [...(along ? [along] : []), ...rows.values()].filter((row) => row.element.offsetParent !== null);
      for (const row of unfolded) row.size();
      strips.refresh();
    },
  };
  return strips;
}
