// The map of codes: of each image the cloud of where its code really lies, and the outline of what the encoder says.

import { el } from "./dom.js";
import { reachOf, scaleFor } from "./plane.js";
import { surface } from "./plot.js";

export const WINDOW = [-3, 3, -3, 3];    // standard deviations of the prior
const TOP = 35;                 // the highest character of a cloud: the square root of its share of the densest place
const DARKEST = 0.75;           // of the colour, where a cloud is densest
const SHARE = 0.9;              // of q inside its outline
const RINGS = [1, 2];           // of the prior, standard deviations

/** A cloud as it came [left, low, distance, columns, text] -> { box [left, right, low, high], size, share [0..1] }. */
export function readCloud([left, low, distance, columns, text]) {
  const share = Float64Array.from(text, (letter) => (parseInt(letter, 36) / TOP) ** 2), rows = share.length / columns;
  const half = distance / 2;
  return { size: [columns, rows], share,
           box: [left - half, left + (columns - 0.5) * distance, low - half, low + (rows - 0.5) * distance] };
}

/** A cloud as a small picture with the densest place the least transparent. */
function paint({ size: [w, h], share }, colour) {
  const canvas = new OffscreenCanvas(w, h), context = canvas.getContext("2d");
  context.fillStyle = colour;
  for (let j = 0; j < h; j++) {
    for (let i = 0; i < w; i++) {
      context.globalAlpha = DARKEST * share[j * w + i];
      context.fillRect(i, h - 1 - j, 1, 1);
    }
  }
  return canvas;
}

function drawGround(context, scale, { left, top, width, height }, colours) {
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  const [x, y] = scale.toPixel(0, 0);
  for (const ring of RINGS) {
    context.beginPath();
    context.arc(x, y, ring * scale.ku, 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawCloud(context, scale, cloud, colours) {
  const { box: [u0, u1, v0, v1] } = cloud, [x, y] = scale.toPixel(u0, v1), [right, low] = scale.toPixel(u1, v0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(paint(cloud, colours.z), x, y, right - x, low - y);
}

function drawGuess(context, scale, [u, v, su, sv], colours) {
  const [x, y] = scale.toPixel(u, v), reach = reachOf(SHARE);
  for (const [wide, colour] of [[5, colours.page], [2.6, colours.encoder]]) {
    context.beginPath();
    const radii = [su * reach * scale.ku, sv * reach * scale.kv].map((radius) => Math.max(1.5, radius));
    context.ellipse(x, y, ...radii, 0, 0, 2 * Math.PI);
    context.lineWidth = wide;
    context.strokeStyle = colour;
    context.stroke();
  }
}

/** The digit that an image shows, over its guess. */
function drawName(context, scale, [u, v], digit, colours) {
  const [x, y] = scale.toPixel(u, v);
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colours.page;
  context.strokeText(digit, x, y);
  context.fillStyle = colours.input;
  context.fillText(digit, x, y);
}

/** Returns: { element, show(data of a VAE, digits), theme(colours), stop() }. */
export function createMap(number) {
  const canvas = el("canvas", { class: "tl-map", role: "img", "data-testid": `tl-map-${number}`,
                                "aria-label": "the map of codes" });
  const element = el("div", { class: "tl-mapbox" }, canvas);
  let shown = null, colours = null;

  function draw() {
    const ground = shown && colours && surface(canvas);
    if (!ground) return;
    const { context, width, height } = ground, side = Math.min(width, height);
    const box = { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side };
    const scale = scaleFor(WINDOW, box);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, side, side);
    context.clip();
    drawGround(context, scale, box, colours);
    for (const cloud of shown.data.clouds) drawCloud(context, scale, readCloud(cloud), colours);
    for (const q of shown.data.q) drawGuess(context, scale, q, colours);
    context.font = `700 15px ${getComputedStyle(canvas).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    shown.data.q.forEach((q, i) => drawName(context, scale, q, String(shown.digits[i]), colours));
    context.restore();
  }

  const sizes = new ResizeObserver(draw);
  sizes.observe(canvas);
  return {
    element,
    show(data, digits) {
      shown = { data, digits };
      canvas.setAttribute("aria-label", `Map of codes: ${digits.map((digit, i) => (
        `the guess for the ${digit} at ${data.q[i][0].toFixed(1)}, ${data.q[i][1].toFixed(1)}`)).join("; ")}`);
      draw();
    },
    theme(now) {
      colours = now;
      draw();
    },
    stop: () => sizes.disconnect(),
  };
}
