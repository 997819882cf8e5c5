// The app's routes that the Reconstruct page asks. A failure is an Error whose message is one line for a person.

import { address, ask } from "./ask.js";
import { readFindings, readHeldOut } from "./findings.js";
import { json, untilDone } from "./jobs.js";
import { keepPicture } from "./own_pictures.js";

const SEED = 0;                 // of draws of q and of binarised pixels: the same image gives the same numbers

/** The routes below the app's root (a URL ending in "/"); each takes the name of a model. */
export function createRecServer(root) {
  const url = (route, query = {}) => address(root, route, query);
  return {
    /** Findings of held-out images, at most 48. */
    async some(model, indices, { samples = 64, shown = 4, signal = null } = {}) {
      const body = { indices, source: "test", seed: SEED, samples, shown };
      const answer = await ask(url("reconstructions", { model }), "Reconstructions", { ...json(body), signal });
      return readFindings(await answer.arrayBuffer());
    },
    /**
     * The finding of one image: kind data ({ index }), drawing ({ width, height, pixels }), upload (a file), pixels
     * (floats); like, the held-out image that these were made from: it shares its draws with them.
     */
    async one(model, kind, body, { samples = 64, shown = 4, like = null, signal = null } = {}) {
      const raw = body instanceof Blob || ArrayBuffer.isView(body);
      const query = { model, kind, seed: SEED, samples, shown, ...(like === null ? {} : { like }) };
      const options = raw ? { method: "POST", body, signal } : { ...json(body), signal };
      const answer = await ask(url("reconstructions/one", query), "This picture", options);
      return readFindings(await answer.arrayBuffer())[0];
    },
    /** The key under which the app keeps a picture for the Bounds page. */
    keep: (model, kind, body) => keepPicture(root, model, kind, body),
    /** The terms of all held-out images of the model's data set. */
    async heldOut(model, options) {
      const body = { model, source: "test", seed: SEED };
      return readHeldOut(await (await untilDone(root, "encoded", "Held-out images", body, options)).arrayBuffer());
    },
    /** Codes that the checkpoint carries, as a document (portable.pack_codes), or null. */
    async codes(model, digest) {
      const answer = await ask(url("codes", { model, v: digest }), "Codes of held-out images");
      return answer.status === 204 ? null : answer.arrayBuffer();
    },
    /** Fetch the model's data set onto the machine that serves this page. */
    fetchData: (model, options) => untilDone(root, "map/fetch", "Fetching the images", { model }, options),
  };
}
