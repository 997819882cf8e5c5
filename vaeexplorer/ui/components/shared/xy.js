// A chart: marks over two axes on a canvas, with a read-out under the pointer or the arrow keys.

import { el, setText } from "./dom.js";
import { FONT, surface } from "./plot.js";
import { axesFor, nearest } from "./xy_axes.js";
import { drawMark } from "./xy_marks.js";

const TOP = 10, RIGHT = 14, TICKS = 24, LABEL = 17;

const pointed = (mark) => (mark.type === "line" || mark.type === "dots" || mark.type === "bars") && mark.label;

/** The bar of a histogram under x: { from, to, count } or null. */
export function binAt({ edges, counts }, x) {
  const k = edges.findIndex((edge, i) => i < counts.length && x >= edge && x < edges[i + 1]);
  return k < 0 ? null : { from: edges[k], to: edges[k + 1], count: counts[k] };
}

/** What the read-out says at x without words of the chart's own: the nearest point of every mark that has a label. */
export function readoutAt(marks, axes, x) {
  const lines = [];
  let at = null;
  for (const mark of marks.filter(pointed)) {
    const point = mark.points[nearest(mark.points, axes.x, x)];
    if (!point) continue;
    at ??= point[0];
    const [, value, low, high] = point, sure = Number.isFinite(low) && Number.isFinite(high);
    const range = sure ? `, ${axes.y.text(low)} to ${axes.y.text(high)}` : "";
    lines.push([`${mark.label}: ${axes.y.text(value)}${range}`, mark.colour]);
  }
  for (const mark of marks.filter(({ type, label }) => type === "histogram" && label)) {
    const bin = binAt(mark, x);
    if (bin) lines.push([`${mark.label}: ${axes.y.text(bin.count)} from ${axes.x.text(bin.from)} to `
      + axes.x.text(bin.to), mark.colour]);
  }
  for (const { y, label, colour } of marks.filter((mark) => mark.type === "level" && mark.label)) {
    lines.push([`${label}: ${axes.y.text(y)}`, colour]);
  }
  return lines.length ? [[axes.x.text(at ?? x), null], ...lines] : null;
}

/**
 * A chart of its own size (`height` in pixels, all the width there is).
 * Args: label, what it shows, for those who do not see it; testid; empty, words while there is nothing to show;
 * onPick(x, y) after a click, values of both axes.
 *
 * show({ marks, x, y, readout }): marks are, from the back to the front,
 *   { type: "line", points: [[x, y, low?, high?], ...], errors: "band" (default), "bars" or null, dash, width, dots }
 *   { type: "dots", points, errors: "bars" or null, radius }
 *   { type: "bars", points, width (of the x axis), errors }
 *   { type: "histogram", edges (n + 1), counts (n), filled }
 *   { type: "level", y, low?, high?, words, side (of the words: "left" or "right"), dash }
 *   { type: "upright", x, words, row (of its words), dash }
 * each with colour (a name among the colours of `theme`, or CSS) and label (its name in the read-out, or none). A point
 * whose y is not finite breaks its line; low and high are left out where they are not known.
 * x, y: { kind: "linear" or "log", low, high, names: [...], label (words at the axis), text(value) (for the
 * read-out) }, all may be left out: the range then is that of the marks.
 * readout(x, y, axes) -> [[text, colour or null], ...] or null.
 * theme(colours): names -> CSS colours (text, quiet, edge and page among them); draws.   describe(text): aria-label.
 * stop(): leaves nothing behind.   The chart follows its own size by itself.
 */
export class XY {
  constructor({ label, testid = null, height = 260, empty = "nothing to show yet", onPick = null }) {
    this.canvas = el("canvas", { class: "xy-canvas", role: "img", tabIndex: 0, "aria-label": label,
                                 "data-testid": testid,
                                 style: `display:block;width:100%;height:${height}px;touch-action:pan-y` });
    this.pointer = el("i", { class: "xy-pointer", hidden: true, style: "position:absolute;left:0;width:1px;"
      + "background:currentColor;opacity:0.45;pointer-events:none" });
    this.tip = el("div", { class: "tip xy-tip", role: "status", hidden: true, style: "position:absolute;top:0;left:0;"
      + "pointer-events:none" });
    this.element = el("div", { class: "xy", style: "position:relative;min-width:0;overflow:hidden" },
                      this.canvas, this.pointer, this.tip);
    this.empty = empty;
    this.spec = { marks: [] };
    this.colours = null;
    this.listen(onPick);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
  }

  listen(onPick) {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX, event.offsetY));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("blur", () => this.point(null));
    canvas.addEventListener("keydown", (event) => this.walk(event));
    if (!onPick) return;
    canvas.style.cursor = "pointer";
    canvas.addEventListener("click", (event) => {
      if (this.axes) onPick(this.valueX(event.offsetX), this.valueY(event.offsetY));
    });
  }

  show(spec) {
    this.spec = spec;
    this.place = null;
    this.draw();
    this.point(...(this.at ?? [null]));         // a read-out that is open follows the new marks
  }

  theme(colours) {
    this.colours = colours;
    this.draw();
  }

  describe(text) {
    this.canvas.setAttribute("aria-label", text);
  }

  stop() {
    this.sizes.disconnect();
  }

  colour(name) {
    return this.colours[name] ?? name ?? this.colours.text;
  }

  valueX(pixels) {
    return this.axes.x.value(Math.min(1, Math.max(0, (pixels - this.box.left) / this.box.width)));
  }

  valueY(pixels) {
    return this.axes.y.value(1 - Math.min(1, Math.max(0, (pixels - this.box.top) / this.box.height)));
  }

  draw() {
    if (!this.colours) return;
    const ground = surface(this.canvas);
    if (!ground) return;
    const { context, width, height } = ground, { marks, x = {}, y = {} } = this.spec;
    context.font = `${FONT}px ${this.family ??= getComputedStyle(this.canvas).fontFamily}`;
    this.axes = axesFor(marks, x, y);
    if (!this.axes) {
      this.drawEmpty(context, width, height);
      return;
    }
    this.drawAxes(context, width, height);
    this.drawMarks(context);
  }

  drawEmpty(context, width, height) {
    context.fillStyle = this.colour("quiet");
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(this.empty, width / 2, height / 2, width - 16);
  }

  /** Lay out the box of the data and draw its frame of ticks and words. */
  drawAxes(context, width, height) {
    const { x = {}, y = {} } = this.spec, up = this.axes.y.ticks(Math.max(2, height / 46));
    const wide = Math.max(...up.map(([, text]) => context.measureText(text).width), 12);
    const left = Math.ceil(wide) + 12, top = TOP + (y.label ? LABEL : 0), foot = TICKS + (x.label ? LABEL : 0);
    this.box = { left, top, width: Math.max(20, width - left - RIGHT), height: Math.max(20, height - top - foot) };
    this.scale = {
      box: this.box, ground: this.colour("page"), text: this.colour("text"),
      x: (value) => left + this.axes.x.at(value) * this.box.width,
      y: (value) => top + (1 - this.axes.y.at(value)) * this.box.height,
    };
    this.scale.base = Math.min(top + this.box.height, this.scale.y(this.axes.y.kind === "log" ? this.axes.y.low : 0));
    context.strokeStyle = this.colour("edge");
    context.fillStyle = this.colour("quiet");
    context.lineWidth = 1;
    this.drawUp(context, up);
    this.drawAcross(context);
    this.drawLabels(context, width, height, x.label, y.label);
  }

  drawUp(context, up) {
    const { left, width } = this.box;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.beginPath();
    for (const [value, text] of up) {
      const at = Math.round(this.scale.y(value)) + 0.5;
      context.moveTo(left, at);
      context.lineTo(left + width, at);
      context.fillText(text, left - 7, at);
    }
    context.stroke();
  }

  drawAcross(context) {
    const { left, top, width, height } = this.box;
    let end = -Infinity;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.beginPath();
    for (const [value, text] of this.axes.x.ticks(width / 84)) {
      const at = Math.round(this.scale.x(value)) + 0.5, wide = context.measureText(text).width;
      const begin = Math.min(Math.max(at - wide / 2, left - 8), left + width + RIGHT - wide);
      context.moveTo(at, top);
      context.lineTo(at, top + height + 3);
      if (begin < end + 10) continue;          // no words over words
      context.fillText(text, begin, top + height + 7);
      end = begin + wide;
    }
    context.stroke();
  }

  drawLabels(context, width, height, across, up) {
    context.textBaseline = "top";
    context.textAlign = "right";
    if (across) context.fillText(across, width - RIGHT, height - 13, width - 20);
    context.textAlign = "left";
    if (up) context.fillText(up, 2, 2, width - 4);
  }

  drawMarks(context) {
    const { left, top, width, height } = this.box;
    context.save();
    context.beginPath();
    context.rect(left - 1, top - 3, width + 4, height + 4);
    context.clip();
    for (const written of [false, true]) {
      for (const mark of this.spec.marks) {
        drawMark(context, mark, this.scale, this.colour(mark.colour ?? "text"), written);
      }
    }
    context.restore();
  }

  /** The pointer is at these CSS pixels of the canvas, or has left (null). */
  point(px, py = 0) {
    this.at = px === null ? null : [px, py];
    const on = px !== null && this.axes && this.box;
    const lines = on ? this.lines(this.valueX(px), this.valueY(py)) : null;
    this.pointer.hidden = this.tip.hidden = !lines;
    if (!lines) return;
    const { left, top, width, height } = this.box, at = Math.min(left + width, Math.max(left, px));
    this.pointer.style.top = `${top}px`;
    this.pointer.style.height = `${height}px`;
    this.pointer.style.transform = `translateX(${at.toFixed(1)}px)`;
    this.write(lines);
    const wide = this.tip.offsetWidth, room = this.canvas.clientWidth;
    const aside = at + 12 + wide > room ? Math.max(0, at - 12 - wide) : at + 12;
    const down = py < top + height / 2 ? Math.max(0, top + height - this.tip.offsetHeight - 4) : top;
    this.tip.style.transform = `translate(${aside.toFixed(0)}px, ${down.toFixed(0)}px)`;
  }

  lines(x, y) {
    const { marks, readout } = this.spec;
    return readout ? readout(x, y, this.axes) : readoutAt(marks, this.axes, x);
  }

  /** Change as little of the read-out as possible. */
  write(lines) {
    while (this.tip.children.length > lines.length) this.tip.lastChild.remove();
    lines.forEach(([text, colour], i) => {
      const row = this.tip.children[i] ?? this.tip.appendChild(el("div", {}));
      row.style.color = colour ? this.colour(colour) : "";
      row.style.fontWeight = colour ? "" : "600";
      setText(row, text);
    });
  }

  /** Arrow keys go from point to point of the chart. */
  walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") this.point(null);
    if (!step || !this.axes || !this.box) return;
    event.preventDefault();
    const places = this.places();
    if (!places.length) return;
    this.place = this.place === null ? (step > 0 ? 0 : places.length - 1)
      : Math.min(places.length - 1, Math.max(0, this.place + step));
    this.point(this.scale.x(places[this.place]), this.box.top);
  }

  /** The x that have something to read, in order. */
  places() {
    const found = this.spec.marks.flatMap((mark) => (pointed(mark) ? mark.points.map(([x]) => x)
      : mark.type === "histogram" ? mark.counts.map((_, i) => (mark.edges[i] + mark.edges[i + 1]) / 2) : []));
    return [...new Set(found)].filter((x) => this.axes.x.at(x) >= 0 && this.axes.x.at(x) <= 1).sort((a, b) => a - b);
  }
}
