// Pictures of bytes (channel-major) into RGBA, also two of them blended, several on one sheet. No DOM.

/**
 * Write one picture onto a sheet.
 * Args: bytes and at: where its C*H*W values begin; other, or null: bytes of a second picture (same place in them) that
 *       gets the weight `t`; sheet (uint32 RGBA) with `across` pixels a row; left, top: where the picture goes.
 */
export function writeBytes(bytes, at, other, t, [channels, height, width], sheet, across, left, top) {
  const plane = height * width, green = channels === 3 ? plane : 0, weight = Math.round(t * 256);
  const mix = other && weight > 0 ? (i) => bytes[i] + (((other[i] - bytes[i]) * weight) >> 8) : (i) => bytes[i];
  for (let row = 0, i = at; row < height; row++) {
    for (let col = 0, to = (top + row) * across + left; col < width; col++, i++, to++) {
      const r = mix(i), g = green ? mix(i + green) : r, b = green ? mix(i + 2 * green) : r;
      sheet[to] = 0xff000000 | (b << 16) | (g << 8) | r;        // little-endian RGBA
    }
  }
}

/** A sheet of `columns` x `rows` pictures with a gap of black pixels between them. */
export function createSheet([, height, width], columns, rows, gap) {
  const across = columns * width + (columns - 1) * gap, down = rows * height + (rows - 1) * gap;
  const bytes = new Uint8ClampedArray(across * down * 4), pixels = new Uint32Array(bytes.buffer);
  pixels.fill(0xff000000);
  return {
    width: across, height: down, image: new ImageData(bytes, across, down),
    place: (column, row) => [column * (width + gap), row * (height + gap)], pixels,
  };
}
