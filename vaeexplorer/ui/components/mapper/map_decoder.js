// From z to a picture: in the browser, or by the server for models whose layers are not known here.

import { UnknownLayerError, createDecoder } from "./decoder.js";
import { writePicture } from "./pictures.js";

/**
 * Args: shape [C, H, W]; server; bits: latents are switches, so a mean decodes as its more probable bits.
 * Returns: { load(buffer), ready, remote, place(z) (what is decoded for a code), paint(canvas, z) -> Promise }.
 * paint draws at once where the decoder runs here; with the server, only the newest z of a canvas is drawn.
 */
export function createMapDecoder({ shape, server, bits }) {
  const newest = new WeakMap();
  let decoder = null, remote = false;
  const place = (z) => (bits ? Float32Array.from(z, (v) => (v >= 0.5 ? 1 : 0)) : z);

  async function fromServer(canvas, z) {
    const mine = {};
    newest.set(canvas, mine);
    const values = await server.decode(z);
    if (newest.get(canvas) === mine) paintValues(canvas, values, shape);
  }

  return {
    place,
    get ready() { return Boolean(decoder) || remote; },
    get remote() { return remote; },
    load(buffer) {
      try {
        decoder = createDecoder(buffer);
      } catch (error) {
        if (!(error instanceof UnknownLayerError)) throw error;
        remote = true;
      }
    },
    async paint(canvas, z) {
      if (decoder) paintValues(canvas, decoder.decode(place(z)), shape);
      else if (remote) await fromServer(canvas, place(z));
    },
  };
}

/** Draw values in [0, 1] (channel-major) on a canvas of the picture's own size. */
export function paintValues(canvas, values, shape) {
  const [, height, width] = shape;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const picture = new ImageData(width, height);
  writePicture(values, shape, new Uint32Array(picture.data.buffer));
  canvas.getContext("2d", { alpha: false }).putImageData(picture, 0, 0);
}

/** Draw bytes 0..255 (channel-major). */
export function paintBytes(canvas, bytes, shape) {
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = bytes[i] / 255;
  paintValues(canvas, values, shape);
}

/** Nothing to show yet: an even surface. */
export function clearPicture(canvas, shape) {
  [canvas.width, canvas.height] = [shape[2], shape[1]];
}
