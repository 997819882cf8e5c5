// One map of the demonstration of holes: where codes lie, where darts fall, and the holes between. Numbers first, then
// the canvas.

import { classColours } from "./colours.js";
import { el } from "./dom.js";
import { FONT, surface } from "./plot.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLACE = new Map([...LETTERS].map((letter, i) => [letter, i]));
const LOW = -6, HIGH = 3;                   // nats of the first and the last letter
export const HOLE = -Math.log(10);          // log(q / p) below this is a hole, as in holes_map.py
const CIRCLES = [1.1774, 2.146];           // radii that hold half of the darts, and nine tenths
const FULL = 0.09;                          // a density of codes that takes nearly two thirds of the colour
const DART = 8.5;                           // pixels

/** log(q / p) of the squares, nats, the first axis z1; and of text that `levels` of holes.py wrote. */
export const ratiosOf = (text) => Float64Array.from(text, (letter) => LOW + (HIGH - LOW) * PLACE.get(letter) / 63);

/** Places [[z1, z2], ...] out of pairs of letters. */
export function placesOf(text, reach) {
  const found = [];
  for (let i = 0; i + 3 < text.length; i += 4) {
    const at = (k) => ((64 * PLACE.get(text[i + k]) + PLACE.get(text[i + k + 1])) / 4095 - 0.5) * 2 * reach;
    found.push([at(0), at(2)]);
  }
  return found;
}

/** log(q / p) of the square in which a place lies; null outside of the map. */
export function ratioAt(ratios, squares, reach, [u, v]) {
  const [i, j] = [u, v].map((z) => Math.floor((z + reach) / (2 * reach) * squares));
  return i < 0 || j < 0 || i >= squares || j >= squares ? null : ratios[i * squares + j];
}

/** What q / p means, in words. */
export function ratioWords(ratio) {
  if (ratio === null) return "off the map";
  if (ratio < LOW + 0.01) return "a hole: codes are over 400 times too rare";
  const times = Math.exp(Math.abs(ratio)), written = times < 10 ? times.toFixed(1) : Math.round(times);
  if (Math.abs(ratio) < 0.15) return "as many codes as darts";
  const than = ratio > 0 ? `${written} times as many codes as darts` : `codes are ${written} times too rare`;
  return ratio < HOLE ? `a hole: ${than}` : than;
}

const rgb = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);

/** Numbers of a computed colour; `color(srgb r g b)` has them in 0..1. */
const bytesOf = (colour) => rgb(colour).map((v) => (colour.startsWith("color(") ? 255 * v : v));

/** The squares as a small picture: purple where codes are, red where darts fall and codes are not. */
export function shadeOf(ratios, squares, reach, codes, hole) {
  const bytes = new Uint8ClampedArray(4 * squares * squares), step = 2 * reach / squares;
  for (let i = 0; i < squares; i++) {
    for (let j = 0; j < squares; j++) {
      const u = -reach + (i + 0.5) * step, v = -reach + (j + 0.5) * step, ratio = ratios[i * squares + j];
      const prior = Math.exp(-(u * u + v * v) / 2), density = prior / (2 * Math.PI) * Math.exp(ratio);
      const at = 4 * ((squares - 1 - j) * squares + i), empty = ratio < HOLE && prior > 0.04;
      const [r, g, b] = empty ? hole : codes;
      bytes.set([r, g, b, 255 * (empty ? 0.2 + 0.5 * prior : 0.8 * (1 - Math.exp(-density / FULL)))], at);
    }
  }
  return bytes;
}

/**
 * The canvas of a map. Args: number, for tests; onPoint([z1, z2] or null) as the pointer moves over it.
 * Returns: { element, show(map or null, first moment, digits of the dots), theme(colours, theme), mark(place or null), stop() }.
 */
export function createMap({ number, label, onPoint }) {
  const canvas = el("canvas", { class: "holes-canvas", role: "img", "aria-label": label,
                                "data-testid": `holes-map-${number}` });
  let now = null, look = null, pointed = null;
  const toPixel = ([u, v], side, reach) => [(u + reach) / (2 * reach) * side, (reach - v) / (2 * reach) * side];

  function draw() {
    const ground = now && look ? surface(canvas) : null;
    if (!ground) return;
    const { context, width: side } = ground, { beginning: { reach, squares, darts }, labels, map } = now;
    const at = (place) => toPixel(place, side, reach);
    context.imageSmoothingEnabled = true;
    if (map) context.drawImage(shaded(map, squares, reach), 0, 0, side, side);
    drawCircles(context, at, side / (2 * reach));
    if (map) placesOf(map.dots, reach).forEach((place, i) => dot(context, at(place), look.classes[labels[i]]));
    darts.forEach((place, i) => drawDart(context, at(place), String(i + 1), map?.lost[i] ? "gap" : "decoder"));
    if (map?.hole) drawHole(context, at(map.hole), side);
    if (pointed) cross(context, at(pointed));
  }

  function shaded(map, squares, reach) {
    if (look.shade?.of !== map.map) {
      const picture = new OffscreenCanvas(squares, squares);
      const bytes = shadeOf(ratiosOf(map.map), squares, reach, bytesOf(look.colours.encoder), bytesOf(look.colours.gap));
      picture.getContext("2d").putImageData(new ImageData(bytes, squares, squares), 0, 0);
      look.shade = { of: map.map, picture };
    }
    return look.shade.picture;
  }

  function drawCircles(context, at, scale) {
    const [x, y] = at([0, 0]);
    context.setLineDash([4, 4]);
    context.strokeStyle = context.fillStyle = look.colours.text;
    context.globalAlpha = 0.75;
    context.lineWidth = 1.2;
    context.font = `${FONT}px ${getComputedStyle(canvas).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    for (const radius of CIRCLES) {
      context.beginPath();
      context.arc(x, y, radius * scale, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
    written(context, "circles: 5 and 9 of 10 darts", x, 2 * y - 4);
    context.globalAlpha = 1;
  }

  /** Words with a rim in the page's colour, so that they can be read on any ground. */
  function written(context, words, x, y) {
    context.save();
    context.setLineDash([]);
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = look.colours.page;
    context.strokeText(words, x, y);
    context.fillText(words, x, y);
    context.restore();
  }

  function dot(context, [x, y], colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, 2.3, 0, 2 * Math.PI);
    context.fill();
  }

  function drawDart(context, [x, y], words, kind) {
    context.beginPath();
    context.arc(x, y, DART, 0, 2 * Math.PI);
    context.fillStyle = look.colours.page;
    context.fill();
    context.lineWidth = 2.2;
    context.strokeStyle = context.fillStyle = look.colours[kind];
    context.stroke();
    context.font = `600 ${FONT}px ${getComputedStyle(canvas).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(words, x, y + 0.5);
  }

  function drawHole(context, [x, y], side) {
    context.beginPath();
    context.arc(x, y, 12, 0, 2 * Math.PI);
    context.lineWidth = 2.5;
    context.strokeStyle = context.fillStyle = look.colours.gap;
    context.stroke();
    context.font = `600 ${FONT + 1}px ${getComputedStyle(canvas).fontFamily}`;
    context.textAlign = x > side / 2 ? "right" : "left";
    context.textBaseline = "middle";
    written(context, "hole", x + (x > side / 2 ? -16 : 16), y);
  }

  function cross(context, [x, y]) {
    context.strokeStyle = look.colours.text;
    context.lineWidth = 1.5;
    context.strokeRect(x - 5, y - 5, 10, 10);
  }

  const place = (event) => {
    if (!now) return null;
    const { reach } = now.beginning, { clientWidth: side } = canvas;
    return [(event.offsetX / side - 0.5) * 2 * reach, (0.5 - event.offsetY / side) * 2 * reach];
  };
  for (const name of ["pointermove", "pointerdown"]) canvas.addEventListener(name, (event) => onPoint(place(event)));
  canvas.addEventListener("pointerleave", () => onPoint(null));
  const sizes = new ResizeObserver(draw);
  sizes.observe(canvas);
  return {
    element: canvas,
    show(map, beginning, labels) {
      now = { map, beginning, labels };
      draw();
    },
    mark(where) {
      pointed = where;
      draw();
    },
    theme(colours, theme) {
      look = { colours, classes: classColours(theme, 10), shade: null };
      draw();
    },
    stop: () => sizes.disconnect(),
  };
}
