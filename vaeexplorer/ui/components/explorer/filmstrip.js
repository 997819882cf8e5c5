// A slider over pictures: in its track, what the image becomes from one end to the other; the arrow keys.

import { el } from "./dom.js";

const KNOB = 6;                 // px, the width of a slider's bar in explorer.css
const SLOW = 12;                // ms an image beyond which every second picture is left out

/** Arrow keys: a thirty-fifth of a standard deviation's range; with shift a tenth of that. Other keys stay native. */
export function arrowStep(event, [low, high]) {
  const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return null;
  return (direction * (high - low)) / (event.shiftKey ? 700 : 70);
}

/** Where on the track, 0 at its least value and 1 at its greatest, each of `count` pictures stands. */
function sharesOf(count, trackWidth) {
  return Array.from({ length: count }, (_, k) => {
    const x = ((k + 0.5) / count) * trackWidth;
    return Math.min(1, Math.max(0, (x - KNOB / 2) / (trackWidth - KNOB)));
  });
}

/**
 * One track's pictures. Args: engine; key, under which its jobs wait; size D of z; at(share) -> z; shares,
 * fixed ones, or null for as many as fit the track; version() changes when the pictures have become stale.
 * Returns: { element, size(track), refresh() }; size takes over the track's width.
 */
export function createFilmstrip({ engine, key, size, at, version, shares = null }) {
  const canvas = el("canvas", { "aria-hidden": "true", class: "strip" }), context = canvas.getContext("2d");
  const [, high, wide] = engine.shape;
  let width = 0, count = 0, shown = -1;
  const make = () => {
    const made = { version: version(), count, zs: new Float32Array(count * size) };
    (shares ?? sharesOf(count, width)).forEach((share, k) => made.zs.set(at(share), k * size));
    return made;
  };
  const show = (pixels, made) => {
    if (canvas.width !== wide * made.count) [canvas.width, canvas.height] = [wide * made.count, high];
    context.putImageData(new ImageData(pixels, wide * made.count, high), 0, 0);
    canvas.classList.add("drawn");
    shown = made.version;
    strip.refresh();
  };
  const strip = {
    element: canvas,
    size(track) {
      width = track.clientWidth;
      const fits = Math.round((width * high) / (Math.max(1, track.clientHeight) * wide));
      const next = shares?.length ?? Math.max(5, Math.min(24, engine.cost > SLOW ? Math.ceil(fits / 2) : fits));
      if (next !== count) [count, shown] = [next, -1];
    },
    /** Ask for the pictures anew where they are stale; what is asked twice is drawn once. */
    refresh() {
      if (width && shown !== version() && !engine.waiting(key)) engine.request(key, make, show, shown < 0);
    },
  };
  return strip;
}
