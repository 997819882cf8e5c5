// A plane of two latent dimensions: a density as shade and lines, ellipses of Gaussians, dots; what lies under the
// pointer; points that a hand can move.

import { cellArea, contourLines, ellipseOf, levelsOf } from "./contours.js";
import { el, setText } from "./dom.js";
import { FONT, surface } from "./plot.js";
import { tickText, ticks } from "./scales.js";

export const SHARES = [0.5, 0.9];       // of the probability inside the lines, of densities and Gaussians alike
const LEFT = 38, BOTTOM = 34, TOP = 8, RIGHT = 8;
const SHADE = 0.62;                     // of the colour where a density is highest
const STRETCHED = 4;                    // windows longer than this get a scale for each axis
const REACH = 12;                       // pixels around a handle that take hold of it

/** Standard deviations of the ellipse that holds a share of a Gaussian in the plane. */
export const reachOf = (share) => Math.sqrt(-2 * Math.log(1 - share));

/** Places and pixels of a window in a box: one scale for both axes unless the window is too long for that. */
export function scaleFor([u0, u1, v0, v1], { left, top, width, height }) {
  const ratio = (u1 - u0) / (v1 - v0), each = [width / (u1 - u0), height / (v1 - v0)];
  const stretched = ratio > STRETCHED || ratio < 1 / STRETCHED, k = Math.min(...each);
  const [ku, kv] = stretched ? each : [k, k];
  const x0 = left + width / 2 - ((u0 + u1) / 2) * ku, y0 = top + height / 2 + ((v0 + v1) / 2) * kv;
  return {
    stretched, ku, kv,
    toPixel: (u, v) => [x0 + u * ku, y0 - v * kv],
    toData: (x, y) => [(x - x0) / ku, (y0 - y) / kv],
    window: [(left - x0) / ku, (left + width - x0) / ku, (y0 - top - height) / kv, (y0 - top) / kv],
  };
}

/** Red, green and blue of a CSS colour. */
function rgbOf(colour) {
  const canvas = new OffscreenCanvas(1, 1), context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}

/** A density as a picture of w x h pixels: the colour, the more of it the denser; the upper row is the last one. */
export function shadeOf(density, [w, h], [r, g, b]) {
  const bytes = new Uint8ClampedArray(4 * w * h), most = density.reduce((m, v) => Math.max(m, v), -Infinity);
  for (let j = 0; j < h; j++) {
    for (let i = 0; i < w; i++) {
      const at = 4 * ((h - 1 - j) * w + i);
      bytes[at] = r;
      bytes[at + 1] = g;
      bytes[at + 2] = b;
      bytes[at + 3] = 255 * SHADE * Math.exp(density[j * w + i] - most);
    }
  }
  return bytes;
}

/**
 * Args: label; testid; height in pixels; readout(u, v) -> [[text, colour or null], ...] or null; handles() ->
 *   [{ at: [u, v], name, colour, moved(u, v) }] that a hand may move; dropped() when it lets go.
 * show(scene): window [u0, u1, v0, v1]; titles [across, up]; density { values (logs), size, window, colour } or null;
 *   ellipses [{ mean, covariance, colour, dash, fill, centre: colour of a dot there, or false }];
 *   points { values, colour } or null.
 */
export class Plane {
  constructor({ label, testid, height = 380, readout = () => null, handles = () => [], dropped = () => {} }) {
    this.canvas = el("canvas", { class: "plane", role: "img", "aria-label": label, "data-testid": testid,
                                 style: `height:${height}px` });
    this.tip = el("div", { class: "tip", hidden: true });
    this.element = el("div", { class: "planebox" }, this.canvas, this.tip);
    Object.assign(this, { readout, handles, dropped, scene: null, colours: null, held: null });
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.take(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.drop(event));
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(canvas);
  }

  show(scene) {
    this.scene = scene;
    this.draw();
  }

  theme(colours) {
    this.colours = colours;
    this.shaded = null;
    this.draw();
  }

  stop() {
    this.observer.disconnect();
  }

  /** The handle under a place of the canvas, or null: the nearest within reach. */
  handleAt(x, y) {
    if (!this.scale) return null;
    const far = ({ at }) => Math.hypot(...this.scale.toPixel(...at).map((v, i) => v - [x, y][i]));
    return this.handles().map((handle) => ({ handle, far: far(handle) })).filter((one) => one.far <= REACH)
      .sort((a, b) => a.far - b.far)[0]?.handle ?? null;
  }

  take(event) {
    if (event.button > 0 || this.held) return;
    const handle = this.handleAt(event.offsetX, event.offsetY);
    if (!handle) return;
    this.held = { name: handle.name, pointer: event.pointerId, scale: this.scale };
    this.tip.hidden = true;
    this.canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  moved(event) {
    const { offsetX: x, offsetY: y } = event;
    if (this.held) {
      if (event.pointerId === this.held.pointer) {
        this.handles().find(({ name }) => name === this.held.name)?.moved(...this.held.scale.toData(x, y));
      }
      return;
    }
    this.canvas.style.cursor = this.handleAt(x, y) ? "grab" : "";
    this.tell(x, y);
  }

  drop(event) {
    if (this.held?.pointer !== event.pointerId) return;
    this.held = null;
    this.dropped();
  }

  /** The read-out beside the pointer. */
  tell(x, y) {
    const lines = this.scale && this.scene ? this.readout(...this.scale.toData(x, y)) : null;
    this.tip.hidden = !lines;
    if (!lines) return;
    while (this.tip.children.length > lines.length) this.tip.lastChild.remove();
    lines.forEach(([text, kind], i) => {
      const row = this.tip.children[i] ?? this.tip.appendChild(el("div", {}));
      row.className = kind ? `is-${kind}` : "head";
      setText(row, text);
    });
    const { offsetWidth: wide, offsetHeight: high } = this.tip;
    const right = x + 14 + wide > this.canvas.clientWidth ? Math.max(0, x - 14 - wide) : x + 14;
    const down = Math.min(Math.max(0, y - high / 2), Math.max(0, this.canvas.clientHeight - high));
    this.tip.style.transform = `translate(${right.toFixed(0)}px, ${down.toFixed(0)}px)`;
  }

  draw() {
    if (!this.scene || !this.colours) return;
    const ground = surface(this.canvas);
    if (!ground) return;
    const { context, width, height } = ground, { scene } = this;
    const box = { left: LEFT, top: TOP, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM };
    const scale = this.scale = this.held?.scale ?? scaleFor(scene.window, box);
    context.font = `${FONT}px ${this.family ??= getComputedStyle(this.canvas).fontFamily}`;
    this.drawAxes(context, box);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    if (scene.density) this.drawDensity(context, scene.density);
    if (scene.points) this.drawPoints(context, scene.points);
    for (const ellipse of scene.ellipses ?? []) this.drawEllipse(context, ellipse);
    for (const { at, colour } of this.handles()) this.drawHandle(context, scale.toPixel(...at), colour);
    context.restore();
  }

  drawAxes(context, { left, top, width, height }) {
    const { scale, colours, scene: { titles } } = this, [u0, u1, v0, v1] = scale.window;
    const across = ticks(u0, u1, width / 80), up = ticks(v0, v1, height / 60), stride = (v) => v[1] - v[0] || 1;
    context.strokeStyle = colours.edge;
    context.fillStyle = colours.quiet;
    context.lineWidth = 1;
    context.beginPath();
    context.textBaseline = "top";
    context.textAlign = "center";
    for (const value of across) {
      const x = Math.round(scale.toPixel(value, 0)[0]) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.fillText(tickText(value, stride(across)), Math.min(x, left + width - 8), top + height + 4);
    }
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of up) {
      const y = Math.round(scale.toPixel(0, value)[1]) + 0.5;
      context.moveTo(left, y);
      context.lineTo(left + width, y);
      context.fillText(tickText(value, stride(up)), left - 5, y);
    }
    context.stroke();
    context.font = `600 ${context.font}`;
    context.textBaseline = "bottom";
    context.fillText(`${titles[0]} →`, left + width, top + height + BOTTOM - 1);
    context.textBaseline = "top";
    context.textAlign = "left";
    context.lineWidth = 4;
    context.strokeStyle = colours.surface;
    context.strokeText(`↑ ${titles[1]}`, left + 5, top + 3);
    context.fillText(`↑ ${titles[1]}`, left + 5, top + 3);
    context.font = context.font.replace("600 ", "");
  }

  drawDensity(context, density) {
    const { values, size, window: [u0, u1, v0, v1], colour } = density, { scale, colours } = this;
    if (this.shaded?.of !== values) {
      const picture = new OffscreenCanvas(...size), shade = shadeOf(values, size, rgbOf(colours[colour]));
      picture.getContext("2d").putImageData(new ImageData(shade, ...size), 0, 0);
      const levels = levelsOf(values, cellArea(size, density.window), SHARES);
      this.shaded = { of: values, picture, lines: contourLines(values, size, density.window, levels) };
    }
    const half = [(u1 - u0) / (size[0] - 1) / 2, (v1 - v0) / (size[1] - 1) / 2];     // nodes are the middles of pixels
    const [x, y] = scale.toPixel(u0 - half[0], v1 + half[1]), [right, low] = scale.toPixel(u1 + half[0], v0 - half[1]);
    context.imageSmoothingEnabled = true;
    context.drawImage(this.shaded.picture, x, y, right - x, low - y);
    context.strokeStyle = colours[colour];
    context.lineWidth = 1.8;
    context.lineJoin = "round";
    context.beginPath();
    const { lines } = this.shaded;
    for (let i = 0, begun = false; i < lines.length; i += 2) {
      if (Number.isNaN(lines[i])) {
        begun = false;
        continue;
      }
      const at = scale.toPixel(lines[i], lines[i + 1]);
      if (begun) context.lineTo(...at);
      else context.moveTo(...at);
      begun = true;
    }
    context.stroke();
  }

  drawPoints(context, { values, colour }) {
    context.fillStyle = this.colours[colour];
    context.globalAlpha = 0.5;
    for (let i = 0; i + 1 < values.length; i += 2) {
      const [x, y] = this.scale.toPixel(values[i], values[i + 1]);
      context.fillRect(x - 1.2, y - 1.2, 2.4, 2.4);
    }
    context.globalAlpha = 1;
  }

  /** A Gaussian's lines; with one scale for each axis they are drawn in the plane and then stretched. */
  drawEllipse(context, { mean, covariance, colour, dash = null, fill = false, centre = false }) {
    const { scale, colours } = this, [x, y] = scale.toPixel(...mean);
    for (const share of SHARES) {
      const { radii, angle } = ellipseOf(covariance, reachOf(share));
      context.save();
      context.translate(x, y);
      context.scale(scale.ku, -scale.kv);
      context.beginPath();
      context.ellipse(0, 0, Math.max(radii[0], 1 / scale.ku), Math.max(radii[1], 1 / scale.kv), angle, 0, 2 * Math.PI);
      context.restore();                // the path stays, the line keeps its width
      if (fill) this.fill(context, colours[colour]);
      context.setLineDash([]);
      for (const [wide, stroke] of dash ? [[2, colours[colour]]] : [[4, colours.surface], [2.2, colours[colour]]]) {
        context.setLineDash(dash ?? []);
        context.lineWidth = wide;
        context.strokeStyle = stroke;
        context.stroke();
      }
      context.setLineDash([]);
    }
    if (!centre) return;
    context.fillStyle = colours[centre];
    context.beginPath();
    context.arc(x, y, 3.2, 0, 2 * Math.PI);
    context.fill();
  }

  fill(context, colour) {
    context.globalAlpha = SHADE / 3;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
  }

  drawHandle(context, [x, y], colour) {
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.fillStyle = this.colours.page;
    context.fill();
    context.lineWidth = 2.5;
    context.strokeStyle = this.colours[colour];
    context.stroke();
  }
}
