// The KL of each latent dimension over the steps as a heat map: dark is unused.

import { el, setText } from "./dom.js";
import { Plot } from "./plot.js";
import { lastUpTo } from "./rows.js";
import { count, plain } from "./scales.js";

const ROW = { least: 3, most: 30 };     // pixels
const HEIGHT = { least: 96, most: 250 };
const BRIGHTEST = 0.97;                 // share of the cells below the brightest colour: an early peak hides nothing
const ROOT = 0.65;
const AXES = 30;                        // pixels above and below the cells
const STOPS = [[15, 12, 26], [52, 30, 112], [101, 58, 200], [146, 99, 247], [214, 190, 255]];

/** 256 colours as uint32, dark to bright. */
const PALETTE = Uint32Array.from({ length: 256 }, (_, i) => {
  const at = (i / 255) * (STOPS.length - 1), from = Math.min(STOPS.length - 2, Math.floor(at)), t = at - from;
  const [r, g, b] = STOPS[from].map((v, k) => Math.round(v + t * (STOPS[from + 1][k] - v)));
  return 0xff000000 | (b << 16) | (g << 8) | r;
});

/** Place on the palette: by a root, so that a dimension with little KL is seen beside one with much. */
const shade = (kl, most) => PALETTE[Math.min(255, Math.round(255 * (Math.max(0, kl) / most) ** ROOT))] ?? PALETTE[0];

const between = ({ least, most }, value) => Math.min(most, Math.max(least, value));

/** Dimensions in the order of their KL, the largest first. */
const byKl = (kl) => Array.from(kl.keys()).sort((a, b) => kl[b] - kl[a] || a - b);

/**
 * Mean KL per pixel column and dimension: { values (columns * D), most: what is brightest, largest, first and last
 * column }. Columns without a row repeat the one before.
 */
function cellsOf({ steps, rows }, axis, columns, dimensions) {
  const values = new Float32Array(columns * dimensions), found = new Uint16Array(columns);
  const first = Math.min(columns - 1, Math.floor(axis.at(steps[0]) * columns));
  steps.forEach((step, n) => {
    const column = Math.min(columns - 1, Math.floor(axis.at(step) * columns)), row = rows[n];
    found[column]++;
    for (let d = 0, i = column * dimensions; d < dimensions; d++, i++) values[i] += row[d];
  });
  const last = Math.min(columns - 1, Math.floor(axis.at(steps.at(-1)) * columns));
  for (let column = first; column <= last; column++) {
    const i = column * dimensions;
    if (found[column]) for (let d = 0; d < dimensions; d++) values[i + d] /= found[column];
    else values.copyWithin(i, i - dimensions, i);
  }
  const end = (last + 1) * dimensions, drawn = values.slice(first * dimensions, end).sort(), largest = drawn.at(-1);
  const usual = drawn[Math.floor(BRIGHTEST * (drawn.length - 1))], now = values.subarray(end - dimensions, end);
  const most = Math.min(largest, Math.max(1.1 * now.reduce((a, b) => Math.max(a, b)), usual));
  return { values, most, largest, first, last };
}

export function createHeat(rows, { hover, pick, active }) {
  let order = [], most = 1, clipped = false;
  const plot = new Plot({
    testid: "kl-heatmap", label: "KL of each latent dimension over the steps", height: 0, onHover: hover, onPick: pick,
    readout,
  });
  const scale = el("canvas", { class: "scale", width: 256, height: 1, role: "presentation" }), high = el("span", {});
  const caption = el("p", { class: "caption" });
  const element = el("section", { class: "card chart" },
    el("header", {}, el("h3", {}, "KL of each latent dimension"),
       el("span", { class: "unit" }, "nats, over the steps; dark = unused"),
       el("span", { class: "ramp" }, el("span", {}, "0"), scale, high)),
    plot.element, caption);
  const ramp = scale.getContext("2d");
  ramp.putImageData(new ImageData(new Uint8ClampedArray(Uint32Array.from({ length: 256 },
    (_, i) => PALETTE[Math.round(255 * (i / 255) ** ROOT)]).buffer), 256, 1), 0, 0);
  const sheet = document.createElement("canvas");

  function readout(step, y) {
    const i = lastUpTo(rows.cells.steps, step);
    if (i < 0 || y === undefined) return null;
    const { top, height } = plot.box, line = Math.floor(((y - top) / height) * order.length);
    const d = order[Math.min(order.length - 1, Math.max(0, line))], { steps, rows: cells } = rows.cells;
    return [[`step ${count(steps[i])}`, null], [`z${d + 1}: ${plain(cells[i][d])} nats`, "encoder"]];
  }

  function drawNames(context, box, colours) {
    const each = box.height / order.length, every = Math.ceil(14 / each);
    context.fillStyle = colours.quiet;
    context.textAlign = "right";
    context.textBaseline = "middle";
    order.forEach((d, line) => {
      if (line % every === 0) context.fillText(`z${d + 1}`, box.left - 7, box.top + (line + 0.5) * each);
    });
  }

  return {
    element, plot,
    /** Order the dimensions anew: when a snapshot has come, not with every row, so that lines do not jump about. */
    sort() {
      const kl = rows.klAt(Infinity);
      if (kl) order = byKl(kl);
    },
    draw(axis, colours) {
      const dimensions = rows.dimensions;
      if (order.length !== dimensions) this.sort();
      const each = between(ROW, 200 / (dimensions || 1)), height = between(HEIGHT, AXES + each * (dimensions || 1));
      if (plot.height !== height) plot.element.style.minHeight = `${plot.height = height}px`;
      const begun = plot.begin(axis);
      if (!begun) return;
      const { context, box } = begun;
      if (!dimensions) plot.drawEmpty(context, colours);
      else {
        const columns = Math.max(1, Math.round(box.width)), cells = cellsOf(rows.cells, axis, columns, dimensions);
        most = cells.most || 1;
        clipped = cells.largest > 1.02 * most;
        paint(sheet, cells, order, most, columns);
        context.imageSmoothingEnabled = false;
        context.drawImage(sheet, box.left, box.top, box.width, box.height);
        drawNames(context, box, colours);
      }
      if (dimensions) plot.drawSteps(context, axis, { ...colours, edge: "transparent" });
      const words = (clipped ? "≥ " : "") + plain(Number(most.toPrecision(2)));
      setText(high, words);
    },
    describe() {
      if (!rows.dimensions) return;
      const kl = rows.klAt(Infinity), used = kl.filter((v) => v > active).length;
      setText(caption, `z1 to z${kl.length}, the one with most KL on top; mean over the training images of each row. `
        + `Active now: ${used} of ${kl.length}, that is more than ${active} nats on held-out images.`);
      plot.canvas.ariaLabel = `KL of each latent dimension over the steps; ${used} of ${kl.length} are active, `
        + `the largest is z${byKl(kl)[0] + 1} with ${plain(Math.max(...kl))} nats`;
    },
  };
}

/** Cells onto a canvas of one pixel each; what lies ahead stays transparent. */
function paint(sheet, { values, first, last }, order, most, columns) {
  const dimensions = order.length, pixels = new Uint32Array(columns * dimensions);
  order.forEach((d, line) => {
    for (let column = first; column <= last; column++) {
      pixels[line * columns + column] = shade(values[column * dimensions + d], most);
    }
  });
  [sheet.width, sheet.height] = [columns, dimensions];
  sheet.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), columns, dimensions), 0, 0);
}
