// Small grey pictures that come as text (demos/pixels.py), and rows of them on the page.

import { el } from "./dom.js";

/** The grey values, 0..255, of pictures that came one after the other. */
export const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const WRONG = [0xff18187a, 0xff4a5aff];        // should be white: dark red; should be black: bright

/** A square picture of `side` x `side` pixels: { element, show(bytes, at) }.  kind: "given", "made" or "sought". */
function createTile(side, kind) {
  const canvas = el("canvas", { class: `tile is-${kind}`, width: side, height: side });
  const image = new ImageData(side, side), pixels = new Uint32Array(image.data.buffer);
  return {
    element: canvas,
    show(bytes, at, truth) {
      for (let i = 0; i < side * side; i++) {
        const grey = bytes[at + i], wrong = truth && (grey > 127) !== (truth[at + i] > 127);
        pixels[i] = wrong ? WRONG[grey > 127 ? 1 : 0] : 0xff000000 | (grey * 0x10101);
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
    },
  };
}

/**
 * A row of `count` pictures. label: what they are, for those who do not see them.
 * Returns: { element, show(text, truth) }; text as it came, null for none: the pictures are blank then; truth: pictures
 * in black and white in the same form, or null; pixels on the wrong side of it are red.
 */
export function createTiles({ count, side = 8, kind, label, testid = null }) {
  const tiles = Array.from({ length: count }, () => createTile(side, kind));
  const element = el("span", { class: "lab-tiles", role: "img", "aria-label": label, "data-testid": testid },
                     tiles.map((tile) => tile.element));
  let shown = null;
  return {
    element,
    show(text, truth = null) {
      if (text === shown) return;
      shown = text;
      element.classList.toggle("blank", text === null);
      const bytes = text === null ? new Uint8Array(count * side * side) : unpack(text);
      const right = truth === null || text === null ? null : unpack(truth);
      tiles.forEach((tile, i) => tile.show(bytes, i * side * side, right));
    },
  };
}

/** The last value of a field up to a moment, or null: a moment leaves out what has not changed. */
export function latest(moments, index, field) {
  for (let i = Math.min(index, moments.length - 1); i >= 0; i--) {
    const value = moments[i].data[field];
    if (value !== undefined) return value;
  }
  return null;
}
