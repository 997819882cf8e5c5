// Three rows of small pictures: the digits, and what each model draws of them with its own noise.

import { el, setText, tint } from "./dom.js";
import { normals } from "./random.js";

const ROWS = [["given", "digits to learn", "input"], ["learned", "drawn with free noise", "decoder"],
              ["fixed", "drawn with fixed noise", "noise"]];
const NOISE_SEED = 7;           // of the pattern that both models' noise has in all moments

/** Bytes of a picture row from its text. */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** A draw of p(x|z): the best guess plus noise, cut to black and white, as bytes. */
export function drawn(means, std, noise) {
  return Uint8ClampedArray.from(means, (mean, i) => mean + 255 * std * noise[i]);
}

function paint(canvas, bytes, side, count, gap) {
  const across = count * side + (count - 1) * gap;
  if (canvas.width !== across || canvas.height !== side) Object.assign(canvas, { width: across, height: side });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, across, side);
  for (let k = 0; k < count; k++) {
    const image = context.createImageData(side, side);
    for (let i = 0; i < side * side; i++) {
      const grey = bytes[k * side * side + i];
      image.data.set([grey, grey, grey, 255], 4 * i);
    }
    context.putImageData(image, k * (side + gap), 0);
  }
}

/** Returns: { element, show(first, data) } with the data of the first moment and of the one in sight. */
export function createTiles() {
  const rows = ROWS.map(([name, words, colour]) => {
    const canvas = el("canvas", { class: "nf-row", role: "img", "data-testid": `nf-${name}`, "aria-label": words });
    const value = el("span", {});
    const line = el("div", { class: "nf-label" }, tint(colour, words), value);
    return { name, canvas, value, element: el("div", {}, line, canvas) };
  });
  function show(first, data) {
    const { side, shown } = first, noise = normals(NOISE_SEED, side * side * shown);
    for (const { name, canvas, value } of rows) {
      const own = data[name] ?? null, bytes = bytesOf(own ? own.means : first.images);
      paint(canvas, own ? drawn(bytes, own.std, noise) : bytes, side, shown, 1);
      canvas.style.maxWidth = `${shown * 4.6}rem`;
      setText(value, own ? `s = ${Number(own.std.toPrecision(2))}` : "");
    }
  }
  return { element: el("div", { class: "nf-tiles" }, rows.map(({ element }) => element)), show };
}
