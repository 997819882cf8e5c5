// Images as numbers in [0, 1] (channel-major) -> RGBA bytes, side by side in one row. No DOM.

/**
 * Write one image into an RGBA row of several, as picture number `slot` of `slots`.
 * Args: values (C*H*W) in [0, 1], C = 3 colour, otherwise the first channel as grey; pixels (H * slots*W) as uint32.
 */
export function writePicture(values, [channels, height, width], pixels, slot = 0, slots = 1) {
  const plane = height * width, green = channels === 3 ? plane : 0;
  for (let row = 0, i = 0; row < height; row++) {
    for (let col = 0, at = (row * slots + slot) * width; col < width; col++, i++, at++) {
      const r = (values[i] * 255 + 0.5) | 0;
      const g = green ? (values[i + green] * 255 + 0.5) | 0 : r;
      const b = green ? (values[i + 2 * green] * 255 + 0.5) | 0 : r;
      pixels[at] = 0xff000000 | (b << 16) | (g << 8) | r;    // little-endian RGBA
    }
  }
}

/** Decode each of `count` places (zs, count * D values) and return their pictures as one RGBA row. */
export function decodeRow(decode, shape, zs, count) {
  const row = new Uint8ClampedArray(count * shape[1] * shape[2] * 4), pixels = new Uint32Array(row.buffer);
  const dimensions = zs.length / count;
  for (let i = 0; i < count; i++) {
    writePicture(decode(zs.subarray(i * dimensions, (i + 1) * dimensions)), shape, pixels, i, count);
  }
  return row;
}

/** The channels a GIF or PNG of this model needs: 1 or 3. */
export const channelsOf = (shape) => (shape[0] === 3 ? 3 : 1);
