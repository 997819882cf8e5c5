// Three axes seen from a side that the hand chooses: rotation about the middle, no perspective. No DOM.

const SPEED = 0.008;            // radians per CSS pixel of the hand
const START = [-0.5, -0.45];    // radians to the side and from above: the first look shows all three axes
const SLABS = 64;               // of depth, drawn from the back to the front

const product = (a, b) => Float64Array.from({ length: 9 }, (_, i) => {
  const row = 3 * Math.floor(i / 3), column = i % 3;
  return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
});

/** Rotation of what is seen: by `a` about the upward axis of the screen, then by `b` about its rightward axis. */
function rotation(a, b) {
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  return product([1, 0, 0, 0, cb, -sb, 0, sb, cb], [ca, 0, sa, 0, 1, 0, -sa, 0, ca]);
}

/** Which way the cloud is turned.  Screen axes: right, up, towards the eye. */
export class Turning {
  constructor(centre = [0, 0, 0], reach = 1) {
    Object.assign(this, { centre, reach });
    this.reset();
  }

  reset() {
    this.matrix = rotation(...START);
  }

  /** The hand moved by CSS pixels: the front of the cloud follows it. */
  turn(dx, dy) {
    this.matrix = product(rotation(dx * SPEED, dy * SPEED), this.matrix);
  }

  /** Points number from..to-1 of xs, ys, zs as seen -> us, vs, depths from place 0 on; depth grows towards the eye. */
  project(xs, ys, zs, from, to, us, vs, depths) {
    const [a, b, c, d, e, f, g, h, k] = this.matrix, [x0, y0, z0] = this.centre;
    for (let i = from, j = 0; i < to; i++, j++) {
      const x = xs[i] - x0, y = ys[i] - y0, z = zs[i] - z0;
      us[j] = a * x + b * y + c * z;
      vs[j] = d * x + e * y + f * z;
      depths[j] = g * x + h * y + k * z;
    }
  }

  /** A direction of the data as seen: [right, up, towards the eye]. */
  seen(x, y, z) {
    const m = this.matrix;
    return [0, 3, 6].map((row) => m[row] * x + m[row + 1] * y + m[row + 2] * z);
  }

  /** The slab of each depth, 0 the farthest. */
  slab(depth) {
    const at = ((depth / this.reach + 1) * SLABS) / 2;
    return at > 0 ? Math.min(SLABS - 1, at | 0) : 0;            // a NaN lands in the first slab
  }

  /** The first `count` depths in order from back to front, by slabs -> places into `order`. */
  sort(depths, count, order) {
    const starts = new Int32Array(SLABS + 1);
    for (let i = 0; i < count; i++) starts[this.slab(depths[i]) + 1]++;
    for (let s = 0; s < SLABS; s++) starts[s + 1] += starts[s];
    for (let i = 0; i < count; i++) order[starts[this.slab(depths[i])]++] = i;
  }
}
