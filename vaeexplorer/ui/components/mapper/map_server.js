// The app's routes for codes of images and their pictures; what takes time is a job (jobs.js). A failure is an Error
// whose message is one line for a person.

import { address, ask, askJson } from "./ask.js";
import { json, untilDone } from "./jobs.js";

/**
 * The routes of one model below the app's root (a URL ending in "/").
 * `watch` of the slow ones is { onProgress({ fraction, text }), signal (AbortSignal) }; once the signal is aborted they
 * throw Withdrawn. A picture or a download that nobody wants any more is stopped; encoding goes on, others need it too.
 */
export function createMapServer(root, model, seed = 0) {
  const url = (route, query = {}) => address(root, route, query);
  const mine = { model: model.name, seed };
  const document = async (...question) => (await untilDone(root, ...question)).arrayBuffer();
  const stopping = (watch) => ({ ...watch, cancels: true });

  return {
    /** Decoder document as ArrayBuffer; `early` is the request that is already under way, or null. */
    async decoder(early) {
      const query = { model: model.name, v: model.digest };
      return (await ask(url("decoder", query), "Model", {}, early)).arrayBuffer();
    },
    /** Means of z (D) from the server's torch: Float32Array of C*H*W. */
    async decode(z) {
      const options = { method: "POST", body: Float32Array.from(z) };
      const answer = await ask(url("decode", { model: model.name }), "Decoding on the server", options);
      return new Float32Array(await answer.arrayBuffer());
    },
    encoded: (source, watch) => document("encoded", "Codes", { ...mine, source }, watch),
    async images(source, indices) {
      const query = { ...mine, source, index: indices.join(",") };
      return (await ask(url("encoded/images", query), "Images")).arrayBuffer();
    },
    sources: () => askJson(url("map/sources", { model: model.name }), "Sources"),
    methods: () => askJson(url("map/methods"), "Kinds of pictures"),
    /** `again`: begin anew at once what was cancelled or failed a moment ago. */
    async picture(wish, watch, again = false) {
      if (again) await ask(url("map/picture"), "Picture", json({ ...mine, ...wish, again })).catch(() => {});
      return document("map/picture", "Picture", { ...mine, ...wish }, stopping(watch));
    },
    density: (wish, watch) => document("map/density", "Density", { ...mine, ...wish }, stopping(watch)),
    async figures({ source, digest }, watch) {
      return (await untilDone(root, "map/figures", "Numbers", { ...mine, source, digest }, watch)).json();
    },
    upload: (file) => askJson(url("map/upload", { model: model.name, name: file.name }), "Upload",
                              { method: "POST", body: file }),
    fetchData: (watch) => untilDone(root, "map/fetch", "Download", { model: model.name }, stopping(watch)),
    /** The terms of one held-out image with 64 draws of q, as the Reconstruct page has them. */
    async terms(index) {
      const options = json({ indices: [index], source: "test", seed, samples: 64, shown: 1 });
      return (await ask(url("reconstructions", { model: model.name }), "Terms", options)).arrayBuffer();
    },
  };
}
