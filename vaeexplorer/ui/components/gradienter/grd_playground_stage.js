// The playground's stage on a canvas: q above, f as a landscape below, draws that fall from one to the other, and what
// each of them says about where q should go, as arrows.

import { el } from "./dom.js";
import { FONT, surface } from "./plot.js";
import { plain, ticks } from "./scales.js";

export const WINDOW = [-3.5, 3.5];      // of z
const SIDE = 10, FOOT = 22, POINTS = 500;
const BELL = [0.03, 0.25], STRIP = [0.275, 0.515], LAND = [0.55, 1];      // parts of the height: q, its pushes, f
const ROWS = 6;                         // arrows of single draws below one another
const TITLE = 15;                       // pixels above them, for words
const SHOWN = 40;                       // draws that are drawn as balls
const FALL = 0.55;                      // of a throw: the balls are in the air
const LEAST = 1.5;                      // pixels: a shorter arrow is a dot
const REACH = 2.8;                      // standard deviations of q whose f fits on the stage

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function arrow(context, x0, y0, x1, y1, head) {
  const long = Math.hypot(x1 - x0, y1 - y0);
  if (long < LEAST) {
    context.beginPath();
    context.arc(x0, y0, Math.max(1.5, head / 3), 0, 2 * Math.PI);
    context.fill();
    return;
  }
  const [u, v] = [(x1 - x0) / long, (y1 - y0) / long], tip = Math.min(head, long);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1 - u * tip * 0.8, y1 - v * tip * 0.8);
  context.stroke();
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x1 - u * tip - v * tip * 0.55, y1 - v * tip + u * tip * 0.55);
  context.lineTo(x1 - u * tip + v * tip * 0.55, y1 - v * tip - u * tip * 0.55);
  context.fill();
}

/** The heights of f that the stage shows: those under q, and the baseline where heights are compared with it. */
export function heightsOf(f, mu, sigma, baseline) {
  const values = baseline === null ? [] : [baseline];
  for (let i = 0; i <= 60; i++) values.push(f.value(mu + REACH * sigma * (i / 30 - 1)));
  const low = Math.min(...values), high = Math.max(...values), room = 0.12 * (high - low) || 1;
  return [low - room, high + room];
}

/**
 * Args: way, "pathwise" or "score"; label; testid; onDrag(z): a hand moves q's middle there.
 * show(scene): { f, mu, sigma, by ("mu" or "lam"), baseline (a level, or null), others (it is the mean of the other
 *   draws), estimate (of estimateAt), gradient, unit (of a gradient of 1, as a part of the width), time (0..1 of the
 *   throw), colour (of the way) }.   theme(colours).   stop().
 */
export class Stage {
  constructor({ way, label, testid, onDrag }) {
    this.way = way;
    this.canvas = el("canvas", { class: "stage-canvas", role: "img", "aria-label": label, "data-testid": testid });
    this.element = this.canvas;
    this.scene = this.colours = null;
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
    this.listen(onDrag);
  }

  listen(onDrag) {
    const { canvas } = this, place = (event) => {
      const { clientWidth: width } = canvas, [low, high] = WINDOW;
      onDrag(low + (high - low) * clamp((event.offsetX - SIDE) / (width - 2 * SIDE), 0, 1));
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      place(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) place(event);
    });
  }

  show(scene) {
    this.scene = scene;
    this.draw();
  }

  theme(colours) {
    this.colours = colours;
    this.draw();
  }

  stop() {
    this.sizes.disconnect();
  }

  draw() {
    if (!this.scene || !this.colours) return;
    const ground = surface(this.canvas);
    if (!ground) return;
    const { context, width, height } = ground, tall = height - FOOT, [low, high] = WINDOW;
    const { f, mu, sigma, baseline } = this.scene, [least, most] = heightsOf(f, mu, sigma, baseline);
    const at = ([top, bottom]) => ({ top: top * tall, bottom: bottom * tall });
    this.bell = at(BELL);
    this.strip = at(STRIP);
    this.land = at(LAND);
    this.x = (z) => SIDE + (width - 2 * SIDE) * (z - low) / (high - low);
    this.y = (value) => this.land.bottom - (this.land.bottom - this.land.top) * (value - least) / (most - least);
    context.font = `${FONT}px ${this.family ??= getComputedStyle(this.canvas).fontFamily}`;
    context.lineJoin = context.lineCap = "round";
    this.drawFoot(context, width, height);
    this.drawLand(context, width);
    this.drawBell(context);
    this.drawDraws(context);
    this.drawPushes(context, width);
  }

  drawFoot(context, width, height) {
    context.strokeStyle = this.colours.edge;
    context.fillStyle = this.colours.quiet;
    context.lineWidth = 1;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.beginPath();
    for (const z of ticks(...WINDOW, 7)) {
      context.moveTo(Math.round(this.x(z)) + 0.5, 0);
      context.lineTo(Math.round(this.x(z)) + 0.5, height - FOOT + 3);
      context.fillText(String(z).replace("-", "−"), this.x(z), height - FOOT + 6);
    }
    context.stroke();
    context.textAlign = "right";
    context.fillText("z", width - 2, height - FOOT + 6);
  }

  /** f as a landscape; where heights are compared, the level they are compared with. */
  drawLand(context, width) {
    const { colours, land, scene: { f, baseline } } = this, { top, bottom } = land;
    context.save();
    context.beginPath();
    context.rect(0, top - 4, width, bottom - top + 4);
    context.clip();
    context.strokeStyle = context.fillStyle = colours.decoder;
    const path = () => {
      context.beginPath();
      for (let i = 0; i <= POINTS; i++) {
        const z = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * i / POINTS;
        context.lineTo(this.x(z), clamp(this.y(f.value(z)), top - 50, bottom + 50));
      }
    };
    path();
    context.lineTo(this.x(WINDOW[1]), bottom + 50);
    context.lineTo(this.x(WINDOW[0]), bottom + 50);
    context.globalAlpha = 0.14;
    context.fill();
    context.globalAlpha = 1;
    path();
    context.lineWidth = 2;
    context.stroke();
    context.restore();
    this.wordOfLand(context);
    if (baseline !== null) this.drawBaseline(context, width);
  }

  /** The name of f beside its curve, as far to the right as that can be seen. */
  wordOfLand(context) {
    const { land: { top, bottom }, scene: { f } } = this;
    for (let z = WINDOW[1] - 0.4; z > WINDOW[0]; z -= 0.1) {
      const y = this.y(f.value(z));
      if (y < top + 8 || y > bottom - 8) continue;
      this.word(context, "f(z)", this.x(z) + 8, y - 10, "decoder");
      return;
    }
  }

  drawBaseline(context, width) {
    const { scene: { baseline, others } } = this, at = this.y(baseline);
    context.strokeStyle = this.colours.text;
    context.globalAlpha = 0.7;
    context.lineWidth = 1.2;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(0, at);
    context.lineTo(width, at);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    this.word(context, others ? "mean of the others" : "C", 6, at < this.land.top + 16 ? at + 9 : at - 9, "text");
  }

  drawBell(context) {
    const { bell: { top, bottom }, colours, scene: { mu, sigma, by } } = this;
    const path = () => {
      context.beginPath();
      for (let i = 0; i <= POINTS; i++) {
        const z = WINDOW[0] + (WINDOW[1] - WINDOW[0]) * i / POINTS;
        context.lineTo(this.x(z), bottom - (bottom - top) * Math.exp(-0.5 * ((z - mu) / sigma) ** 2));
      }
    };
    context.strokeStyle = context.fillStyle = colours.encoder;
    path();
    context.globalAlpha = 0.2;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    path();
    context.stroke();
    const place = by === "mu" ? mu : mu + sigma, kind = by === "mu" ? "mu" : "sigma";
    context.strokeStyle = colours[kind];
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(this.x(place), by === "mu" ? top : bottom - (bottom - top) * Math.exp(-0.5));
    context.lineTo(this.x(place), this.strip.bottom);
    context.stroke();
    this.word(context, by === "mu" ? "μ" : "σ", this.x(place) + 6, top + 6, kind);
    this.word(context, "q(z)", this.x(mu - 1.5 * sigma) - 8, bottom - (bottom - top) * 0.42, "encoder", "right");
  }

  /** Balls between q and the land; when they have landed, what each of them knows. */
  drawDraws(context) {
    const { scene: { estimate, time, colour } } = this, landed = clamp(time / FALL, 0, 1), down = landed * landed;
    const shown = estimate.draws.slice(0, SHOWN), from = this.bell.bottom;
    context.strokeStyle = context.fillStyle = colour;
    context.save();
    context.beginPath();
    context.rect(0, 0, this.canvas.clientWidth, this.land.bottom + 6);
    context.clip();
    if (landed === 1) for (const draw of shown) this.drawKnowledge(context, draw, clamp((time - FALL) * 4, 0, 1));
    context.fillStyle = this.colours.z;
    context.strokeStyle = this.colours.page;
    context.lineWidth = 1;
    for (const { z, value } of shown) {
      context.beginPath();
      context.arc(this.x(z), from + (this.y(value) - from) * down, shown.length > 12 ? 3 : 4.5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.restore();
  }

  drawKnowledge(context, { z, value, slope, baseline }, grown) {
    const x = this.x(z), y = this.y(value);
    context.globalAlpha = this.scene.estimate.draws.length > 8 ? 0.5 : 1;
    context.lineWidth = 2;
    if (this.way === "pathwise") {                      // the slope, uphill, as far as it is steep
      const per = this.x(1) - this.x(0), rise = slope * (this.y(value + 1) - y), steep = Math.atan2(rise, per);
      const long = grown * clamp(Math.hypot(rise, per) * 0.25, 16, 46), way = Math.sign(slope);
      arrow(context, x, y, x + way * long * Math.cos(steep), y + way * long * Math.sin(steep), 9);
    } else {
      const level = this.y(baseline);
      context.lineWidth = 5;
      context.lineCap = "butt";
      context.beginPath();
      context.moveTo(x, level);
      context.lineTo(x, level + grown * (y - level));
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** What the draws say about q: their pushes below one another, and the mean of them as the bold arrow. */
  drawPushes(context, width) {
    const { scene, strip: { top, bottom }, colours } = this, { estimate, mu, sigma, by, unit, gradient, time } = scene;
    const begin = this.x(by === "mu" ? mu : mu + sigma), scale = unit * width;
    const rows = Math.min(ROWS, estimate.draws.length), step = (bottom - top - TITLE - 16) / ROWS;
    const grown = clamp((time - FALL) * 4, 0, 1);
    const end = (push) => clamp(begin + push * scale * grown, -30, width + 30);
    context.lineWidth = 2;
    context.strokeStyle = colours.text;
    context.setLineDash([3, 3]);
    context.globalAlpha = 0.8;
    context.beginPath();
    context.moveTo(begin + gradient * scale, top - 2);
    context.lineTo(begin + gradient * scale, bottom);
    context.stroke();
    context.setLineDash([]);
    if (grown > 0) {
      context.strokeStyle = context.fillStyle = scene.colour;
      context.globalAlpha = 0.6;
      context.lineWidth = 1.5;
      if (estimate.draws.length > 1) {
        estimate.draws.slice(0, rows).forEach((draw, i) => {
          const y = top + TITLE + (i + 0.5) * step;
          arrow(context, begin, y, end(draw[this.way]), y, 6);
        });
      }
      context.globalAlpha = 1;
      context.lineWidth = 4.5;
      arrow(context, begin, bottom - 8, end(estimate[this.way]), bottom - 8, 13);
    }
    context.globalAlpha = 1;
    if (grown === 1) this.wordOfEstimate(context, end(estimate[this.way]), begin, bottom - 8);
    const right = begin + gradient * scale < width - 70;
    this.word(context, "true gradient", begin + gradient * scale + (right ? 6 : -6), top + 5, "text",
              right ? "left" : "right");
  }

  /** The estimate as a number, beyond the tip of its arrow. */
  wordOfEstimate(context, tip, begin, y) {
    const value = this.scene.estimate[this.way], left = tip < begin;
    this.word(context, plain(value), tip + (left ? -8 : 8), y, this.scene.colour, left ? "right" : "left");
  }

  word(context, text, x, y, kind, align = "left") {
    const wide = context.measureText(text).width, left = clamp(align === "right" ? x - wide : x, 3,
                                                               this.canvas.clientWidth - wide - 3);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.globalAlpha = 0.75;
    context.fillStyle = this.colours.surface;
    context.fillRect(left - 2, y - 8, wide + 4, 16);
    context.globalAlpha = 1;
    context.fillStyle = this.colours[kind] ?? kind;
    context.fillText(text, left, y);
  }
}
