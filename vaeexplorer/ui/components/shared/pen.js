// A pen that draws by itself until somebody touches the page: the page is alive before the first click.

import { through } from "./path.js";

// Digits as strokes through points of a square, x to the right and y down, 0..1.
const DIGITS = [
  [[[0.3, 0.3], [0.4, 0.19], [0.57, 0.18], [0.67, 0.31], [0.6, 0.46], [0.44, 0.62], [0.29, 0.8], [0.5, 0.79],
    [0.73, 0.8]]],
  [[[0.31, 0.25], [0.45, 0.17], [0.62, 0.2], [0.66, 0.34], [0.56, 0.45], [0.45, 0.48], [0.6, 0.53], [0.68, 0.67],
    [0.58, 0.8], [0.42, 0.83], [0.29, 0.76]]],
  [[[0.62, 0.18], [0.45, 0.3], [0.36, 0.48], [0.34, 0.66], [0.42, 0.8], [0.57, 0.81], [0.66, 0.7], [0.6, 0.57],
    [0.47, 0.55], [0.36, 0.64]]],
  [[[0.28, 0.22], [0.5, 0.21], [0.72, 0.2], [0.62, 0.4], [0.53, 0.6], [0.46, 0.82]]],
  [[[0.5, 0.18], [0.35, 0.28], [0.3, 0.5], [0.35, 0.73], [0.5, 0.82], [0.65, 0.73], [0.7, 0.5], [0.65, 0.28],
    [0.5, 0.18]]],
];
// A shirt: the body and two sleeves, filled by going to and fro.
const SHIRT = [[
  [[0.36, 0.24], [0.64, 0.24], [0.64, 0.32], [0.36, 0.32], [0.36, 0.4], [0.64, 0.4], [0.64, 0.48], [0.36, 0.48],
    [0.36, 0.56], [0.64, 0.56], [0.64, 0.64], [0.36, 0.64], [0.36, 0.72], [0.64, 0.72], [0.64, 0.8], [0.36, 0.8]],
  [[0.34, 0.24], [0.2, 0.42], [0.27, 0.46], [0.36, 0.34]], [[0.66, 0.24], [0.8, 0.42], [0.73, 0.46], [0.64, 0.34]],
]];
const DRAWN = { mnist: DIGITS, digits: DIGITS, kmnist: DIGITS, emnist: DIGITS, "fashion-mnist": SHIRT };
const PER_DIGIT = 1700, REST = 2600;    // ms of drawing, and of looking at what came of it
const ROUNDS = 2;                       // of all digits; then the last one stays
const SHOWS = 20;                       // test images in turn; then the last one stays
const BETWEEN = 10;                     // points between two of a stroke

/** A stroke as a fine line: [[x, y], ...]. */
export function fine(points) {
  const out = [], at = (i) => points[Math.min(points.length - 1, Math.max(0, i))];
  for (let i = 0; i + 1 < points.length; i++) {
    const around = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let k = 0; k < BETWEEN; k++) out.push(Array.from(through(...around, k / BETWEEN)));
  }
  return [...out, points.at(-1)];
}

/** All points of one picture, a list of strokes, with a null between strokes. */
export const pathOf = (strokes) => strokes.flatMap((stroke, i) => [...(i ? [null] : []), ...fine(stroke)]);

/** Whether the pen knows something like the images of a model's data set. */
export const drawable = (model) => DRAWN[model.dataset_name] === DIGITS;

/** Test images take turns until stopped: show(index).  Returns: { stop() }. */
export function startShow({ show, still }) {
  let index = 0;
  show(index);
  const timer = still ? 0 : setInterval(() => {
    if (document.hidden) return;
    show(++index);
    if (index >= SHOWS) clearInterval(timer);
  }, PER_DIGIT + REST);
  return { stop: () => clearInterval(timer) };
}

function wipe(context, { width, height }) {
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
}

function line(context, { width, height }, from, to) {
  context.strokeStyle = "#fff";
  context.lineWidth = Math.max(width, height) / 11;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(from[0] * width, from[1] * height);
  context.lineTo(to[0] * width, to[1] * height);
  context.stroke();
}

/**
 * Draw on a pad until stopped. Args: canvas, the pad's; show(finished) after each part; still, draw one picture at
 *   once; dataset, the name of the model's, says what is drawn.
 * Returns: { stop(clear) }; `clear` wipes what the pen has drawn.
 */
export function startPen({ canvas, show, still, dataset }) {
  const pictures = DRAWN[dataset] ?? DIGITS;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let frame = 0, begun = performance.now(), digit = 0, drawn = 0, path = pathOf(pictures[0]), last = performance.now();

  const upTo = (n) => {
    for (; drawn < Math.min(n, path.length - 1); drawn++) {
      if (path[drawn] && path[drawn + 1]) line(context, canvas, path[drawn], path[drawn + 1]);
    }
  };
  const step = (now) => {
    frame = requestAnimationFrame(step);
    begun += Math.max(0, now - last - 100);     // a hidden tab stands still
    last = now;
    const passed = now - begun, wanted = Math.floor((passed / PER_DIGIT) * path.length);
    if (drawn < path.length - 1) {
      if (wanted <= drawn) return;
      upTo(wanted);
      show(drawn >= path.length - 1);
    } else if (passed > PER_DIGIT + REST) {
      if (digit + 1 >= ROUNDS * pictures.length) {
        cancelAnimationFrame(frame);
        return;
      }
      [begun, drawn, path] = [now, 0, pathOf(pictures[++digit % pictures.length])];
      wipe(context, canvas);
    }
  };
  if (still) {
    upTo(path.length);
    show(true);
  } else frame = requestAnimationFrame(step);
  return {
    stop(clear) {
      cancelAnimationFrame(frame);
      if (clear) wipe(context, canvas);
    },
  };
}
