// A curve over one slider's whole range: the terms of the image's bound at each setting, the others as they are.

import { el, setText } from "./dom.js";
import { surface } from "./plot.js";
import { count, tickText, ticks } from "./scales.js";

const POINTS = 25;
const LEFT = 54, RIGHT = 12, TOP = 8, BELOW = 24, BETWEEN = 20;

const WAITING = "A curve over the whole range of the slider that was moved last appears here.";

/** [low, high] of some values, with room. */
function rangeOf(values) {
  const low = Math.min(...values), high = Math.max(...values), room = 0.08 * (high - low) || 1;
  return [low - room, high + room];
}

function drawValues(context, [low, high], y, right, colours) {
  const round = ticks(low, high, 3);
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.beginPath();
  for (const value of round) {
    const at = Math.round(y(value)) + 0.5;
    context.moveTo(LEFT, at);
    context.lineTo(right, at);
    context.fillText(tickText(value, Math.abs((round[1] ?? 1) - round[0]) || 1), LEFT - 7, at);
  }
  context.stroke();
}

function drawLine(context, points, key, x, y, colour, dashed) {
  context.strokeStyle = context.fillStyle = colour;
  context.globalAlpha = 0.22;
  context.beginPath();
  points.forEach(({ at, finding }, i) => {
    const { value, stderr } = finding[key];
    context[i ? "lineTo" : "moveTo"](x(at), y(value + (stderr ?? 0)));
  });
  [...points].reverse().forEach(({ at, finding }) => {
    context.lineTo(x(at), y(finding[key].value - (finding[key].stderr ?? 0)));
  });
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.setLineDash(dashed ? [5, 4] : []);
  context.beginPath();
  points.forEach(({ at, finding }, i) => context[i ? "lineTo" : "moveTo"](x(at), y(finding[key].value)));
  context.stroke();
  context.setLineDash([]);
  for (const { at, finding } of points) context.fillRect(x(at) - 1.5, y(finding[key].value) - 1.5, 3, 3);
}

/** Returns: { element, begin(about, names of models), add(which of them, { at, finding }), mark, draw(colours) }. */
export function createSweep() {
  const canvas = el("canvas", { class: "sweep", role: "img", "aria-label": "terms over the slider's range",
                                "data-testid": "sweep" });
  const title = el("span", { class: "unit" }), caption = el("p", { class: "caption" }, WAITING);
  const key = (kind, words) => el("span", { class: `key is-${kind}` }, el("i", { class: "stroke" }), words);
  const element = el("section", { class: "card", "aria-label": "Over the whole range" },
    el("header", {}, el("h3", {}, "What it does to the terms"), title),
    el("div", { class: "keys" }, key("text", "ELBO"), key("decoder", "reconstruction"), key("encoder", "KL")),
    canvas, caption);
  let about = null, lines = [], marked = null;

  function describe(models) {
    const first = lines.find((points) => points.length)?.[0].finding;
    if (!first) return;
    const two = models.length > 1 ? ` Solid: ${models[0]}; dashed: ${models[1]}.` : "";
    setText(caption, `Nats of this one image over the range of ${about.name}, the other sliders as they are; bands ± 1 `
      + `standard error over n = ${count(first.samples)} draws of q (ELBO: lower bound of log p(x); KL: exact).${two}`);
  }

  return {
    element,
    begin(next, models) {
      about = { ...next, models };
      lines = models.map(() => []);
      setText(title, `over ${next.name}`);
    },
    add(model, point) {
      lines[model].push(point);
      lines[model].sort((a, b) => a.at - b.at);
      describe(about.models);
    },
    mark(value) {
      marked = value;
    },
    draw(colours) {
      const all = lines.flat();
      if (!about || all.length < 2) return;
      const ground = surface(canvas);
      if (!ground) return;
      const { context, width, height } = ground, right = width - RIGHT, bottom = height - BELOW;
      const split = TOP + (bottom - TOP - BETWEEN) * 0.68;
      context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
      const x = (v) => LEFT + ((v - about.least) / (about.most - about.least)) * (right - LEFT);
      const upper = rangeOf(all.flatMap(({ finding }) => [finding.elbo.value, finding.reconstruction.value]));
      const lower = rangeOf(all.map(({ finding }) => finding.kl.value));
      const scale = ([low, high], top, end) => (v) => end - ((v - low) / (high - low)) * (end - top);
      const [yUp, yLow] = [scale(upper, TOP, split), scale(lower, split + BETWEEN, bottom)];
      drawValues(context, upper, yUp, right, colours);
      drawValues(context, lower, yLow, right, colours);
      context.textBaseline = "top";
      for (const value of ticks(about.least, about.most, 6)) {
        context.textAlign = value === about.most ? "right" : value === about.least ? "left" : "center";
        context.fillText(tickText(value, Math.abs(about.most - about.least) / 6) + about.unit, x(value), bottom + 7);
      }
      if (marked !== null) {
        context.fillStyle = colours.z;
        context.fillRect(x(marked) - 1, TOP, 2, bottom - TOP);
      }
      lines.forEach((points, i) => {
        drawLine(context, points, "reconstruction", x, yUp, colours.decoder, i > 0);
        drawLine(context, points, "elbo", x, yUp, colours.text, i > 0);
        drawLine(context, points, "kl", x, yLow, colours.encoder, i > 0);
      });
    },
  };
}

/** 0 to count − 1, first a few far apart, then those between them. */
function coarseToFine(count) {
  const found = new Set();
  for (let step = count - 1; step >= 1; step = Math.floor(step / 2)) for (let i = 0; i < count; i += step) found.add(i);
  return found;
}

/**
 * Fill a sweep, point after point. Args: about the slider called `key`; settings of all of them; models' names;
 * ask(settings) -> Promise of a finding for each model; alive(), whether it is still wanted; redraw().
 */
export async function fillSweep(sweep, { about, settings, key, models, ask, alive, redraw }) {
  const { least, most } = about;
  sweep.begin(about, models);
  sweep.mark(settings[key]);
  for (const i of coarseToFine(POINTS)) {
    const at = least + ((most - least) * i) / (POINTS - 1);
    const found = await ask({ ...settings, [key]: at }).catch(() => null);
    if (!found || !alive()) return;
    found.forEach((finding, model) => sweep.add(model, { at, finding }));
    redraw();
  }
}
