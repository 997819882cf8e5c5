// The functions of the playground: f(z), its slope f'(z), and the numbers that a hand can change. No DOM.

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const LEFT_WIDTH = 0.5, RIGHT_WIDTH = 0.8;              // standard deviations of the two peaks

const slider = (name, words, title, low, high) => ({ name, words, title, low, high });

const logNormal = (z, mean, std) => -0.5 * ((z - mean) / std) ** 2 - Math.log(std) - HALF_LOG_TWO_PI;

/** log(1/2 N(z; -d, .5^2) + 1/2 N(z; d, .8^2)), and how much of it is the left peak's. */
function peaksAt(z, distance) {
  const left = logNormal(z, -distance, LEFT_WIDTH), right = logNormal(z, distance, RIGHT_WIDTH);
  const most = Math.max(left, right), a = Math.exp(left - most), b = Math.exp(right - most);
  return { value: most + Math.log(0.5 * (a + b)), share: a / (a + b) };
}

/**
 * name -> { title, words (the function, in letters), sliders [{ name, words, title, low, high }], start (their values),
 * of(values) -> { value(z), slope(z), breaks (where f jumps, if it does), quadratic ({ a, b, c } or null) } }.
 * All have the constant c among their values.
 */
export const FUNCTIONS = {
  quadratic: {
    title: "a hill", words: "f(z) = a z² + b z + c",
    sliders: [slider("a", "a", "a, the bend of the hill", -5, 5), slider("b", "b", "b, its tilt", -5, 5)],
    start: { a: -2.5, b: 1 },
    of: ({ a, b, c }) => ({ value: (z) => (a * z + b) * z + c, slope: (z) => 2 * a * z + b, breaks: [],
                            quadratic: { a, b, c } }),
  },
  wave: {
    title: "a wave", words: "f(z) = cos(w z) + c",
    sliders: [slider("w", "w", "w, how fast the wave swings", 0.5, 12)],
    start: { w: 5 },
    of: ({ w, c }) => ({ value: (z) => Math.cos(w * z) + c, slope: (z) => -w * Math.sin(w * z), breaks: [],
                         quadratic: null }),
  },
  step: {
    title: "a step", words: "f(z) = 1 where z > t, else 0; + c",
    sliders: [slider("t", "t", "t, where the step stands", -3, 3)],
    start: { t: 0.5 },
    of: ({ t, c }) => ({ value: (z) => (z > t ? 1 : 0) + c, slope: () => 0, breaks: [t], quadratic: null }),
  },
  peaks: {
    title: "two peaks", words: "f(z) = log[ ½ N(z; −d, 0.5²) + ½ N(z; d, 0.8²) ] + c",
    sliders: [slider("d", "d", "d, half the distance of the peaks", 0, 3)],
    start: { d: 1.6 },
    of: ({ d, c }) => ({
      value: (z) => peaksAt(z, d).value + c,
      slope: (z) => {
        const { share } = peaksAt(z, d);
        return -share * (z + d) / LEFT_WIDTH ** 2 - (1 - share) * (z - d) / RIGHT_WIDTH ** 2;
      },
      breaks: [], quadratic: null,
    }),
  },
};
