// One sample is enough: five ways to ask for the way, their guesses as arrows, and how far each has come.

import { el, setText } from "./dom.js";
import { oneSampleFormulas } from "./lab_one_sample_formulas.js";
import { latest } from "./lab_packed.js";
import { createChoice } from "./panel.js";
import { surface } from "./plot.js";
import { count } from "./scales.js";
import { XY } from "./xy.js";

const RUNNERS = {
  pathwise: ["The trick, 1 draw", "follows the slope", "z"],
  pathwise_many: ["The trick, {} draws", "asks many times", "encoder"],
  leave_one_out: ["2 draws compared", "score only", "decoder"],
  mean_baseline: ["Score less its usual value", "1 draw", "mu"],
  bare: ["Bare score", "1 draw", "gap"],
};
const AXES = [["steps", "per step"], ["pictures", "per picture decoded"]];
const EARLY = 0.06;                 // of the steps
const FLOOR = -45;                  // nats: what lies lower is off the chart

export const nameOf = (name, draws) => RUNNERS[name][0].replace("{}", draws);

/** The middle one of the angles, degrees. */
export function middleAngle(angles) {
  const sorted = [...angles].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How often one kind's guesses scatter as much as the first one's, in words. */
export function scatterWords(variance, first) {
  const times = variance / first;
  if (Math.abs(times - 1) < 0.005) return "scatter: 1";
  return `scatter: ${times < 10 ? Number(times.toPrecision(2)) : count(Number(times.toPrecision(3)))} ×`;
}

/** The way of one runner: [steps, or pictures decoded, bound] of each moment up to the index. */
export function wayOf(moments, index, runner, axis) {
  const { batch, draws } = moments[0].data;
  const price = axis === "pictures" ? batch * draws[runner] : 1;
  return moments.slice(0, index + 1).filter(({ data }) => data.elbo).map(({ data }) => (
    [data.step * price, data.elbo[runner] ?? NaN]));
}

/**
 * The tip of a guess, seen from the side of the cone that guesses of one angle form around the true way, which is up;
 * in [-1, 1].  Args: its angle to the true way, and its turn around it, degrees.
 */
export function tipOf(angle, turn) {
  const [a, t] = [angle, turn].map((degrees) => degrees * Math.PI / 180);
  return [Math.sin(a) * Math.sin(t), Math.cos(a)];
}

/** A compass: straight up is the true way, each arrow one guess. */
function createCompass(name, number) {
  const colour = RUNNERS[name][2], title = el("span", { class: `is-${colour}` });
  const canvas = el("canvas", { class: "sample-compass", role: "img", "data-testid": `sample-compass-${number}` });
  const off = el("b", { "data-testid": `sample-off-${number}` }), scatter = el("span", { class: "words" });
  const element = el("section", { class: "sample-runner" }, el("h3", {}, title), canvas, off, scatter);
  let tips = null, look = null;

  function draw() {
    const ground = tips && look ? surface(canvas) : null;
    if (!ground) return;
    const { context, width, height } = ground, radius = Math.min(width, height) / 2 - 4;
    const [x, y] = [width / 2, height / 2];
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = look.surface;
    context.fill();
    context.strokeStyle = look.edge;
    context.stroke();
    context.globalAlpha = 0.75;
    for (const [dx, dy] of tips) arrow(context, x, y, dx * radius, dy * radius, look[colour], 2);
    context.globalAlpha = 1;
    arrow(context, x, y, 0, radius, look.text, 1.5, [4, 4]);
  }

  return {
    element,
    show(angles, turns, variance, first, draws) {
      tips = angles.map((angle, i) => tipOf(angle, turns[i]));
      setText(title, nameOf(name, draws));
      if (!angles.length) {
        for (const line of [off, scatter]) setText(line, "\u00a0");
        draw();
        return;
      }
      const middle = middleAngle(angles), astray = angles.filter((angle) => angle > 90).length;
      setText(off, `off by ${Math.round(middle)}°`);
      setText(scatter, scatterWords(variance, first));
      canvas.setAttribute("aria-label", `${angles.length} guesses: half of them are off by more than `
        + `${Math.round(middle)} degrees, ${astray} point backwards`);
      draw();
    },
    theme(colours) {
      look = colours;
      draw();
    },
    watch: (observer) => observer.observe(canvas), draw,
  };
}

/** An arrow from (x, y) by (right, up) pixels. */
function arrow(context, x, y, right, up, colour, width, dash = []) {
  const long = Math.hypot(right, up);
  if (long < 1) return;
  const [dx, dy] = [right / long, -up / long], [tx, ty] = [x + right, y - up], head = Math.min(8, long / 3);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(tx - dx * head, ty - dy * head);
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  context.moveTo(tx, ty);
  context.lineTo(tx - dx * head - dy * head / 2, ty - dy * head + dx * head / 2);
  context.lineTo(tx - dx * head + dy * head / 2, ty - dy * head - dx * head / 2);
  context.fill();
}

/** From the worst that is still on the chart, the plunge of the first steps left out, to the best; rounded. */
export function limitsOf(moments) {
  const { steps } = moments[0].data;
  const late = moments.filter(({ data }) => data.elbo && data.step >= EARLY * steps);
  const found = late.flatMap(({ data }) => data.elbo).filter((value) => value !== null);
  if (!found.length) return { low: FLOOR, high: -20 };
  return { low: Math.max(FLOOR, Math.floor(Math.min(...found) - 0.5)), high: Math.ceil(Math.max(...found) + 0.5) };
}

/** The picture of the demonstration. */
export function picture() {
  const names = Object.keys(RUNNERS), compasses = names.map(createCompass);
  const chart = new XY({ label: "The bound of each runner", height: 220, testid: "sample-chart",
                         empty: "the first bounds are on their way" });
  const choice = createChoice("How far they have come", AXES, "steps", (id) => {
    axis = id;
    redraw();
  });
  const element = el("div", { class: "sample", "data-testid": "sample" },
    el("div", { class: "sample-runners" }, compasses.map((compass) => compass.element)),
    el("div", { class: "sample-way" }, el("header", {}, el("h3", {}, "How far they have come"), choice.element),
       chart.element));
  let axis = "steps", now = null;
  const sizes = new ResizeObserver(() => compasses.forEach((compass) => compass.draw()));
  compasses.forEach((compass) => compass.watch(sizes));

  function redraw() {
    if (!now) return;
    const { moments, index } = now, { draws, steps, batch } = moments[0].data;
    const high = axis === "pictures" ? steps * batch * 2 : steps;
    chart.show({
      marks: names.map((name, i) => ({ type: "line", points: wayOf(moments, index, i, axis), colour: RUNNERS[name][2],
                                       label: nameOf(name, draws[i]), dots: false, width: 2.4 })).reverse(),
      x: { low: 0, high, label: axis === "pictures" ? "pictures decoded" : "steps of training" },
      y: { ...limitsOf(moments), label: "bound on log p(x), nats per test picture: higher is better" },
    });
  }

  return {
    element, formula: oneSampleFormulas(),
    show(moments, index) {
      if (index < 0 || !moments.length) return;
      now = { moments, index };
      const [angles, turns, variance] = ["angles", "turns", "variance"].map((field) => latest(moments, index, field));
      const { draws } = moments[0].data;
      compasses.forEach((compass, i) => compass.show(angles?.[i] ?? [], turns?.[i] ?? [], variance?.[i], variance?.[0],
                                                     draws[i]));
      redraw();
    },
    theme(colours) {
      compasses.forEach((compass) => compass.theme(colours));
      chart.theme(colours);
    },
    stop() {
      sizes.disconnect();
      chart.stop();
    },
  };
}
