// The time line: a filmstrip of the run on a logarithmic axis, and a handle to look back with.

import { button, el, setText } from "./dom.js";
import { createSheet, writeBytes } from "./pixels.js";
import { FONT, surface } from "./plot.js";
import { count, shortCount, stepAxis } from "./scales.js";

const WIDE = { shown: 3, high: 42 };    // reconstructions in a thumbnail, and its height in pixels
const NARROW = { shown: 2, high: 34 };
const NARROW_BELOW = 560;       // pixels of the strip
const APART = 8;                // pixels between two thumbnails
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged
const EDGE = 4;                 // pixels above the thumbnails, for the frame of the handle
const LEAP = 5;                 // snapshots that a page key passes over

/** Where a key leads: the kept step so many snapshots away, null for now. */
const KEYS = {
  ArrowLeft: (away) => away(-1), ArrowDown: (away) => away(-1), PageDown: (away) => away(-LEAP),
  ArrowRight: (away) => away(1), ArrowUp: (away) => away(1), PageUp: (away) => away(LEAP),
  Home: (away, first) => first, End: () => null,
};

/** Draw the first reconstructions of a moment between two frames onto a small canvas. */
function drawFirst(canvas, { a, b, t }, most) {
  const { shape, reconstructions } = a, shown = Math.min(most, a.shown), size = shape.reduce((m, n) => m * n, 1);
  const sheet = createSheet(shape, shown, 1, 0), { width, height } = sheet, other = a === b ? null : b.reconstructions;
  for (let i = 0; i < shown; i++) {
    writeBytes(reconstructions, i * size, other, t, shape, sheet.pixels, width, ...sheet.place(i, 0));
  }
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(sheet.image, 0, 0);
  return canvas;
}

/**
 * `move(step, held)` comes while the handle is moved (held: by the hand, which will let go), `release()` when it is let
 * go, `now()` for the way back, `replay()` to see the run as a film.
 */
export function createTimeline(film, { move, release, now, replay }) {
  const canvas = el("canvas", { class: "film" });
  const bubble = el("span", { class: "bubble" }), glass = el("canvas", {});
  const handle = el("i", { class: "handle" }, glass, bubble);
  const slider = el("div", { class: "slider", role: "slider", tabIndex: 0, "aria-label": "time line",
                             "data-testid": "time-line", "aria-valuemin": "0", "aria-valuemax": "0",
                             "aria-valuenow": "0" }, canvas, handle);
  const where = el("span", { class: "when" });
  const replayButton = button("play", "Replay", replay, { title: "See the run as a film" });
  const back = button("right", "Back to now", now, { kind: "back" });
  back.dataset.testid = "back-to-now";
  back.hidden = true;
  const element = el("section", { class: "timeline", "aria-label": "time line" },
    el("header", {}, el("h3", {}, "Time line"), where, replayButton, back), slider);
  let axis = stepAxis("log", 1), held = false, step = 0, family = null;
  let slots = 3, wide = 0, form = WIDE, thumbs = new WeakMap(), glassed = null;

  /** Place of a step in 0..1 of the strip: the ends of the run lie in the middle of the outermost thumbnails. */
  const place = (at) => (0.5 + Math.min(1, axis.at(at)) * (slots - 1)) / slots;
  const stepAt = (event) => {
    const box = slider.getBoundingClientRect(), u = ((event.clientX - box.left) / box.width) * slots;
    return axis.step(Math.min(1, Math.max(0, (u - 0.5) / (slots - 1))));
  };
  slider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !film.steps.length) return;
    held = true;
    slider.setPointerCapture(event.pointerId);
    slider.classList.add("held");
    move(stepAt(event), true);
  });
  slider.addEventListener("pointermove", (event) => held && move(stepAt(event), true));
  for (const name of ["pointerup", "pointercancel"]) {
    slider.addEventListener(name, () => {
      if (!held) return;
      held = false;
      slider.classList.remove("held");
      release();
    });
  }

  /** The kept step so many snapshots away, or null for now. */
  function neighbour(distance) {
    const { steps } = film, at = steps.findIndex((s) => s >= Math.floor(step + 1e-6));
    const here = at < 0 ? steps.length : steps[at] > step + 0.5 && distance > 0 ? at - 1 : at;
    const next = here + distance;
    return next >= steps.length || steps[next] >= film.last ? null : steps[Math.max(0, next)];
  }

  slider.addEventListener("keydown", (event) => {
    const target = KEYS[event.key]?.(neighbour, film.first);
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (target === null) now();
    else move(target, false);
  });

  function setAttribute(name, value) {
    if (slider.getAttribute(name) !== value) slider.setAttribute(name, value);
  }

  function thumb(frame) {
    if (!thumbs.has(frame)) thumbs.set(frame, drawFirst(el("canvas", {}), { a: frame, b: frame, t: 0 }, form.shown));
    return thumbs.get(frame);
  }

  return {
    element, slider,
    get held() { return held; },
    /** Draw the strip: thumbnails in even places, each of the snapshot nearest to its place. */
    draw(steps, colours) {
      const ground = surface(canvas);
      if (!ground) return;
      axis = stepAxis("log", steps);
      const { context, width } = ground, known = film.known();
      const wanted = width < NARROW_BELOW ? NARROW : WIDE;
      if (form !== wanted) [form, thumbs, glassed] = [wanted, new WeakMap(), null];
      const { shown, high } = form, [, h, w] = known[0]?.shape ?? [1, 1, 1];
      const long = Math.min(shown, known[0]?.shown ?? shown) * high * (w / h);
      slots = Math.max(3, Math.floor(width / (Math.min(long, shown * high) + APART)));
      wide = width;
      const slot = width / slots, scale = Math.min(1, (slot - APART) / long);
      const across = long * scale, down = high * scale;
      context.font = `${FONT}px ${family ??= getComputedStyle(slider).fontFamily}`;
      context.textAlign = "center";
      context.textBaseline = "top";
      context.imageSmoothingEnabled = h > TINY;
      handle.style.width = `${across}px`;
      glass.style.height = `${down}px`;
      const end = axis.at(film.last), taken = new Set();
      for (let k = 0; k < slots; k++) {
        const at = k / (slots - 1), left = k * slot + (slot - across) / 2, top = EDGE + (high - down) / 2;
        const kept = film.nearest(axis.step(at));
        const frame = film.frames.get(kept) ?? (film.now?.step === kept ? film.now : null);
        const ahead = !known.length || at > end + 1e-6 || taken.has(kept);
        if (ahead || !frame) {
          context.fillStyle = colours.edge;
          context.globalAlpha = 0.5;
          context.fillRect(left, top, across, down);
          context.globalAlpha = 1;
        } else context.drawImage(thumb(frame), left, top, across, down);
        if (!ahead) {
          taken.add(kept);
          context.fillStyle = colours.quiet;
          context.fillText(shortCount(kept), left + across / 2, EDGE + high + 5);
        }
      }
    },
    /** Where the handle stands, and what is said of it. */
    show({ at, follow, live, words, shown }) {
      step = at;
      handle.hidden = !shown;
      handle.style.transform = `translateX(${(wide * place(at)).toFixed(2)}px) translateX(-50%)`;
      const other = shown && (shown.a !== glassed?.a || shown.b !== glassed.b || shown.t !== glassed.t);
      if (other) drawFirst(glass, glassed = shown, form.shown);
      handle.classList.toggle("now", follow);
      back.hidden = follow;
      setText(bubble, count(at));
      setText(where, follow ? `${live ? "now" : "the end"}; drag back to see images, map and curves as they were`
        : `looking back at step ${count(at)} of ${count(film.last)}`);
      setAttribute("aria-valuemax", String(Math.round(film.last)));
      setAttribute("aria-valuenow", String(Math.round(at)));
      setAttribute("aria-valuetext", words);
    },
    playing(on) {
      replayButton.lastChild.textContent = on ? "Halt" : "Replay";
      replayButton.setAttribute("aria-pressed", String(on));
    },
  };
}
