// One direction of the KL: the target, q, the draws that it looks at, and where it costs.

import { el, figure, setText } from "./dom.js";
import { costAt, logNormal, logTarget } from "./lab_kl_numbers.js";
import { surface } from "./plot.js";
import { count, parts } from "./scales.js";

const CEILING = 0.46;           // largest density that is shown; a higher q is cut off
const FOOT = 46, STRIP = 12, SIDE = 10;
const DEAR = 3;                 // nats: a draw that costs so much is fully red
const PIXELS = 2;               // of the strip, for each of its places
const SLOW = 90;                // pixels up for an e-th of the width
const LIMITS = { mean: 9, least: 0.3, most: 7 };

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** q moved by pixels: sideways its centre, up narrower. */
export const moved = ({ mean, std }, right, up) => ({
  mean: clamp(mean + right, -LIMITS.mean, LIMITS.mean),
  std: clamp(std * Math.exp(-up / SLOW), LIMITS.least, LIMITS.most),
});

const reachOf = ({ humps }) => Math.max(6, humps[1] + 4);

function layOut({ width, height }, target) {
  const reach = reachOf(target), base = height - FOOT, wide = width - 2 * SIDE;
  return { reach, base, width, height, x: (value) => SIDE + wide * (value / reach + 1) / 2, per: wide / (2 * reach),
           value: (px) => ((px - SIDE) / wide * 2 - 1) * reach,
           y: (density) => base - (base - 8) * Math.min(1, density / CEILING) };
}

function trace(context, place, log) {
  context.beginPath();
  for (let px = SIDE; px <= place.width - SIDE; px += 2) {
    context[px > SIDE ? "lineTo" : "moveTo"](px, place.y(Math.exp(log(place.value(px)))));
  }
}

function drawTarget(context, place, target, colours) {
  trace(context, place, (x) => logTarget(x, target));
  context.strokeStyle = context.fillStyle = colours.z;
  context.lineWidth = 1.6;
  context.stroke();
  context.lineTo(place.width - SIDE, place.base);
  context.lineTo(SIDE, place.base);
  context.globalAlpha = 0.28;
  context.fill();
  context.globalAlpha = 1;
}

function drawQ(context, place, q, colours, own) {
  trace(context, place, (x) => logNormal(x, q.mean, q.std));
  context.strokeStyle = colours.encoder;
  context.lineWidth = 3;
  context.setLineDash(own ? [8, 4] : []);
  context.stroke();
  context.setLineDash([]);
  const peak = place.y(Math.exp(logNormal(q.mean, q.mean, q.std)));
  context.fillStyle = colours.encoder;
  context.beginPath();
  context.arc(place.x(q.mean), peak, 6, 0, 2 * Math.PI);
  context.fill();
}

/** A strip under the picture, red where the KL comes from. */
function drawStrip(context, place, q, target, direction, colours) {
  const top = place.base + 18;
  context.fillStyle = colours.gap;
  for (let px = SIDE; px < place.width - SIDE; px += PIXELS) {
    context.globalAlpha = clamp(costAt(place.value(px + PIXELS / 2), q, target, direction) / 0.35, 0, 1);
    context.fillRect(px, top, PIXELS, STRIP);
  }
  context.globalAlpha = 1;
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.strokeRect(SIDE, top, place.width - 2 * SIDE, STRIP);
  context.fillStyle = colours.quiet;
  context.textBaseline = "top";
  context.textAlign = "center";
  context.fillText("red: where the KL comes from", place.width / 2, top + STRIP + 2);
}

function drawDots(context, place, { x, cost }, colour, colours) {
  x.forEach((value, i) => {
    const at = place.x(clamp(value, -place.reach, place.reach)), y = place.base + 3 + 4 * (i % 3);
    context.fillStyle = colour;
    context.globalAlpha = 0.75;
    context.beginPath();
    context.arc(at, y, 2.6, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = colours.gap;
    context.globalAlpha = clamp(cost[i] / DEAR, 0, 1);
    context.fill();
  });
  context.globalAlpha = 1;
}

/**
 * Args: direction "q_p" or "p_q"; title; asks, in words what it asks; colour of its draws; onMove(q) while q is moved
 * by hand.   Returns: { element, show({ target, seen, own }), theme, stop }: seen is the moment's part of this
 * direction; own, a q moved by hand with its exact KL, or null.
 */
export function createPanel({ direction, title, asks, colour, onMove }) {
  const canvas = el("canvas", { class: "kl-plane", role: "img", tabIndex: 0, "data-testid": `kl-${direction}` });
  const value = el("b", { class: "is-gap", "data-testid": `kl-value-${direction}` });
  const drawn = el("span", { class: "words", "data-testid": `kl-drawn-${direction}` });
  const element = el("section", { class: "kl-panel" },
    el("header", {}, el("h4", { class: `is-${colour}` }, title), value, drawn), el("p", { class: "words" }, asks), canvas);
  let shown = null, colours = null, place = null, held = null;
  const q = () => shown.own ?? shown.seen;

  function draw() {
    const ground = shown && colours ? surface(canvas) : null;
    if (!ground) return;
    const { context } = ground, { target, seen, own } = shown;
    place = layOut(ground, target);
    context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
    context.lineJoin = "round";
    drawTarget(context, place, target, colours);
    drawQ(context, place, q(), colours, own !== null);
    drawStrip(context, place, q(), target, direction, colours);
    if (!own) drawDots(context, place, seen, colours[colour], colours);
  }

  const sizes = new ResizeObserver(draw);
  sizes.observe(canvas);
  canvas.addEventListener("pointerdown", (event) => {
    if (!place) return;
    held = { x: event.offsetX, y: event.offsetY, q: { mean: q().mean, std: q().std } };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) onMove(moved(held.q, (event.offsetX - held.x) / place.per, held.y - event.offsetY));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 6], ArrowDown: [0, -6] }[event.key];
    if (!way || !shown) return;
    event.preventDefault();
    event.stopPropagation();
    onMove(moved({ mean: q().mean, std: q().std }, ...way));
  });

  return {
    element,
    show(next) {
      shown = next;
      const { seen, own } = next, [mean, stderr, n] = seen.drawn, exact = own ? own[direction] : seen.own;
      setText(value, `${figure(Math.max(0, exact), 3)} nats`);
      const told = parts({ value: mean, stderr });
      setText(drawn, own ? "exact, of this q" : `exact · by ${count(n)} draws ${told.value} ${told.error}`);
      canvas.setAttribute("aria-label", `${title}: q has its centre at ${figure(q().mean)} and the width ${figure(q().std)}; `
        + `the KL is ${figure(exact, 3)} nats. Drag q, or use the arrow keys.`);
      draw();
    },
    theme(given) {
      colours = given;
      draw();
    },
    stop: () => sizes.disconnect(),
  };
}
