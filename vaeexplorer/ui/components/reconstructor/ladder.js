// Where values lie among those of all held-out images: a histogram with marks. A click on it names a value.

import { el } from "./dom.js";
import { histogram, span } from "./rank.js";
import { surface } from "./plot.js";
import { tickText, ticks } from "./scales.js";

const BINS = 72, BELOW = 20, SIDE = 10;

/**
 * Args: testid, label; onPick(value) or null.
 * Returns: { element, set(ascending values or null), mark(marks), draw(colours) }; marks are [{ value, kind, words }],
 * or { from, to, kind } for a stretch; kind is a colour of the page.
 */
export function createLadder({ testid, label, onPick = null }) {
  const canvas = el("canvas", { class: onPick ? "ladder picks" : "ladder", role: "img", "aria-label": label,
                                "data-testid": testid });
  let values = null, marks = [], range = [0, 1], box = null;
  if (onPick) {
    canvas.addEventListener("click", (event) => {
      if (!values || !box) return;
      onPick(range[0] + ((event.offsetX - SIDE) / box.wide) * (range[1] - range[0]));
    });
  }

  function rangeWith() {
    const [low, high] = span(values), own = marks.flatMap(({ value, from, to }) => [value, from, to])
      .filter(Number.isFinite);
    const far = 2.5 * (high - low);             // a value farther out than this stands at the rim
    return [Math.max(Math.min(low, ...own), low - far), Math.min(Math.max(high, ...own), high + far)];
  }

  function drawMark(context, at, high, { value, from, to, kind, words }, colours) {
    context.fillStyle = context.strokeStyle = colours[kind];
    if (words === undefined) {
      context.globalAlpha = 0.25;
      context.fillRect(at(from), 0, Math.max(3, at(to) - at(from)), high);
      context.globalAlpha = 1;
      return;
    }
    const x = at(value), left = x > box.wide * 0.7;
    context.fillRect(x - 1.25, 0, 2.5, high);
    context.textAlign = left ? "right" : "left";
    context.textBaseline = "top";
    const wide = context.measureText(words).width;
    context.fillStyle = colours.surface;
    context.globalAlpha = 0.8;
    context.fillRect(left ? x - wide - 8 : x + 4, 1, wide + 4, 15);
    context.globalAlpha = 1;
    context.fillStyle = colours[kind];
    context.fillText(words, left ? x - 6 : x + 6, 2);
  }

  return {
    element: canvas,
    set(ascending) {
      values = ascending?.length ? ascending : null;
    },
    mark(next) {
      marks = next;
    },
    draw(colours) {
      const ground = surface(canvas);
      if (!ground || !values) return;
      const { context, width, height } = ground, high = height - BELOW;
      box = { wide: width - 2 * SIDE };
      range = rangeWith();
      const at = (v) => SIDE + Math.min(1, Math.max(0, (v - range[0]) / (range[1] - range[0]))) * box.wide;
      const counts = histogram(values, BINS, ...range), most = Math.max(...counts), step = box.wide / BINS;
      context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
      context.fillStyle = colours.quiet;
      context.globalAlpha = 0.55;
      counts.forEach((n, k) => {
        const tall = n ? Math.max(1.5, (n / most) * (high - 18)) : 0;
        context.fillRect(SIDE + k * step + 0.5, high - tall, Math.max(1, step - 1), tall);
      });
      context.globalAlpha = 1;
      context.strokeStyle = colours.edge;
      context.strokeRect(SIDE, high + 0.5, box.wide, 0);
      context.textBaseline = "top";
      const round = ticks(...range, Math.max(2, Math.floor(box.wide / 90)));
      for (const value of round) {
        context.textAlign = at(value) > box.wide ? "right" : at(value) < 2 * SIDE ? "left" : "center";
        context.fillStyle = colours.quiet;
        context.fillText(tickText(value, Math.abs((round[1] ?? 1) - round[0])), at(value), high + 5);
      }
      for (const mark of marks) drawMark(context, at, high, mark, colours);
    },
  };
}
