// The path of both losses in their plane, and their course along the steps.

import { el, figure } from "./dom.js";
import { keyOf } from "./panel.js";
import { XY } from "./xy.js";

const COLOUR = { encoder: "encoder", decoder: "decoder", both: "quiet" };
const MOST = 28;                // nats: what lies above is the beginning, which would hide all that follows

/** The moments that the path shows: while both warm up, these; later the turns alone, from where they began. */
export function onPath(moments) {
  const turns = moments.findIndex(({ data }) => !data.warm);
  return turns > 0 ? turns - 1 : 0;
}

/** Runs of moments in which the same part moved, from where it began: [{ part, points: [[s, e], ...] }]. */
export function pieces(moments, index) {
  const found = [];
  for (let i = 1 + onPath(moments.slice(0, index + 1)); i <= index; i++) {
    const { part, lanes: [{ s, e }] } = moments[i].data, { lanes: [before] } = moments[i - 1].data;
    if (before.s > MOST) continue;
    if (found.at(-1)?.part !== part) found.push({ part, points: [[before.s, before.e]] });
    found.at(-1).points.push([s, e]);
  }
  return found;
}

/** A run of one part's pieces as one mark: the line breaks between them. */
const broken = (runs) => runs.flatMap(({ points }) => [...points, [points.at(-1)[0], NaN]]);

export function pathMarks(moments, index) {
  const runs = pieces(moments, index), { lanes: [{ s, e }], part } = moments[index].data;
  const marks = ["both", "decoder", "encoder"].map((name) => ({
    type: "line", colour: COLOUR[name], dots: false, width: name === "both" ? 1.6 : 3,
    points: broken(runs.filter((run) => run.part === name)),
  }));
  return [...marks, { type: "dots", colour: COLOUR[part] ?? "quiet", radius: 6, errors: null, points: [[s, e]] }];
}

function frame(chart, title, keys) {
  const caption = el("figcaption", {}, title, el("span", { class: "tl-keys" }, keys.map(keyOf)));
  return el("figure", { class: "tl-chart" }, caption, chart.element);
}

function createChart(label, testid) {
  const chart = new XY({ label, testid, height: 200, empty: "the path begins when both have learned a little" });
  chart.canvas.style.height = "";
  chart.canvas.classList.add("tl-canvas");
  return chart;
}

const wired = (chart, element, show) => ({
  element, show, theme: (colours) => chart.theme(colours), stop: () => chart.stop() });

/** One VAE's path: S across, E upwards. */
export function createPath() {
  const chart = createChart("The path of S and E", "tl-path");
  const element = frame(chart, "The path so far", [
    { colour: "encoder", words: "encoder: straight down" }, { colour: "decoder", words: "decoder: aside" }]);
  return wired(chart, element, (moments, index) => {
    const seen = moments.slice(onPath(moments.slice(0, index + 1))).map(({ data }) => data.lanes[0]);
    const all = seen.filter((lane) => lane.s <= MOST).map((lane) => [lane.s, lane.e]);
    const across = all.map(([s]) => s), up = all.map(([, e]) => e);
    const { lanes: [{ s, e }] } = moments[index].data;
    const marks = s > MOST ? [] : pathMarks(moments, index);
    chart.show({
      marks,
      x: { low: Math.min(...across) - 0.1, high: Math.max(...across) + 0.1, label: "S, nats (left: the better model)" },
      y: { low: 0, high: Math.max(0.1, ...up) * 1.1, label: "E, nats (down: the better encoder)" },
      readout: () => null,
    });
    chart.describe(`Path of both losses: S ${figure(s, 3)} and E ${figure(e, 3)} nats now`);
  });
}

const DASHES = [false, false, true];

/** Three VAEs' course: S as a line, the gap above it as a red band. */
export function courseMarks(moments, index) {
  const seen = moments.slice(1, index + 1).map(({ data }) => data), { lanes: names } = moments[0].data.about;
  return names.flatMap((label, i) => [
    { type: "line", colour: "gap", width: 0.8, dots: false,
      points: seen.map(({ step, lanes }) => [step, lanes[i].u, lanes[i].s, lanes[i].u]) },
    { type: "line", colour: "decoder", width: i === 1 ? 3.4 : 2, dash: DASHES[i], dots: false, label: `S, ${label}`,
      points: seen.map(({ step, lanes }) => [step, lanes[i].s]) },
  ]);
}

export function createCourse() {
  const chart = createChart("S and U of three trainings", "tl-course");
  const element = frame(chart, "The course of all three", [
    { colour: "decoder", words: "S (thick: eager, dashed: slow)" },
    { colour: "gap", words: "the gap E on top of it", filled: true }]);
  return wired(chart, element, (moments, index) => {
    const { data: { step, lanes } } = moments[index];
    const values = moments.slice(1).flatMap(({ data }) => data.lanes.flatMap(({ u, s }) => [u, s]));
    chart.show({
      marks: index > 0 ? courseMarks(moments, index) : [],
      x: { low: 0, high: Math.max(400, moments.at(-1).data.step), label: "steps of each decoder" },
      y: { low: Math.min(...values, 26) - 0.1, high: MOST, label: "nats per image" },
    });
    chart.describe(`Step ${step}: S is ${lanes.map(({ s }) => figure(s, 2)).join(", ")} nats`);
  });
}
