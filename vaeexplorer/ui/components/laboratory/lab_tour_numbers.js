// The numbers of the tour: prices of a picture under a cloud of codes, in nats. No DOM.

export const BITS_PER_NAT = 1 / Math.LN2;
const REACH = 5.25, SPACING = 0.75;     // standard deviations: of the lattice over a cloud, and between its places
const LEAST = 1e-7;                     // float32 knows no probability nearer to 0 or 1

/**
 * Places [u1, u2, weight] of a standard normal cloud, weights adding up to 1. An evenly spaced lattice is as good as
 * any rule for a bell-shaped weight: for smooth functions its error falls like exp(-2 pi^2 / spacing^2).
 */
export const LATTICE = (() => {
  const places = [], n = Math.floor(REACH / SPACING);
  for (let i = -n; i <= n; i++) {
    for (let j = -n; j <= n; j++) {
      const square = SPACING * SPACING * (i * i + j * j);
      if (square <= REACH * REACH) places.push([i * SPACING, j * SPACING, Math.exp(-square / 2)]);
    }
  }
  const total = places.reduce((sum, [, , weight]) => sum + weight, 0);
  return places.map(([u, v, weight]) => [u, v, weight / total]);
})();

/** KL(N(mean, diag(std^2)) || N(0, I)), exact. */
export function klOf(mean, std) {
  return mean.reduce((sum, m, i) => sum + 0.5 * (m * m + std[i] * std[i] - 1) - Math.log(std[i]), 0);
}

/**
 * log p(x|z) of black and white pixels (0 or 1) where the decoder's greys are the chances of white. A pixel costs 16
 * nats at most, for float32 greys cannot tell more: under a cloud where the picture belongs that is 0.01 nats in all.
 */
export function logLikelihood(greys, pixels) {
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) {
    sum += Math.log(Math.max(LEAST, pixels[i] ? greys[i] : 1 - greys[i]));
  }
  return sum;
}

/** E log p(x|z) over the cloud N(mean, diag(std^2)), by the lattice. */
export function reconstructionOf(decode, pixels, mean, std) {
  return LATTICE.reduce((sum, [u, v, weight]) => (
    sum + weight * logLikelihood(decode([mean[0] + std[0] * u, mean[1] + std[1] * v]), pixels)), 0);
}

/** Both prices of a cloud and what they come to: { code, pixels, sum }, nats. */
export function pricesOf(decode, pixels, mean, std) {
  const code = klOf(mean, std), left = -reconstructionOf(decode, pixels, mean, std);
  return { code, pixels: left, sum: code + left };
}

/** "0110..." -> [0, 1, 1, 0, ...]. */
export const pixelsOf = (text) => Array.from(text, Number);

/** The posterior's picture: log p(z|x) + constant from what `below` spells, a tenth of a nat below the top a letter. */
export const heightsOf = (below) => Float64Array.from(below, (letter) => -(letter.charCodeAt(0) - 35) / 10);

/** Where a slow walk over the map is after some seconds: a closed way around the middle. */
export function wayAt(seconds) {
  const turn = seconds * 0.35;
  return [1.7 * Math.sin(turn + 0.9), 1.5 * Math.sin(1.6 * turn)];
}
