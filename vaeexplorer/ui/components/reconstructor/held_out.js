// The terms and codes of all held-out images, asked for once for each model.

import { readDocument } from "./documents.js";
import { toFloats } from "./halves.js";

/** The codes of a model's held-out images for its plane: { points (N*2), labels, names, title }. */
function cloudOf({ header, body, buffer, count, dimensions, labels, names, title }) {
  if (dimensions !== 2 || header.mean === null) return null;
  const points = toFloats(buffer, body + header.mean, 2 * count, header.codes_dtype);
  return { points, labels, names, title };
}

/** Returns: { of(model, onProgress) -> Promise, cloud(heldOut), kept(model) -> Promise of a cloud or null }. */
export function createHeldOut(server, signal) {
  const known = new Map();
  return {
    of(model, onProgress) {
      if (!known.has(model.name)) {
        const answer = server.heldOut(model.name, { onProgress, signal });
        answer.catch(() => known.delete(model.name));
        known.set(model.name, answer);
      }
      return known.get(model.name);
    },
    cloud: cloudOf,
    async kept(model) {
      const buffer = await server.codes(model.name, model.digest);
      if (!buffer) return null;
      const { header, body } = readDocument(buffer), { count, latent_dim: D } = header;
      if (D !== 2) return null;
      const labels = header.label === null ? null : new Int16Array(buffer, body + header.label, count);
      return { points: new Float32Array(buffer, body + header.mean, 2 * count), labels, names: model.class_names ?? [],
               title: "codes of held-out images that the checkpoint carries" };
    },
  };
}
