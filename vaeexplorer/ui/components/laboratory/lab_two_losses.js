// Two losses in one: the sum U = S + E in large figures, the map on which guesses follow right answers, and the path.

import { el, setText } from "./dom.js";
import { createTiles } from "./lab_packed.js";
import { createPath, createCourse } from "./lab_two_losses_charts.js";
import { lines } from "./lab_two_losses_formula.js";
import { createMap } from "./lab_two_losses_map.js";
import { createSum } from "./lab_two_losses_sum.js";
import { keyOf } from "./panel.js";

export const WHO = {
  encoder: ["The encoder learns", "the outlines move, the clouds stay"],
  decoder: ["The decoder learns", "the clouds move, the outlines stay"],
  both: ["Both learn", "clouds and outlines move"],
};

/** Where the turn that `index` belongs to began: the moment before the first in a row that moved the same part. */
export function beginOfTurn(moments, index) {
  const { part, warm } = moments[index].data, same = ({ data }) => data.part === part && data.warm === warm;
  let first = index;
  while (first > 0 && same(moments[first - 1])) first -= 1;
  return Math.max(0, first - 1);
}

/** One VAE: its name, the sum, its pictures, its map. */
function createLane(number, several) {
  const name = el("h3", { class: "tl-name" }), sum = createSum(several);
  const seen = createTiles({ count: 3, kind: "given", label: "three images" });
  const made = createTiles({ count: 3, kind: "made", label: "what the decoder makes of the encoder's guesses" });
  const map = createMap(number), arrow = el("span", { class: "tl-arrow", "aria-hidden": "true" }, "→");
  const element = el("section", { class: "tl-lane", "data-testid": `tl-lane-${number}` },
    el("div", { class: "tl-head" }, name, several ? sum.element : null),
    el("div", { class: "tl-pictures" }, seen.element, arrow, made.element), map.element);
  return {
    element, map, sum,
    show(title, about, data, change, part) {
      setText(name, title);
      seen.show(about.images);
      made.show(data.means);
      sum.show(data, change, part);
      map.show(data, about.digits);
    },
  };
}

const LEGEND = [
  { colour: "z", words: "cloud: where an image's code really lies", filled: true },
  { colour: "encoder", words: "outline: the encoder's guess" },
];

/** The picture for so many VAEs side by side. */
function createBoard(count) {
  const several = count > 1;
  const lanes = Array.from({ length: count }, (_, i) => createLane(i, several));
  const chart = several ? createCourse() : createPath();
  const legend = el("p", { class: "tl-legend" }, LEGEND.map(keyOf));
  const board = el("div", { class: `tl-board ${several ? "many" : "one"}` }, lanes.map((lane) => lane.element),
                   chart.element);
  const sum = several ? null : lanes[0].sum.element;
  const element = el("div", { class: several ? "tl-all many" : "tl-all" }, sum, board, legend);
  return {
    element, count,
    show(moments, index) {
      const { data } = moments[index], { about } = moments[0].data, from = moments[beginOfTurn(moments, index)].data;
      lanes.forEach((lane, i) => {
        const now = data.lanes[i], before = from.lanes[i];
        const [who, what] = WHO[data.part] ?? ["Before the first step", ""];
        const change = several || index === 0 ? null : { s: now.s - before.s, e: now.e - before.e };
        lane.show(several ? about.lanes[i] : what ? `${who}: ${what}` : who, about, now, change, data.part);
        lane.element.dataset.part = several ? "" : data.part;
      });
      chart.show(moments, index);
    },
    theme(colours) {
      for (const { map } of lanes) map.theme(colours);
      chart.theme(colours);
    },
    stop() {
      for (const { map } of lanes) map.stop();
      chart.stop();
    },
  };
}

export function picture() {
  const element = el("div", { class: "two-losses" });
  let board = null, look = null;

  /** The board for the film in sight; scenes have one VAE or three. */
  function boardFor(count) {
    if (board?.count === count) return board;
    board?.stop();
    board = createBoard(count);
    element.replaceChildren(board.element);
    if (look) board.theme(look);
    return board;
  }

  return {
    element, formula: lines(),
    show(moments, index) {
      if (index >= 0 && moments[index]) boardFor(moments[0].data.lanes.length).show(moments, index);
    },
    theme(colours) {
      look = colours;
      board?.theme(colours);
    },
    stop: () => board?.stop(),
  };
}
