// Handwritten digits: random codes against the encoder's, for one picture.

import { el, figure, setText } from "./dom.js";
import { large } from "./lab_prior_gates.js";
import { keyOf } from "./panel.js";
import { count } from "./scales.js";
import { XY } from "./xy.js";

const SIDE = 28;

/** A picture of grey values with its words. */
function createTile(kind, testid) {
  const canvas = el("canvas", { class: "prior-tile", width: SIDE, height: SIDE, role: "img", "data-testid": testid,
                                style: `border-color:var(--${kind})` });
  const words = el("figcaption", { class: `is-${kind}` });
  let shown = "";
  return {
    element: el("figure", { class: "prior-look" }, canvas, words),
    say(text) {
      setText(words, text);
      canvas.setAttribute("aria-label", text);
    },
    show(text) {
      if (text === shown) return;
      shown = text;
      const grey = atob(text ?? ""), context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
      for (let i = 0; i < SIDE * SIDE; i++) {
        const value = grey.charCodeAt(i) || 0;
        image.data.set([value, value, value, text ? 255 : 0], 4 * i);
      }
      context.putImageData(image, 0, 0);
    },
  };
}

/** The newest of some picture up to a moment. */
const newest = (moments, index, name) => moments.slice(0, index + 1).findLast(({ data }) => data.pictures?.[name])
  ?.data.pictures[name];

const course = (moments, index, name) => moments.slice(0, index + 1).filter(({ data }) => data.k > 0)
  .map(({ data }) => [data.k, data[name]]);

/** Marks of the race: both averages, what is between them, and the best value known. */
export function raceMarks(moments, index) {
  const { data } = moments[index], prior = course(moments, index, "prior");
  if (!prior.length) return [];
  const truth = data.truth ? [{ type: "level", y: data.truth[0], colour: "text", side: "left",
                                words: "best value known", label: "best value known" }] : [];
  return [
    ...truth,
    { type: "line", points: [[data.k, data.prior], [data.k, data.encoder]], colour: "gap", width: 3, dots: false },
    { type: "line", points: prior, colour: "z", width: 2.6, dots: false, label: "random codes" },
    { type: "line", points: course(moments, index, "encoder"), colour: "encoder", width: 2.6, dots: false,
      label: "the encoder's codes" },
  ];
}

export function createRace() {
  const tiles = Object.fromEntries([["x", "input"], ["prior", "z"], ["best", "decoder"], ["encoder", "encoder"]]
    .map(([name, kind]) => [name, createTile(kind, `prior-${name}`)]));
  const gap = el("b", { class: "is-gap", "data-testid": "prior-gap" }), counting = el("p", { class: "words" });
  const chart = new XY({ label: "log p(x) of the picture by the number of draws", testid: "prior-race", height: 300,
                         empty: "the pictures are fetched …" });
  const element = el("div", { class: "prior-race" },
    el("div", { class: "prior-tiles" }, Object.values(tiles).map((tile) => tile.element)),
    el("div", { class: "prior-chart" },
       el("div", { class: "keys" }, keyOf({ colour: "encoder", words: "codes where the encoder looks" }),
          keyOf({ colour: "z", words: "random codes" })),
       chart.element, el("p", { class: "prior-apart" }, gap), counting));

  function tell(moments, index) {
    const { data } = moments[index], { what = "", asked = 1 } = moments.find((one) => one.data.what)?.data ?? {};
    const apart = (data.encoder - data.prior) / Math.LN10;
    tiles.x.say("the picture");
    tiles.prior.say("a random code, decoded");
    tiles.best.say(data.k ? `the best of ${count(data.k)}` : "the best so far");
    tiles.encoder.say("a code of the encoder, decoded");
    setText(gap, !data.k ? "" : apart > 0.5
      ? `${figure(data.encoder - data.prior, 0)} nats apart: a factor of ${large(apart)}` : "no gap to speak of yet");
    setText(counting, !data.k ? "" : `${count(data.k)} draws each: by the encoder's ${figure(data.encoder, 1)}, by random `
      + `codes ${figure(data.prior, 1)} nats (lower bounds). Effectively ${figure(data.counting, 1)} random codes count. `
      + `${what ? `Pictures: ${what}.` : ""}`);
    return asked;
  }

  return {
    element,
    show(moments, index) {
      const asked = tell(moments, index);
      for (const [name, tile] of Object.entries(tiles)) tile.show(newest(moments, index, name));
      const all = moments.slice(0, index + 1).filter(({ data }) => data.k > 0).flatMap(({ data }) => [data.prior, data.encoder]);
      const high = Math.max(...all) + 8, last = moments[index].data;
      const low = Math.min(high - 150, Math.max(Math.min(...all), (last.encoder ?? 0) - 260));
      chart.show({ marks: raceMarks(moments, index),
                   x: { kind: "log", low: 1, high: Math.max(10, asked), label: "draws" },
                   y: { low, high, label: "log p(x), nats" } });
    },
    theme(given) { chart.theme(given); },
    stop() { chart.stop(); },
  };
}
