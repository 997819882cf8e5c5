// Reproducible random numbers: the same seed gives the same draw in every browser.
//
// Generator: sfc32 (Chris Doty-Humphrey, PractRand, public domain): 96 bits of state and a counter. It is seeded with
// (0, 0, seed, 1) and its first 12 outputs are thrown away, as its author does.

/** Uniform draws in (0, 1) from a whole-number seed. */
export function uniforms(seed) {
  let a = 0, b = 0, c = seed | 0, counter = 1;
  const next = () => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return ((out >>> 0) + 0.5) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** `count` independent standard normal draws for a seed (Box and Muller 1958, two at a time). */
export function normals(seed, count) {
  const uniform = uniforms(seed), out = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform())), angle = 2 * Math.PI * uniform();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** A fresh seed, short enough to read aloud and type again. */
export function freshSeed() {
  return 1 + Math.floor(Math.random() * 99999);
}
