// Numbers of a document: float16 and float32 alike become float32. No DOM.

const SIGN = 0x8000, FRACTION = 0x3ff;
let table = null;

/** The bits of the float32 that each of the 65,536 float16 is, as numbers. */
function makeTable() {
  const found = new Float32Array(65536);
  for (let h = 0; h < SIGN; h++) {
    const exponent = h >> 10, fraction = h & FRACTION;
    found[h] = exponent === 0 ? fraction * 2 ** -24
      : exponent === 31 ? (fraction ? NaN : Infinity) : (1 + fraction / 1024) * 2 ** (exponent - 15);
    found[h | SIGN] = -found[h];
  }
  return found;
}

/**
 * `length` numbers from a buffer.  Args: offset in bytes, a multiple of a number's size; dtype "float16" or "float32".
 * Returns: Float32Array; of float32 a view into the buffer, no copy.   Raises: RangeError if the buffer is too short.
 */
export function toFloats(buffer, offset, length, dtype) {
  if (dtype !== "float16") return new Float32Array(buffer, offset, length);
  table ??= makeTable();
  const halves = new Uint16Array(buffer, offset, length), found = new Float32Array(length);
  for (let i = 0; i < length; i++) found[i] = table[halves[i]];
  return found;
}
