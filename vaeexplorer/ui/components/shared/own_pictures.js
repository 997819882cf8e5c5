// A visitor's own picture, kept by the app for a while under a key, so that a link can name it.

import { address, askJson } from "./ask.js";
import { json } from "./jobs.js";

/**
 * Give a picture to the app.
 * Args: root, the app's; model, its name; kind and body as the Reconstruct page's images have them: drawing ({ width,
 * height, pixels }), upload (a file) or pixels (floats).   Returns: a promise of its key, "picture:0123456789ab".
 */
export async function keepPicture(root, model, kind, body, signal = null) {
  const raw = body instanceof Blob || ArrayBuffer.isView(body);
  const options = raw ? { method: "POST", body, signal } : { ...json(body), signal };
  return (await askJson(address(root, "bounds/pictures", { model, kind }), "This picture", options)).key;
}
