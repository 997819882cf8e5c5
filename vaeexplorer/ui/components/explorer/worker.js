// Decodes rows of small pictures (filmstrips, grids) beside the page, so that a drag never waits for them.
// In: { document: ArrayBuffer } once, then { id, zs: Float32Array, count }.  Out: { id, row } or { id, error }.

import { createDecoder } from "./decoder.js";
import { decodeRow } from "./pictures.js";

let decoder = null;

self.onmessage = ({ data }) => {
  try {
    if (data.document) {
      decoder = createDecoder(data.document);
      return;
    }
    const row = decodeRow(decoder.decode, decoder.shape, data.zs, data.count);
    self.postMessage({ id: data.id, row }, [row.buffer]);
  } catch (error) {
    self.postMessage({ id: data.id, error: error.message });
  }
};
