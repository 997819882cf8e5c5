// Which way to push the prior: draws that vote, all alike, by how well they explain the picture, or as the encoder's.

import { el, figure, setText } from "./dom.js";
import { keyOf } from "./panel.js";
import { surface } from "./plot.js";
import { XY } from "./xy.js";

const LOW = -3.4, HIGH = 4.2, HILL = 0.4;       // of z; the part of the height that the curves take
const PUSH = 3.2;               // units of z that an arrow of size 1 is long
const ROWS = [
  { key: "equal", colour: "gap", words: "all draws count alike (as printed)" },
  { key: "vote", colour: "z", words: "draws count by how well they explain x" },
  { key: "encoder", colour: "encoder", words: "draws of the encoder" },
];

const normal = (x, mean, std) => Math.exp(-0.5 * ((x - mean) / std) ** 2) / std;

function drawCurve(context, of, colour, x, base, height, filled) {
  context.beginPath();
  for (let i = 0; i <= 160; i++) {
    const z = LOW + (HIGH - LOW) * i / 160;
    context[i ? "lineTo" : "moveTo"](x(z), base - height * of(z));
  }
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2;
  context.stroke();
  if (!filled) return;
  context.globalAlpha = 0.14;
  context.lineTo(x(HIGH), base);
  context.lineTo(x(LOW), base);
  context.fill();
  context.globalAlpha = 1;
}

function drawArrow(context, from, to, y, size) {
  const way = Math.sign(to - from), head = Math.min(10, Math.abs(to - from));
  context.lineWidth = size;
  context.beginPath();
  context.moveTo(from, y);
  context.lineTo(to - way * head * 0.6, y);
  context.stroke();
  if (head < 2) {                       // no push at all: a bar in its place
    context.beginPath();
    context.moveTo(from, y - 7);
    context.lineTo(from, y + 7);
    context.stroke();
    return;
  }
  context.beginPath();
  context.moveTo(to, y);
  context.lineTo(to - way * head, y - head * 0.6);
  context.lineTo(to - way * head, y + head * 0.6);
  context.fill();
}

/** What each row shows of a moment: its draws with the size of each, the push of this handful, and of all so far. */
export function rowsOf({ drawn, means, together }) {
  const same = 1 / drawn.z.length;
  return [
    { z: drawn.z, weight: drawn.z.map(() => same), now: drawn.equal, mean: means.printed },
    { z: drawn.z, weight: drawn.weight, now: drawn.vote, mean: means[together] },
    { z: drawn.encoder, weight: drawn.encoder.map(() => same), now: drawn.encoder_vote, mean: means.encoder },
  ];
}

function drawRow(context, row, { colour, words }, { x, y, middle, exact, colours, high }) {
  context.fillStyle = context.strokeStyle = colours[colour];
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(words, 8, y - high / 2 + 3);
  context.globalAlpha = 0.5;
  row.z.forEach((z, i) => {
    context.beginPath();
    context.arc(x(Math.max(LOW, Math.min(HIGH, z))), y, 1 + Math.sqrt(row.weight[i]) * high * 0.22, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
  const to = (push) => x(middle + PUSH * push), below = y + high * 0.34;
  context.strokeStyle = colours.text;
  context.setLineDash([3, 3]);
  context.lineWidth = 1.4;
  context.beginPath();
  context.moveTo(to(exact), below - 9);
  context.lineTo(to(exact), below + 9);
  context.stroke();
  context.setLineDash([]);
  context.strokeStyle = colours[colour];
  drawArrow(context, x(middle), to(row.mean[0]), below, 4);
}

function drawAll({ context, width, height }, data, colours) {
  const x = (z) => 6 + (width - 12) * (z - LOW) / (HIGH - LOW), { line } = data, base = height * HILL;
  context.font = `12.5px ${getComputedStyle(context.canvas).fontFamily}`;
  const top = normal(0, 0, data.line.posterior[1]) * 1.08, [mean, std] = line.posterior, hill = base - 16;
  const narrow = line.noise / line.slope;       // of p(x|z) as a function of z
  drawCurve(context, (z) => normal(z, line.mean, line.std) / top, colours.z, x, base, hill, true);
  drawCurve(context, (z) => normal(z, line.x / line.slope, narrow) * narrow * 0.85, colours.decoder, x, base, hill);
  drawCurve(context, (z) => normal(z, mean + data.off, std) / top, colours.encoder, x, base, hill);
  context.strokeStyle = colours.quiet;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x(line.mean), 4);
  context.lineTo(x(line.mean), height - 4);
  context.moveTo(x(LOW), base);
  context.lineTo(x(HIGH), base);
  context.stroke();
  const high = (height - base) / ROWS.length;
  rowsOf(data).forEach((row, i) => drawRow(context, row, ROWS[i], {
    x, y: base + high * (i + 0.5), middle: line.mean, exact: line.exact, colours, high }));
}

/** Marks of the chart: the mean push by the number of draws behind an estimate. */
export function pushMarks({ means, line }) {
  const counts = Object.keys(means).map(Number).filter(Number.isFinite).sort((a, b) => a - b);
  const at = (value, error) => [value, value - 2 * error, value + 2 * error];
  const flat = (name) => counts.map((n) => [n, ...at(...means[name])]);
  return [
    { type: "level", y: line.exact, colour: "text", words: "the right push", side: "left", label: "exact" },
    { type: "line", points: flat("printed"), colour: "gap", errors: "band", dots: false, label: "as printed" },
    { type: "line", points: counts.map((n) => [n, ...at(...means[n])]), colour: "z", errors: "bars", label: "weighted" },
    { type: "line", points: flat("encoder"), colour: "encoder", errors: "band", dots: false, dash: true,
      label: "the encoder's, any number" },
  ];
}

export function createVotes() {
  const canvas = el("canvas", { class: "prior-votes-plane", role: "img", "data-testid": "prior-votes" });
  const chart = new XY({ label: "mean push by the number of draws behind an estimate", testid: "prior-push", height: 240 });
  const line = el("p", { class: "words", "data-testid": "prior-push-words" });
  const element = el("div", { class: "prior-votes" },
    el("div", {}, el("div", { class: "keys" }, keyOf({ colour: "z", words: "prior p(z): where codes are drawn" }),
                     keyOf({ colour: "decoder", words: "how well z explains x" }),
                     keyOf({ colour: "encoder", words: "the encoder's q(z|x)" })), canvas),
    el("div", { class: "prior-chart" }, el("h4", {}, "The mean push, by draws behind one estimate"), chart.element, line));
  let data = null, colours = null;
  const draw = () => {
    const ground = data && colours ? surface(canvas) : null;
    if (ground) drawAll(ground, data, colours);
  };
  const sizes = new ResizeObserver(draw);
  sizes.observe(canvas);
  return {
    element,
    show(moments, index) {
      data = moments[index].data;
      const { means, together, line: { exact }, estimates } = data, mean = (name) => figure(means[name][0], 3);
      const told = `Right: ${figure(exact, 3)}. Weighted, ${together} together: ${mean(together)}; as printed: `
        + `${mean("printed")}; encoder: ${mean("encoder")}. From ${estimates.toLocaleString("en-US")} draws each way.`;
      setText(line, told);
      canvas.setAttribute("aria-label", told);
      chart.show({ marks: pushMarks(data), x: { kind: "log", label: "draws behind one estimate" },
                   y: { low: Math.min(-0.1, means.encoder[0] - 0.1), high: Math.max(0.45, means.encoder[0] + 0.1) } });
      draw();
    },
    theme(given) {
      colours = given;
      chart.theme(given);
      draw();
    },
    stop() {
      sizes.disconnect();
      chart.stop();
    },
  };
}
