// Holes in the map: three maps side by side, what the same darts bring back from each, and what the code costs there.

import { createDecoder } from "./decoder.js";
import { el, figure, setText } from "./dom.js";
import { holesFormulas } from "./lab_holes_formulas.js";
import { createMap, ratioAt, ratioWords, ratiosOf } from "./lab_holes_map.js";
import { latest, unpack } from "./lab_packed.js";

const SIDE = 8, SIZE = SIDE * SIDE;
const KINDS = ["places are cheap", "the bound itself", "places are dear"];

/** The decoder that a moment brought, as decoder.js reads it: a header, then the weights. */
export function documentOf({ widths, activation, weights }) {
  const layers = [];
  let offset = 0;
  for (let i = 1; i < widths.length; i++) {
    const [inputs, outputs] = [widths[i - 1], widths[i]], weight = offset, bias = offset + 2 * inputs * outputs;
    layers.push({ type: "dense", inputs, outputs, weight, bias });
    layers.push({ type: "activation", name: i < widths.length - 1 ? activation : "sigmoid" });
    offset = bias + 2 * outputs;
  }
  const header = JSON.stringify({ layers, shape: [1, SIDE, SIDE], latent_dim: widths[0], dtype: "float16" });
  const text = new TextEncoder().encode(header.padEnd(Math.ceil((header.length + 4) / 8) * 8 - 4));
  const bytes = unpack(weights), all = new Uint8Array(4 + text.length + bytes.length);
  new DataView(all.buffer).setUint32(0, text.length, true);
  all.set(text, 4);
  all.set(bytes, 4 + text.length);
  return all.buffer;
}

/** A picture of 8 x 8 pixels with a number beside it. */
function createTile(words) {
  const canvas = el("canvas", { class: "tile", width: SIDE, height: SIDE }), image = new ImageData(SIDE, SIDE);
  const pixels = new Uint32Array(image.data.buffer);
  const element = el("span", { class: "holes-tile" }, canvas, el("b", {}, words));
  return {
    element,
    show(grey, kind) {
      element.className = `holes-tile ${kind}`;
      for (let i = 0; i < SIZE; i++) pixels[i] = 0xff000000 | (grey[i] * 0x10101);
      canvas.getContext("2d").putImageData(image, 0, 0);
    },
  };
}

/** What the code costs, as a bar of two parts. */
function createCost(number) {
  const tells = el("i", { class: "of-encoder" }), holes = el("i", { class: "of-gap" });
  const words = el("span", { "data-testid": `holes-cost-${number}` });
  return {
    element: el("div", { class: "holes-cost" }, el("span", { class: "holes-bar" }, tells, holes), words),
    show({ kl, marginal }, most) {
      const told = Math.max(0, kl - marginal);
      tells.style.width = `${100 * told / most}%`;
      holes.style.width = `${100 * marginal / most}%`;
      words.replaceChildren(el("span", { class: "is-encoder" }, `tells ${figure(told)} nats`), " + ",
                            el("span", { class: "is-gap" }, `holes ${figure(marginal)}`));
    },
  };
}

function createColumn(number) {
  const title = el("h3", {}), share = el("b", { class: "holes-share", "data-testid": `holes-share-${number}` });
  const map = createMap({ number, label: "Where codes of pictures lie, and where darts fall", onPoint: point });
  const tiles = Array.from({ length: 9 }, (_, i) => createTile(String(i + 1))), hole = createTile("hole");
  const under = createTile("here"), tip = el("span", { class: "holes-tip", hidden: true }, under.element, el("span", {}));
  const cost = createCost(number);
  const darts = el("div", { class: "holes-darts", role: "img", "aria-label": "What the darts bring back" },
                   tiles.map(({ element }) => element), hole.element);
  const element = el("section", { class: "holes-column" },
    el("header", {}, title, share), el("div", { class: "holes-box" }, map.element, tip), darts, cost.element);
  let shown = null, decoder = null, weights = null;

  function point(place) {
    const on = place && decoder && shown;
    tip.hidden = !on;
    map.mark(on ? place : null);
    if (!on) return;
    const { map: data, beginning } = shown, ratio = ratioAt(ratiosOf(data.map), beginning.squares, beginning.reach, place);
    under.show(Uint8Array.from(decoder.decode(place), (v) => Math.round(255 * v)), ratio < -Math.log(10) ? "lost" : "found");
    setText(tip.lastChild, ratioWords(ratio));
    tip.classList.toggle("left", place[0] > 0);
  }

  return {
    element, map, point,
    show(data, beginning, labels, most, given) {
      shown = data && { map: data, beginning };
      setText(title, `β = ${beginning.betas[number]}: ${KINDS[number]}`);
      map.show(data, beginning, labels);
      element.classList.toggle("waiting", !data);
      if (!data) return;
      const percent = 100 * data.share;
      setText(share, percent < 0.5 ? "hardly any dart is lost" : `${percent.toFixed(0)} % of darts are lost`);
      share.classList.toggle("none", percent < 0.5);
      const grey = unpack(data.pictures);
      tiles.forEach((tile, i) => tile.show(grey.subarray(i * SIZE, (i + 1) * SIZE), data.lost[i] ? "lost" : "found"));
      hole.element.classList.toggle("blank", !data.hole);
      hole.show(data.hole ? grey.subarray(9 * SIZE) : new Uint8Array(SIZE), data.hole ? "lost" : "blank");
      cost.show(data, most);
      if (given !== weights) {
        [weights, decoder] = [given, given ? createDecoder(documentOf(given)) : null];
        if (!given) point(null);
      }
    },
  };
}

/** The picture of the demonstration. */
export function picture() {
  const columns = [0, 1, 2].map(createColumn);
  const element = el("div", { class: "holes", "data-testid": "holes" }, columns.map((column) => column.element));
  return {
    element, formula: holesFormulas(),
    show(moments, index) {
      if (index < 0 || !moments.length) return;
      const maps = latest(moments, index, "maps"), beginning = moments[0].data;
      const labels = latest(moments, index, "labels");
      const most = Math.max(2, ...moments.flatMap(({ data }) => (data.maps ?? []).map(({ kl }) => kl)));
      const decoders = moments[index].data.decoders;
      columns.forEach((column, i) => column.show(maps?.[i] ?? null, beginning, labels, most, decoders?.[i] ?? null));
    },
    theme(colours, theme) { columns.forEach((column) => column.map.theme(colours, theme)); },
    stop() { columns.forEach((column) => column.map.stop()); },
  };
}
