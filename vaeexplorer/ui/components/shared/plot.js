// A canvas with axes: its size, its ticks, the marks that move over it, and the read-out under the pointer.

import { el } from "./dom.js";
import { shortCount, stepTicks, tickText } from "./scales.js";

const MARGIN = { left: 50, right: 12, top: 8, bottom: 22 };
export const FONT = 12;

/** A canvas's drawing surface for its size on the page, in CSS pixels, cleared; null while it has no size. */
export function surface(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const enlarged = Math.round((10 * canvas.getBoundingClientRect().width) / canvas.offsetWidth) / 10;  // for an audience
  const ratio = (window.devicePixelRatio || 1) * enlarged;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * A plot: its canvas (`height` in pixels, 0 for all the room there is), two vertical marks (the time line's place and
 * the pointer's), and a read-out. `readout(step, y)` gives the lines of the read-out, [[text, colour or null], ...] or
 * null; `onHover(step or null, plot)` and `onPick(step)` tell of the pointer.
 */
export class Plot {
  constructor({ testid, label, height, readout, onHover, onPick }) {
    this.canvas = el("canvas", { class: "plot", role: "img", "aria-label": label, "data-testid": testid ?? null,
                                 style: height ? `height:${height}px` : null });
    this.place = el("i", { class: "mark place", hidden: true });
    this.pointer = el("i", { class: "mark pointer", hidden: true });
    this.tip = el("div", { class: "tip", hidden: true });
    this.element = el("div", { class: height ? "plotbox" : "plotbox grows" },
                      this.canvas, this.place, this.pointer, this.tip);
    this.axis = null;
    this.readout = readout;
    this.onHover = onHover;
    this.canvas.addEventListener("pointermove", (event) => this.moved(event));
    this.canvas.addEventListener("pointerleave", () => onHover(null, this));
    this.canvas.addEventListener("click", (event) => this.axis && onPick(this.stepAt(event.offsetX)));
  }

  /** Begin a drawing: { context, box } with the box of the data in CSS pixels, or null while there is no room. */
  begin(axis) {
    const ground = surface(this.canvas);
    if (!ground) return null;
    const { context, width, height } = ground;
    this.axis = axis;
    this.box = { left: MARGIN.left, top: MARGIN.top, width: width - MARGIN.left - MARGIN.right,
                 height: height - MARGIN.top - MARGIN.bottom };
    context.font = `${FONT}px ${this.family ??= getComputedStyle(this.canvas).fontFamily}`;
    return { context, box: this.box };
  }

  /** Words in place of what is not there yet. */
  drawEmpty(context, colours) {
    const { left, top, width, height } = this.box;
    context.fillStyle = colours.quiet;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText("no values yet", left + width / 2 - left / 2, top + height / 2);
    this.axis = null;           // nothing to point at
  }

  /** The steps below the box, or what the axis has in their place: marks(width), [words, place in 0..1]. */
  drawSteps(context, axis, colours) {
    const { left, top, width, height } = this.box;
    context.textBaseline = "top";
    context.fillStyle = colours.quiet;
    context.strokeStyle = colours.edge;
    context.lineWidth = 1;
    context.beginPath();
    const marks = axis.marks?.(width) ?? stepTicks(axis, width).map(([step, at]) => [shortCount(step), at]);
    for (const [words, at] of marks) {
      const x = Math.round(left + at * width) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, top + height + 3);
      context.textAlign = at > 0.96 ? "right" : at < 0.02 ? "left" : "center";
      context.fillText(words, at > 0.96 ? x + 6 : at < 0.02 ? x - 3 : x, top + height + 7);
    }
    context.stroke();
  }

  /** The values left of the box, with faint lines; `y(value)` gives their places. */
  drawValues(context, values, y, colours) {
    const { left, width } = this.box, step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colours.quiet;
    context.strokeStyle = colours.edge;
    context.lineWidth = 1;
    context.beginPath();
    for (const value of values) {
      const at = Math.round(y(value)) + 0.5;
      context.moveTo(left, at);
      context.lineTo(left + width, at);
      context.fillText(tickText(value, step), left - 7, at);
    }
    context.stroke();
  }

  stepAt(x) {
    const { left, width } = this.box;
    return this.axis.step(Math.min(1, Math.max(0, (x - left) / width)));
  }

  moved(event) {
    if (!this.axis) return;
    this.y = event.offsetY;
    this.onHover(this.stepAt(event.offsetX), this);
  }

  move(mark, step) {
    const on = step !== null && this.axis && this.box;
    mark.hidden = !on;
    if (on) mark.style.transform = `translateX(${(this.box.left + this.axis.at(step) * this.box.width).toFixed(1)}px)`;
  }

  /** The time line stands at a step, or null. */
  mark(step) {
    this.marked = step;
    this.move(this.place, step);
  }

  /** The pointer is at a step of this plot or another one; only its own plot shows the read-out. */
  point(step, own) {
    this.move(this.pointer, step);
    const lines = step !== null && own && this.box ? this.readout(step, this.y) : null;
    this.tip.hidden = !lines;
    if (!lines) return;
    this.tip.replaceChildren(...lines.map(([text, kind]) => el("div", { class: kind ? `is-${kind}` : "head" }, text)));
    const x = this.box.left + this.axis.at(step) * this.box.width, wide = this.tip.offsetWidth;
    const at = x + 12 + wide > this.canvas.clientWidth ? Math.max(0, x - 12 - wide) : x + 12;
    const below = this.y < this.box.top + this.box.height / 2;         // not where the pointer is
    const down = below ? Math.max(0, this.box.top + this.box.height - this.tip.offsetHeight - 4) : MARGIN.top;
    this.tip.style.transform = `translate(${at.toFixed(0)}px, ${down.toFixed(0)}px)`;
  }
}
