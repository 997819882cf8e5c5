// The way from the bench to the Bounds page: an image by its key.

import { corrupt, untouched } from "./corrupt.js";

/**
 * The key of what is on the bench; a picture that is no whole test image is given to the app first.
 * Args: server; model; image { wish: { kind, body }, values (floats) }; settings of the damage.   Returns: a promise.
 */
export function boundsKey({ server, model, image, settings }) {
  const { kind, body } = image.wish;
  if (!untouched(settings)) return server.keep(model.name, "pixels", corrupt(image.values, model.shape, settings));
  return kind === "data" ? Promise.resolve(`test:${body.index}`) : server.keep(model.name, kind, body);
}
