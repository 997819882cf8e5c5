// The app's own HTTP routes, each as one function. A failure is an Error whose message is one line for a person.

import { address, ask, askJson } from "./ask.js";

const short = (value) => Number(value.toPrecision(4));

/** The routes of one model below the app's root (a URL ending in "/"). */
export function createServer(root, model) {
  const url = (route, query = {}) => address(root, route, query);
  const name = { model: model.name };
  return {
    /** Decoder document as ArrayBuffer; `early` is the request that is already under way, or null. */
    async decoder(early) {
      return (await ask(url("decoder", { ...name, v: model.digest }), "Model", {}, early)).arrayBuffer();
    },
    /** Codes document as ArrayBuffer, or null where the model has none. */
    async codes() {
      const answer = await ask(url("codes", { ...name, v: model.digest }), "Codes of held-out images");
      return answer.status === 204 ? null : answer.arrayBuffer();
    },
    /** Means of `zs` (count * D) from the server's torch: Float32Array of count * C*H*W. */
    async decode(zs) {
      const answer = await ask(url("decode", name), "Decoding on the server", { method: "POST", body: zs });
      return new Float32Array(await answer.arrayBuffer());
    },
    images: (start, count) => askJson(url("images", { ...name, start, count }), "Held-out images"),
    /** Encode {"index"} (kind data), a file (upload) or {"width","height","pixels"} (drawing). */
    encode(kind, body) {
      const raw = body instanceof Blob;
      const headers = raw ? {} : { "Content-Type": "application/json" };
      return askJson(url("encode", { ...name, kind }), "This picture",
                     { method: "POST", headers, body: raw ? body : JSON.stringify(body) });
    },
    /** An animated GIF of uint8 frames (n, h, w, c). */
    async gif(frames, { width, height, count, channels, ms, scale }) {
      const query = { width, height, frames: count, channels, ms, scale };
      return (await ask(url("gif", query), "GIF", { method: "POST", body: frames })).blob();
    },
    /** The page's address with this model and place, and the direction: what the Link button gives. */
    link(z, direction = null) {
      const here = new URL(window.location.href), list = (numbers) => Array.from(numbers, short).join(",");
      here.hash = "";
      here.search = `?${model.link}&z=${list(z)}`;
      if (direction) {
        const { values, about, along } = direction;
        here.search += `&direction=${list(values)}&about=${encodeURIComponent(about)}`;
        if (short(along)) here.search += `&along=${short(along)}`;
      }
      return here.href;
    },
  };
}
