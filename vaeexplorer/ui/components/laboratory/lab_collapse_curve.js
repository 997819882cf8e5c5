// Small networks: the pictures at each price, what the code carries, the gap, and the curve they trace.

import { el, figure, setText } from "./dom.js";
import { createTiles } from "./lab_packed.js";
import { createChoice } from "./panel.js";
import { XY } from "./xy.js";

const PICTURES = 5, FULL = 21;          // nats of a bar as long as there is room

/** A chart whose dots have their price beside them. */
class Priced extends XY {
  drawMarks(context) {
    super.drawMarks(context);
    const { named = [] } = this.spec, { box } = this;
    context.fillStyle = this.colour("text");
    context.textBaseline = "middle";
    for (const [x, y, words] of named) {
      const px = this.scale.x(x), py = this.scale.y(y), end = px + 52 > box.left + box.width;
      context.textAlign = end ? "right" : "left";
      context.fillText(words, px + (end ? -8 : 8), py - 9);
    }
  }
}

const points = (moments, index, i) => moments.slice(0, index + 1)
  .filter(({ data }) => data.rate).map(({ data }) => [data.rate[i], data.distortion[i]]);

/** "gap 0.34 ± 0.03", from [gap, its error]. */
export const gapWords = ([value, stderr]) => `gap ${figure(value, 2)} ± ${figure(stderr, 2)}`;

function createRow(price) {
  const tiles = createTiles({ count: PICTURES, kind: "made", label: `pictures that come back at price ${price}`,
                              testid: `collapse-pictures-${price}` });
  const rate = el("i", { class: "of-encoder" }), gap = el("i", { class: "collapse-gap" });
  const carried = el("span", { class: "is-encoder" }), lost = el("span", { class: "is-gap" });
  return {
    cells: [
      el("span", { class: "collapse-price" }, el("b", {}, `×${price}`)), tiles.element,
      el("span", { class: "collapse-strip", "data-testid": `collapse-strip-${price}` }, carried,
         el("span", { class: "collapse-bar" }, rate), lost, el("span", { class: "collapse-bar" }, gap)),
    ],
    show(pictures, nats, found) {
      tiles.show(pictures);
      rate.style.width = `${Math.max(0, 100 * (nats ?? 0) / FULL).toFixed(1)}%`;
      setText(carried, nats === undefined ? "" : `carries ${figure(nats, 1)}`);
      gap.style.width = `${found ? Math.max(0, 100 * found[0] / FULL).toFixed(1) : 0}%`;
      setText(lost, found ? gapWords(found) : "");
    },
  };
}

/** The whole picture for a film. Args: first, the data of its first moment. */
export function curveRows(first) {
  const { prices } = first, originals = createTiles({ count: PICTURES, kind: "given", label: "pictures as they are" });
  const rows = prices.map(createRow);
  const chart = new Priced({ label: "What is lost against what the code carries, for each price", height: 300,
                             testid: "collapse-curve" });
  const table = el("div", { class: "collapse-rows curve", style: `--rows:${prices.length}` },
    el("span", { class: "collapse-price" }, el("span", {}, "price")), originals.element,
    el("span", { class: "collapse-legend" }, el("span", {}, "nats per picture")), rows.flatMap(({ cells }) => cells));
  let which = "pictures", again = () => {};
  const kinds = [["pictures", "Come back"], ["made", "Random codes"]];
  const choice = createChoice("what the rows show", kinds, which, (id) => {
    which = id;
    again();
  });
  const element = el("div", { class: "collapse-both" }, table,
                     el("div", { class: "collapse-chart" }, chart.element, choice.element));

  function show(moments, index, latest) {
    again = () => show(moments, index, latest);
    originals.show(latest("originals"));
    const rate = latest("rate"), lost = latest("distortion"), gap = latest("gap"), made = latest("made");
    const pictures = which === "made" && made ? made : latest("pictures");
    choice.element.hidden = !made;
    rows.forEach((row, i) => row.show(pictures?.[i] ?? null, rate?.[i], gap?.[i]));
    const trails = prices.map((price, i) => ({ type: "line", points: points(moments, index, i), colour: "edge",
                                               dots: false, width: 1.4 }));
    const now = rate ? prices.map((price, i) => [rate[i], lost[i]]) : [];
    chart.show({
      marks: [...trails, { type: "line", points: now, colour: "encoder", dots: false },
              { type: "dots", points: now, colour: "decoder", radius: 5, label: "now" }],
      named: now.map(([x, y], i) => [x, y, `×${prices[i]}`]),
      x: { low: -0.6, high: 23, label: "carried by the code (rate, nats)" },
      y: { low: 8, high: 32, label: "lost in the picture (distortion, nats)" },
      readout: (x) => nearestWords(prices, now, x),
    });
  }

  return { element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() };
}

function nearestWords(prices, now, x) {
  if (!now.length) return null;
  const i = now.reduce((best, [at], k) => (Math.abs(at - x) < Math.abs(now[best][0] - x) ? k : best), 0);
  return [[`price ×${prices[i]}`, null], [`carries ${now[i][0].toFixed(2)} nats`, "encoder"],
          [`loses ${now[i][1].toFixed(2)} nats`, "decoder"]];
}
