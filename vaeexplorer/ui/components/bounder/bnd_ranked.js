// The images at the end of an order, the worst or the best, with their pictures; one can be looked at above.

import { address, ask } from "./ask.js";
import { whole } from "./bnd_panel_words.js";
import { extremes } from "./bnd_scores.js";
import { nameOf, QUANTITIES } from "./bnd_spread.js";
import { readDocument } from "./documents.js";
import { el, setText } from "./dom.js";
import { createChoice } from "./panel.js";
import { writeBytes } from "./pixels.js";

const SHOWN = 12;               // images at the end of the order
const PICTURES = 400;           // that are kept

/** Pictures of the rows of a data set, asked for once each: of(source, indices) -> [{ shape, bytes }, ...]. */
function createStore(ctx) {
  const store = new Map(), name = (source, index) => `${source} ${index}`;

  async function fetchMissing(source, missing) {
    const query = { model: ctx.model.name, source, seed: ctx.state.seed, index: missing.join(",") };
    const buffer = await (await ctx.ask("bounds/images", "Images", null, query)).arrayBuffer();
    const { header: { shape, images }, body } = readDocument(buffer), size = shape.reduce((a, b) => a * b, 1);
    missing.forEach((index, k) => {
      store.set(name(source, index), { shape, bytes: new Uint8Array(buffer, body + images + k * size, size) });
    });
  }

  return {
    async of(source, indices) {
      const missing = indices.filter((index) => !store.has(name(source, index)));
      if (missing.length) await fetchMissing(source, missing);
      const found = indices.map((index) => store.get(name(source, index)));
      for (const old of store.keys()) if (store.size > PICTURES) store.delete(old);
      return found;
    },
  };
}

function picture({ shape, bytes }) {
  const [, height, width] = shape, canvas = el("canvas", { width, height, "aria-hidden": "true" });
  const sheet = new Uint8ClampedArray(4 * width * height);
  writeBytes(bytes, 0, null, 0, shape, new Uint32Array(sheet.buffer), width, 0, 0);
  canvas.getContext("2d").putImageData(new ImageData(sheet, width, height), 0, 0);
  return canvas;
}

/** The class of an image of an answer, or null. */
export function classOf({ label, class_names: names }, i) {
  const k = label?.[i] ?? null;
  return k === null ? null : names?.[k] ?? String(k);
}

/**
 * Args: ctx; keep { worst, quantity }.
 * Returns: { element, show(answer or null, whether it still grows) }.
 */
export function createRanked(ctx, keep) {
  const store = createStore(ctx), heading = el("h4", {});
  const list = el("div", { class: "ranked", "data-testid": "dataset-images" });
  const choose = (id) => {
    keep.worst = id === "worst";
    show(...shown);
  };
  const either = [["worst", "Worst"], ["best", "Best"]];
  const ends = createChoice("Which images", either, keep.worst ? "worst" : "best", choose);
  const element = el("div", { class: "panel-body", hidden: true }, el("div", { class: "line" }, heading, ends.element),
                     list);
  let shown = [null, false], turn = 0;

  async function show(answer, grows) {
    const mine = ++turn;
    shown = [answer, grows];
    element.hidden = !answer;
    if (!answer) return;
    const { quantity, worst } = keep, { difference, largest } = QUANTITIES[quantity], { units } = ctx;
    const places = extremes(answer[quantity], largest === worst).slice(0, SHOWN);
    const write = difference ? units.amountText : units.text;
    setText(heading, `${answer.title}: by ${nameOf(quantity, units)}, ${units.label()}`);
    const cards = places.map((i) => card(answer, i, write(answer[quantity][i])));
    list.replaceChildren(...cards.map((one) => one.element));
    if (grows) return;                  // pictures when the order stands
    try {
      const pictures = await store.of(answer.source, places.map((i) => answer.index[i]));
      if (mine === turn) pictures.forEach((one, k) => cards[k].slot.replaceChildren(picture(one)));
    } catch (error) {
      if (mine === turn && !ctx.signal?.aborted) ctx.notice(error.message, "error");
    }
  }

  function card(answer, i, text) {
    const index = answer.index[i], name = classOf(answer, i), slot = el("span", { class: "slot" });
    const one = el("button", {
      type: "button", class: "thumb", title: "Look at this image above",
      "aria-label": `Look at image ${index} of ${answer.title}`, onclick: () => look(answer, index),
    }, slot, el("b", {}, text), el("span", {}, `${whole(index)}${name === null ? "" : ` “${name}”`}`));
    return { element: one, slot };
  }

  /** Put an image among those at the top of the page; one that is no test image is sent there as a picture. */
  async function look({ source, title }, index) {
    if (source === "test") return ctx.state.show(`test:${index}`);
    try {
      const [{ bytes }] = await store.of(source, [index]), values = Float32Array.from(bytes, (v) => v / 255);
      const url = address(ctx.root, "bounds/pictures", { model: ctx.model.name, kind: "pixels" });
      const { key } = await (await ask(url, "Picture", { method: "POST", body: values })).json();
      ctx.state.titles?.set(key, `${title}, image ${index}`);
      return ctx.state.show(key);
    } catch (error) {
      return ctx.notice(error.message, "error");
    }
  }

  return { element, show };
}
