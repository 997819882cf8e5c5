// What stands beside the bar of terms: the pictures of the image, and its KL by dimension.

import { el, setText, tint } from "./dom.js";
import { paintBytes, tile } from "./shades.js";
import { XY } from "./xy.js";

const NAMED = 24;               // dimensions whose names fit below their bars

function figure(canvas, ...caption) {
  return el("figure", { class: "bar-picture" }, canvas, el("figcaption", {}, ...caption));
}

/** The image as given, as the model sees it, and what comes back. */
export function createPictures(shape) {
  const given = tile(shape, "the image", "is-given"), seen = tile(shape, "the image as the model sees it", "is-given");
  const mean = tile(shape, "its reconstruction", "is-made");
  const element = el("div", { class: "bar-pictures" }, figure(given, tint("input", "x"), " as given"),
    figure(seen, "as the model sees it"), figure(mean, tint("decoder", "E[x|z]"), " at the mean of q"));
  return {
    element,
    show({ original, seen: black, mean: made }) {
      paintBytes(given, original, shape);
      paintBytes(seen, black, shape);
      paintBytes(mean, made, shape);
    },
  };
}

/** KL of each dimension of one image, the largest first. */
export function createDimensions(units) {
  const chart = new XY({ label: "KL of each latent dimension", testid: "kl-dimensions", height: 150,
                         empty: "The KL of each dimension appears with the first image." });
  const note = el("p", { class: "words caption" });
  return {
    chart,
    element: el("div", { class: "bar-dimensions" }, el("h4", {}, tint("encoder", "KL"), " of each latent dimension"),
                chart.element, note),
    show({ kl_per_dimension, kl }) {
      const order = Array.from(kl_per_dimension.keys()).sort((a, b) => kl_per_dimension[b] - kl_per_dimension[a]);
      const few = order.length <= NAMED, first = few ? 0 : 1;
      const points = order.map((j, i) => [i + first, units.amount(kl_per_dimension[j])]);
      chart.show({
        marks: [{ type: "bars", points, width: 0.8, errors: null, colour: "encoder" }],
        x: few ? { names: order.map((j) => `z${j + 1}`) }
          : { kind: "linear", low: 0.4, high: points.length + 0.6, label: "rank of the dimension by its KL",
              text: (v) => String(Math.round(v)) },
        y: { kind: "linear", low: 0, label: units.label() },
        readout: (at) => {
          const i = Math.min(order.length - 1, Math.max(0, Math.round(at) - first));
          return [[`z${order[i] + 1}`, null],
                  [`${units.amountText(kl_per_dimension[order[i]])} ${units.label()}, ${kl.kind}`, "encoder"]];
        },
      });
      setText(note, `Their sum is the KL of the image, ${units.amountText(kl.value)} ${units.label()}; ${kl.kind}, no `
        + "sampling. The pointer names a dimension. Kingma and Welling 2014, appendix B.");
    },
  };
}
