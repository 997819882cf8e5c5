// The encoder that overfits: practised pictures on the left, new ones on the right, and what the encoder loses of each.

import { el, figure, setText } from "./dom.js";
import { overfitFormulas } from "./lab_overfitted_formulas.js";
import { createTiles, latest } from "./lab_packed.js";
import { XY } from "./xy.js";

const SHOWN = 3, SIZE = 64;             // pictures of each side; pixels of one
const SIDES = ["practised", "new"];
const TITLES = { practised: "Pictures it practises on", new: "Pictures it has never seen" };
const ROWS = [["originals", "given", "the picture"], ["by_encoder", "made", "read by the encoder"],
              ["by_search", "sought", "best code, by search"]];

/** The half of a text of pictures that belongs to a side; pictures are 64 bytes, so whole base64 groups of both. */
export function halfOf(text, side) {
  if (text === null) return null;
  const bytes = atob(text), half = SHOWN * SIZE;
  return btoa(bytes.slice(side * half, (side + 1) * half));
}

/** Points [step, value] of a side: of every moment up to the index that has the field. */
export function pointsOf(moments, index, field, side) {
  return moments.slice(0, index + 1).filter(({ data }) => data[field])
    .map(({ data }) => [data.step, [data[field][side]].flat()[0]]);
}

/** What lies between both curves, as the error band of a line without a line. */
const bandOf = (moments, index, side) => moments.slice(0, index + 1).filter(({ data }) => data.best)
  .map(({ data: { step, bound, best } }) => [step, bound[side], bound[side], best[side]]);

/** What the encoder loses on a side, from [gap, its error]. */
export function lossWords([value, stderr]) {
  const digits = stderr < 0.1 ? 2 : 1;
  return `the encoder loses ${figure(value, digits)} ± ${figure(stderr, digits)} nats`;
}

function createSide(name, side) {
  const tiles = ROWS.map(([field, kind, words]) => createTiles({
    count: SHOWN, kind, label: `${TITLES[name]}: ${words}`, testid: `overfit-${name}-${field}` }));
  const chart = new XY({ label: `${TITLES[name]}: the bound by the encoder and by the best code`, height: 190,
                         testid: `overfit-chart-${name}`, empty: "the first bounds are on their way" });
  const counts = ROWS.map(([field]) => (
    el("span", { class: "overfit-count", "data-testid": `overfit-wrong-${name}-${field}` })));
  const loss = el("b", { class: "overfit-loss is-gap", "data-testid": `overfit-loss-${name}` });
  const element = el("section", { class: `overfit-side ${name}`, "aria-label": TITLES[name] },
    el("header", {}, el("h3", {}, TITLES[name]), loss),
    el("div", { class: "overfit-rows" }, ROWS.flatMap(([, , words], i) => [
      el("span", { class: `overfit-words is-${["input", "encoder", "z"][i]}` }, el("span", {}, words), counts[i]),
      tiles[i].element])),
    chart.element);

  function show(moments, index, limits, steps) {
    const truth = halfOf(latest(moments, index, "originals"), side), wrong = latest(moments, index, "wrong");
    tiles.forEach((row, i) => {
      row.show(halfOf(latest(moments, index, ROWS[i][0]), side), i ? truth : null);
      if (i) setText(counts[i], wrong ? `${wrong[i - 1][side].toFixed(1)} of 64 pixels wrong` : "");
    });
    const gap = latest(moments, index, "gap")?.[side];
    setText(loss, gap ? lossWords(gap) : "");
    const lost = { type: "line", points: bandOf(moments, index, side), colour: "gap", width: 0.01, dots: false };
    chart.show({
      marks: [
        lost, lost,                     // twice, for a stronger red
        { type: "line", points: pointsOf(moments, index, "bound", side), colour: "encoder", dots: false,
          label: "by the encoder" },
        { type: "line", points: pointsOf(moments, index, "best", side), colour: "z", label: "best code" },
      ],
      x: { low: 0, high: steps, label: "steps of training" },
      y: { ...limits, label: "bound on log p(x), nats: higher is better" },
    });
  }

  return { element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() };
}

/** Both charts on one scale: what all moments that have come reach, rounded. */
export function limitsOf(moments) {
  const found = moments.flatMap(({ data }) => [...(data.bound ?? []), ...(data.best ?? [])]);
  if (!found.length) return { low: -40, high: 0 };
  const low = 5 * Math.floor(Math.min(...found) / 5), high = 5 * Math.ceil(Math.max(...found) / 5);
  return { low: Math.max(-50, low), high: Math.max(-10, high) };
}

/** The picture of the demonstration. */
export function picture() {
  const sides = SIDES.map(createSide);
  const element = el("div", { class: "overfit", "data-testid": "overfit" }, sides.map((side) => side.element));
  return {
    element, formula: overfitFormulas(),
    show(moments, index) {
      if (index < 0 || !moments.length) return;
      const limits = limitsOf(moments), steps = moments[0].data.steps;
      sides.forEach((side) => side.show(moments, index, limits, steps));
    },
    theme(colours) { sides.forEach((side) => side.theme(colours)); },
    stop() { sides.forEach((side) => side.stop()); },
  };
}
