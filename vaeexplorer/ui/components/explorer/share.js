// Taking things away: PNG, GIF, link.

import { el } from "./dom.js";
import { channelsOf } from "./pictures.js";

/** A file name from a model's name and words: letters, digits and dashes only. */
export function fileName(...parts) {
  return parts.join("-").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

export function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Save a canvas as PNG, enlarged by whole pixels until its longer side has at least `least`. */
export function savePng(canvas, name, least = 512) {
  const scale = Math.max(1, Math.ceil(least / Math.max(canvas.width, canvas.height)));
  const large = el("canvas", { width: canvas.width * scale, height: canvas.height * scale });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  return new Promise((resolve, reject) => {
    large.toBlob((blob) => {
      if (!blob) {
        reject(new Error("The browser could not make a PNG of this picture."));
        return;
      }
      download(blob, `${name}.png`);
      resolve();
    }, "image/png");
  });
}

/**
 * Save the pictures of several places as an animated GIF.
 * Args: places, an array of z; ms per frame. The frames are decoded beside the page, the file is made by the server.
 */
export async function saveGif({ engine, server, places, name, ms = 60 }) {
  const [, height, width] = engine.shape, channels = channelsOf(engine.shape), count = places.length;
  const zs = new Float32Array(count * places[0].length);
  places.forEach((z, i) => zs.set(z, i * z.length));
  const row = await engine.row(zs, count);            // pictures side by side, RGBA
  const frames = new Uint8Array(count * height * width * channels);
  for (let frame = 0, i = 0; frame < count; frame++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0, at = 4 * ((y * count + frame) * width); x < width; x++, at += 4) {
        for (let c = 0; c < channels; c++) frames[i++] = row[at + c];
      }
    }
  }
  const scale = Math.max(1, Math.round(280 / Math.max(width, height)));
  download(await server.gif(frames, { width, height, count, channels, ms, scale }), `${name}.gif`);
}

/** Copy a link; where the clipboard is denied, show it to be copied by hand.  Returns: what to say. */
export async function copyLink(address, field) {
  field.value = address;
  try {
    await navigator.clipboard.writeText(address);
    field.hidden = true;
    return "Link copied: it brings back this model and this place.";
  } catch {
    field.hidden = false;
    field.select();
    return "The browser does not let pages copy here. Copy this link by hand:";
  }
}
