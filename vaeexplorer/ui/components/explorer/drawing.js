// A canvas to draw on: white on black, as MNIST has it. The model's answer follows the pen.

import { button, el } from "./dom.js";

const INK = 112;                // pixels along the longer side of what is sent

/** Strokes on a black canvas as floats in [0, 1], row by row. */
function pixelsOf(context, width, height) {
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) => Math.round(data[4 * i] / 2.55) / 100);
}

/**
 * Args: shape [C, H, W]; send({ width, height, pixels }, finished) -> Promise. While one request is under way, only the
 * newest drawing waits.  Returns: { element }.
 */
export function createDrawing({ shape, send }) {
  const [, high, wide] = shape, scale = INK / Math.max(high, wide);
  const width = Math.round(wide * scale), height = Math.round(high * scale), nib = INK / 11;
  const canvas = el("canvas", { class: "paper", width, height, role: "img", "aria-label": "drawing, empty" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let erasing = false, last = null, busy = false, waiting = null;

  const clear = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    canvas.setAttribute("aria-label", "drawing, empty");
  };
  const submit = async (finished) => {
    if (busy) {
      waiting = { finished: finished || waiting?.finished };
      return;
    }
    const pixels = pixelsOf(context, width, height);
    if (!pixels.some((value) => value > 0)) return;       // all rubbed out: nothing to encode
    busy = true;
    await send({ width, height, pixels }, finished);
    busy = false;
    if (waiting) {
      const { finished: done } = waiting;
      waiting = null;
      submit(done);
    }
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  };
  const stroke = (event) => {
    const point = at(event);
    context.strokeStyle = context.fillStyle = erasing ? "#000" : "#fff";
    context.lineWidth = erasing ? 2 * nib : nib;
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...point);
    context.stroke();
    context.beginPath();            // the round end, which a line of length 0 does not have
    context.arc(...point, context.lineWidth / 2, 0, 2 * Math.PI);
    context.fill();
    last = point;
    canvas.setAttribute("aria-label", "drawing");
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke(event);
    submit(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) stroke(part);
    submit(false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) submit(true);
      last = null;
    });
  }
  clear();
  const tool = (iconName, words, erases) => {
    const toggle = button(iconName, words, () => {
      erasing = erases;
      for (const other of [pen, eraser]) other.setAttribute("aria-pressed", String((other === eraser) === erasing));
    });
    toggle.setAttribute("aria-pressed", String(!erases));
    return toggle;
  };
  const pen = tool("pen", "Pen", false), eraser = tool("eraser", "Eraser", true);
  return {
    element: el("div", { class: "draw" }, canvas,
                el("div", { class: "tools" }, pen, eraser, button("reset", "Clear", clear)),
                el("p", { class: "words" }, "Draw with the mouse or a finger. What you draw is centred and scaled as ",
                      "the training images were, then encoded; the large picture is what the model makes of it.")),
  };
}
