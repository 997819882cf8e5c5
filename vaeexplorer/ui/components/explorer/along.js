// A way through z as a slider: from one place along a direction, for example from one class to another.

import { button, el, figure } from "./dom.js";
import { arrowStep, createFilmstrip } from "./filmstrip.js";

const RANGE = [-1, 2];          // directions: one back, and as far again as the whole way
const DECIMALS = 3;
const LARGEST = 1000;           // of any value of z, as in links

/**
 * Arithmetic of a straight way: t(z) is how many directions z has gone from `start`, its component along the direction;
 * at(z, t) moves z along it and keeps what it is across.
 */
export function straightWay(start, direction) {
  const square = direction.reduce((sum, d) => sum + d * d, 0);
  const gone = (z) => direction.reduce((sum, d, i) => sum + d * (z[i] - start[i]), 0) / square;
  return {
    t: gone,
    at(z, t) {
      const step = t - gone(z);
      return Float64Array.from(z, (v, i) => v + step * direction[i]);
    },
  };
}

/**
 * The same for bits, which have no places between: at t those of start + t direction that reach one half are on, and z
 * keeps what else has been switched. Bits do not tell t: it is what moved() said when they were so, else the last.
 */
export function bitWay(start, direction) {
  const on = (t) => direction.map((d, i) => (start[i] + t * d >= 0.5 ? 1 : 0));
  const text = (z) => Array.from(z).join(""), known = new Map([[text(on(0)), 0]]);
  let last = 0;
  return {
    t: (z) => (last = known.get(text(z)) ?? last),
    at(z, t) {
      const before = on(last), after = on(t);
      return Float64Array.from(z, (v, i) => (before[i] === after[i] ? v : after[i]));
    },
    moved(z, t) {
      last = t;
      known.set(text(z), t);
    },
  };
}

/** The way of a link whose z has gone `along` directions from its beginning. */
function wayOf(prior, z, { values, along }) {
  if (prior.bits) return bitWay(z, values);
  return straightWay(Float64Array.from(z, (v, i) => v - along * values[i]), values);
}

/**
 * The row above the sliders. Args: direction { values (D), about, along }; start, the link's z; place, prior, engine;
 * onmove().  Returns: { element, about, along(), at(share) -> z, showValue(), refresh(), size() }.
 */
export function createAlong({ direction, start, place, prior, engine, onmove }) {
  const name = direction.about || "along the link's direction", way = wayOf(prior, start, direction);
  let own = 0;                    // moves along the way: they leave its pictures as they are
  const go = (t) => {
    const next = way.at(place.z, t);
    if (!next.every((v) => Math.abs(v) <= LARGEST)) return;
    way.moved?.(next, t);
    own++;
    onmove();
    place.go(next);
  };
  const finish = (t) => {
    go(t);
    place.rest();
  };
  const slider = el("input", {
    type: "range", "aria-label": `direction: ${name}`, min: RANGE[0], max: RANGE[1], step: "any",
    oninput: () => go(Number(slider.valueAsNumber.toFixed(DECIMALS))),
    onchange: () => place.rest(),
    onkeydown: (event) => {
      const step = arrowStep(event, RANGE);
      if (!step) return;
      event.preventDefault();
      const next = Math.min(RANGE[1], Math.max(RANGE[0], way.t(place.z) + step));
      finish(Number(next.toFixed(DECIMALS)));
    },
  });
  const exact = el("input", {
    type: "number", step: "any", class: "exact", "aria-label": `exact value, direction: ${name}`,
    title: "How many directions z has gone along this way",
    onchange: () => {
      if (Number.isFinite(exact.valueAsNumber)) finish(exact.valueAsNumber);
      row.showValue();
    },
  });
  const reset = button("reset", "", () => finish(0), { label: `reset, direction: ${name}`, kind: "small",
                                                       title: "Back to where the way begins" });
  const film = createFilmstrip({ engine, key: "strip along", size: place.z.length,
                                 at: (share) => row.at(share), version: () => place.changes() - own });
  const track = el("div", { class: "track" }, film.element, slider);
  const marks = [-1, 0, 1, 2].map((t) => el("i", { style: `left:${(100 * (t - RANGE[0])) / (RANGE[1] - RANGE[0])}%` },
                                            t === 0 ? "start" : `${t > 0 ? "+" : ""}${figure(t, 0)}`));
  const row = {
    about: name,
    element: el("section", { class: "way", "aria-label": "direction" },
      el("div", { class: "row along" }, el("h3", { class: "name" }, name), track, exact, reset),
      el("div", { class: "marks", "aria-hidden": "true" }, marks)),
    along: () => (prior.bits ? 0 : way.t(place.z)),
    at: (share) => way.at(place.z, RANGE[0] + share * (RANGE[1] - RANGE[0])),
    showValue() {
      const t = way.t(place.z);
      if (Math.abs(slider.valueAsNumber - t) > 1e-9) slider.value = t;
      exact.value = t.toFixed(2).replace("-0.00", "0.00");
    },
    size: () => film.size(track),
    refresh: film.refresh,
  };
  return row;
}
