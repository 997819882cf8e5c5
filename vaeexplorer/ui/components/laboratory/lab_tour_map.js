// The tour's map: at every place what the decoder paints there; on it digits, a cloud, draws, the posterior, and the
// place that a hand moves.

import { classColours } from "./colours.js";
import { cellArea, contourLines, levelsOf } from "./contours.js";
import { el } from "./dom.js";
import { writePicture } from "./pictures.js";
import { SHARES, reachOf } from "./plane.js";
import { surface } from "./plot.js";

export const WHOLE = { middle: [0, 0], half: 2.8 };     // of the map: nearly all codes of digits lie inside
const TILES = 13;                       // pictures along each side
const APART = 1;                        // pixels of a picture, around it
const QUIET = 0.55;                     // how much of the pictures is seen where something else matters

/** The decoder's pictures over a view of the map, as a canvas. */
export function paintTiles(decode, [channels, height, width], { middle, half }) {
  const [across, down] = [width + 2 * APART, height + 2 * APART];
  const canvas = new OffscreenCanvas(TILES * across, TILES * down), context = canvas.getContext("2d");
  const picture = new ImageData(width, height), pixels = new Uint32Array(picture.data.buffer);
  for (let k = 0; k < TILES * TILES; k++) {
    const i = k % TILES, j = Math.floor(k / TILES);
    const place = [i, TILES - 1 - j].map((n, axis) => middle[axis] + ((n + 0.5) / TILES * 2 - 1) * half);
    writePicture(decode(place), [channels, height, width], pixels);
    context.putImageData(picture, i * across + APART, j * down + APART);
  }
  return canvas;
}

/**
 * Args: brain { decode, shape }; label; onmove([z1, z2]) while a hand moves the place.
 * show(scene): view { middle, half } (the whole map if it is left out); movable; quiet (pictures less bright);
 * digits { places, labels }; prior (its circles); cloud { mean, std }; draws [[z1, z2], ...]; place [z1, z2] in the
 * colour `kind`; posterior { values (logs), size, window }.
 */
export class TourMap {
  constructor(brain, { label, onmove = () => {} }) {
    this.element = el("canvas", { class: "tour-map", role: "img", "aria-label": label, "data-testid": "tour-map" });
    Object.assign(this, { brain, onmove, scene: null, tiles: null, colours: null, held: null,
                          classes: classColours("dark", 10) });
    const canvas = this.element;
    canvas.addEventListener("pointerdown", (event) => this.take(event));
    canvas.addEventListener("pointermove", (event) => this.held === event.pointerId && this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { this.held = null; });
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(canvas);
  }

  get view() { return this.scene?.view ?? WHOLE; }

  show(scene) {
    const before = this.scene && this.view;
    this.scene = scene;
    if (this.view !== before) this.tiles = paintTiles(this.brain.decode, this.brain.shape, this.view);
    this.element.classList.toggle("movable", Boolean(scene.movable));
    this.draw();
  }

  /** The map is black in both themes: its style sheet has the shades for that. */
  theme(colours) {
    const own = getComputedStyle(this.element), shade = (kind) => own.getPropertyValue(`--${kind}`).trim();
    this.colours = Object.fromEntries(Object.entries(colours).map(([kind, colour]) => [kind, shade(kind) || colour]));
    this.draw();
  }

  stop() {
    this.sizes.disconnect();
  }

  take(event) {
    if (event.button > 0 || !this.scene?.movable) return;
    this.held = event.pointerId;
    this.element.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.move(event);
  }

  move({ offsetX, offsetY }) {
    const { clientWidth: w, clientHeight: h } = this.element, { middle, half } = this.view;
    const keep = (v) => half * Math.min(1, Math.max(-1, v));
    this.onmove([middle[0] + keep(offsetX / w * 2 - 1), middle[1] + keep(1 - offsetY / h * 2)]);
  }

  draw() {
    const ground = this.colours && this.scene && surface(this.element);
    if (!ground) return;
    const { context, width } = ground, { scene, view: { middle, half } } = this, k = width / (2 * half);
    const at = ([u, v]) => [(u - middle[0] + half) * k, (half - v + middle[1]) * k];
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, width);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = scene.quiet ? QUIET : 1;
    context.drawImage(this.tiles, 0, 0, width, width);
    context.globalAlpha = 1;
    if (scene.prior) this.ellipses(context, at([0, 0]), [k, k], this.colours.z, [7, 5]);
    if (scene.digits) this.drawDigits(context, at, scene.digits);
    if (scene.cloud) this.drawCloud(context, at, k, scene.cloud);
    if (scene.posterior) this.drawPosterior(context, at, scene.posterior);
    for (const place of scene.draws ?? []) this.disc(context, at(place), 3.5, this.colours.noise);
    if (scene.place) this.drawPlace(context, at(scene.place), this.colours[scene.kind ?? "z"]);
  }

  /** What digits are, at their places: each as its numeral in its colour. */
  drawDigits(context, at, { places, labels }) {
    const { fontSize, fontFamily } = getComputedStyle(this.element);
    context.font = `700 ${fontSize} ${fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3.5;
    context.strokeStyle = "#000";
    places.forEach((place, i) => {
      context.strokeText(labels[i], ...at(place));
      context.fillStyle = this.classes[labels[i]];
      context.fillText(labels[i], ...at(place));
    });
  }

  disc(context, [x, y], radius, colour) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = "#000";
    context.stroke();
  }

  /** The lines that hold half and nine tenths of an upright cloud. */
  ellipses(context, [x, y], radii, colour, dash = [], fill = false) {
    for (const reach of SHARES.map(reachOf)) {
      context.beginPath();
      context.ellipse(x, y, ...radii.map((radius) => Math.max(1, radius * reach)), 0, 0, 2 * Math.PI);
      if (fill) {
        context.fillStyle = colour;
        context.globalAlpha = 0.2;
        context.fill();
        context.globalAlpha = 1;
      }
      this.stroke(context, colour, dash);
    }
  }

  drawCloud(context, at, k, { mean, std }) {
    this.ellipses(context, at(mean), std.map((width) => width * k), this.colours.encoder, [], true);
    this.disc(context, at(mean), 5, this.colours.mu);
  }

  stroke(context, colour, dash = []) {
    context.setLineDash(dash);
    for (const [wide, style] of [[5, "rgb(0 0 0 / 70%)"], [2.5, colour]]) {
      context.lineWidth = wide;
      context.strokeStyle = style;
      context.stroke();
    }
    context.setLineDash([]);
  }

  drawPosterior(context, at, { values, size, window }) {
    if (this.lines?.of !== values) {
      const levels = levelsOf(values, cellArea(size, window), SHARES);
      this.lines = { of: values, points: contourLines(values, size, window, levels) };
    }
    const { points } = this.lines;
    context.beginPath();
    for (let i = 0, begun = false; i < points.length; i += 2) {
      if (Number.isNaN(points[i])) begun = false;
      else {
        const place = at([points[i], points[i + 1]]);
        if (begun) context.lineTo(...place);
        else context.moveTo(...place);
        begun = true;
      }
    }
    context.lineJoin = "round";
    this.stroke(context, this.colours.decoder);
  }

  drawPlace(context, [x, y], colour) {
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.fillStyle = "rgb(0 0 0 / 35%)";
    context.fill();
    this.stroke(context, colour);
    this.disc(context, [x, y], 2.5, colour);
  }
}
