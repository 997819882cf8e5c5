// A canvas to draw on: white on black, as MNIST has it. The model's answer follows the pen.

import { button, el } from "./dom.js";

const INK = 112;                // pixels along the longer side of what is sent
const STEPS_BACK = 50;          // strokes that Undo takes back
const WORDS = "Draw with the mouse or a finger. What you draw is centred and scaled as the training images were, then "
  + "encoded; the large picture is what the model makes of it.";

/** Strokes on a black canvas as floats in [0, 1], row by row. */
function pixelsOf(context, width, height) {
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) => Math.round(data[4 * i] / 2.55) / 100);
}

/** A line from one point to another, round at its ends, in [x, y] of the canvas. */
function drawLine(context, from, to, colour, thickness) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = thickness;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  context.beginPath();            // the round end, which a line of length 0 does not have
  context.arc(...to, thickness / 2, 0, 2 * Math.PI);
  context.fill();
}

/** `send` one thing at a time; meanwhile only the newest waits: `take()` gives it when its turn comes, null for none. */
function createSender(send, take) {
  let busy = false, waiting = null;
  return {
    forget() {
      waiting = null;
    },
    async submit(finished) {
      if (busy) {
        waiting = { finished: finished || Boolean(waiting?.finished) };
        return;
      }
      busy = true;
      try {
        for (waiting = { finished }; waiting;) {
          const { finished: done } = waiting, thing = take();
          waiting = null;
          if (thing) await send(thing, done);
        }
      } finally {
        busy = false;
      }
    },
  };
}

/**
 * The pad with pen, eraser, undo and clear.
 * Args: shape [C, H, W], for its proportions; send({ width, height, pixels }, finished) -> Promise, called while one
 *   draws (finished false), at the end of a stroke and after Undo (true): pixels are width * height numbers in [0, 1];
 *   while one promise is open only the newest drawing waits, and its failures are its own matter. onempty() when
 *   nothing is left on the pad; an answer to what was sent before may still come. onbegin() when a hand touches the
 *   pad. words, what stands below.
 * Returns: { element, canvas, clear(), undo(), empty(), read() -> { width, height, pixels } or null where it is empty,
 *   stroke(points, finished) draws through [x, y] in 0..1 of the pad as a hand would; the pen is lifted if finished }.
 */
export function createDrawing({ shape, send, onempty = () => {}, onbegin = () => {}, words = WORDS }) {
  const [, high, wide] = shape, side = (length) => Math.max(1, Math.round((length * INK) / Math.max(high, wide)));
  const width = side(wide), height = side(high), nib = INK / 11;
  const canvas = el("canvas", { class: "paper", "data-testid": "draw-pad", width, height, role: "img", tabIndex: 0,
                                "aria-label": "drawing, empty" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const past = [];                // the canvas before each stroke
  let erasing = false, last = null, pointer = null, drawn = null;      // drawn: where a page's own pen stands

  const read = () => {
    const pixels = pixelsOf(context, width, height);
    return pixels.some((value) => value > 0) ? { width, height, pixels } : null;
  };
  const sender = createSender(send, read);
  /** Something has changed: let the model know, unless all is rubbed out. */
  const tell = (finished) => {
    const empty = finished && !read();
    canvas.setAttribute("aria-label", empty ? "drawing, empty" : "drawing");
    if (!empty) sender.submit(finished);
    else {
      sender.forget();
      onempty();
    }
  };
  const keep = () => {
    past.push(context.getImageData(0, 0, width, height));
    if (past.length > STEPS_BACK) past.shift();
    undoing.disabled = false;
  };
  const wipe = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
  };
  const clear = () => {
    if (!read()) return;
    keep();
    drawn = null;
    wipe();
    tell(true);
  };
  const undo = () => {
    if (!past.length || pointer !== null) return;
    drawn = null;
    context.putImageData(past.pop(), 0, 0);
    undoing.disabled = !past.length;
    tell(true);
  };
  const stroke = (points, finished) => {
    if (pointer !== null || !points.length) return;         // the hand goes first
    if (!drawn) keep();
    for (const point of points.map(([x, y]) => [x * width, y * height])) {
      drawLine(context, drawn ?? point, point, "#fff", nib);
      drawn = point;
    }
    if (finished) drawn = null;
    tell(finished);
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), edge = canvas.clientLeft;
    return [((event.clientX - box.left - edge) / canvas.clientWidth) * width,
            ((event.clientY - box.top - edge) / canvas.clientHeight) * height];
  };
  const follow = (event) => {
    const point = at(event);
    drawLine(context, last, point, erasing ? "#000" : "#fff", erasing ? 2 * nib : nib);
    last = point;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || pointer !== null) return;       // one finger, one stroke
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    onbegin();
    keep();
    drawn = null;
    last = at(event);
    follow(event);
    tell(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) follow(part);
    tell(false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      tell(true);
    });
  }
  const tool = (iconName, name, erases) => {
    const toggle = button(iconName, name, () => {
      erasing = erases;
      for (const other of [pen, eraser]) other.setAttribute("aria-pressed", String((other === eraser) === erasing));
    });
    toggle.setAttribute("aria-pressed", String(!erases));
    return toggle;
  };
  const pen = tool("pen", "Pen", false), eraser = tool("eraser", "Eraser", true);
  const undoing = button("undo", "Undo", undo, { label: "Undo the last stroke", title: "Back by one stroke (Ctrl+Z)" });
  undoing.disabled = true;
  wipe();
  const element = el("div", { class: "draw" }, canvas,
                     el("div", { class: "tools" }, pen, eraser, undoing, button("reset", "Clear", clear)),
                     words ? el("p", { class: "words" }, words) : null);
  element.addEventListener("keydown", (event) => {          // while the hand is here, Ctrl+Z means the pad
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    undo();
  });
  return { element, canvas, clear, undo, read, stroke, empty: () => !read() };
}
