// Which point lies nearest: a uniform grid over the plane, its points sorted by cell. No DOM.

const PER_CELL = 6;             // points of a cell on average
const SLICE = 40_000;           // points between two chances to pause while the grid is made
const TAIL = 0.005;             // of the points lie beyond the grid at each side: its outer cells hold them too

/** The point of us, vs nearest to (u, v) within a radius, or -1; all are looked at. */
export function nearestOfAll(us, vs, count, u, v, radius) {
  let found = -1, best = radius * radius;
  for (let i = 0; i < count; i++) {
    const du = us[i] - u, dv = vs[i] - v, d = du * du + dv * dv;
    if (d <= best) [found, best] = [i, d];
  }
  return found;
}

/** [low, high] that all but a share of the values lie in, by a sample of them; NaN and infinities do not count. */
export function quantiles(values, count, share, sample = 20_000) {
  const stride = Math.max(1, Math.floor(count / sample)), kept = new Float32Array(Math.ceil(count / stride));
  let size = 0;
  for (let i = 0; i < count; i += stride) if (Number.isFinite(values[i])) kept[size++] = values[i];
  if (!size) return [0, 0];
  const sorted = kept.subarray(0, size).sort(), at = (q) => sorted[Math.round(q * (size - 1))];
  return [at(share), at(1 - share)];
}

/** A grid over points (us, vs); `build` is a generator so that the making can be spread over frames. */
export class PointIndex {
  constructor(us, vs) {
    Object.assign(this, { us, vs, count: us.length, ready: false });
  }

  /** Make the grid; pauses after every SLICE points. */
  * build() {
    const { us, vs, count } = this, [u0, u1] = quantiles(us, count, TAIL), [v0, v1] = quantiles(vs, count, TAIL);
    const cells = Math.max(1, count / PER_CELL), wide = Math.max(u1 - u0, 1e-30), high = Math.max(v1 - v0, 1e-30);
    this.nu = Math.max(1, Math.min(2048, Math.round(Math.sqrt(cells * Math.min(1e3, wide / high)))));
    this.nv = Math.max(1, Math.min(2048, Math.round(cells / this.nu)));
    Object.assign(this, { u0, v0, perU: this.nu / wide, perV: this.nv / high });
    const home = new Int32Array(count), first = new Int32Array(this.nu * this.nv + 1);
    yield;
    for (let i = 0; i < count; i++) {
      const u = us[i], v = vs[i], cell = u - u === 0 && v - v === 0 ? this.column(u) + this.nu * this.row(v) : -1;
      home[i] = cell;
      if (cell >= 0) first[cell + 1]++;
      if (i % SLICE === SLICE - 1) yield;
    }
    for (let cell = 0; cell < this.nu * this.nv; cell++) first[cell + 1] += first[cell];
    yield;
    const items = new Int32Array(count), next = first.slice();
    for (let i = 0; i < count; i++) {
      if (home[i] >= 0) items[next[home[i]]++] = i;
      if (i % SLICE === SLICE - 1) yield;
    }
    Object.assign(this, { first, items, ready: true });
  }

  /** Make it all at once. */
  finish() {
    for (const _ of this.build());
    return this;
  }

  column(u) {
    return Math.min(this.nu - 1, Math.max(0, Math.floor((u - this.u0) * this.perU)));
  }

  row(v) {
    return Math.min(this.nv - 1, Math.max(0, Math.floor((v - this.v0) * this.perV)));
  }

  /**
   * The point nearest to (u, v) within a radius, or -1.  Args: shown (Uint8Array, or null for all): which points count.
   * A quarter of the radius is tried first: where points are dense, most of them are never looked at.
   */
  nearest(u, v, radius, shown = null) {
    for (const reach of [radius / 16, radius / 4, radius]) {
      const found = this.within(u, v, reach, shown);
      if (found >= 0) return found;
    }
    return -1;
  }

  within(u, v, radius, shown) {
    const { us, vs, first, items, nu } = this, c0 = this.column(u - radius), c1 = this.column(u + radius);
    let found = -1, best = radius * radius;
    for (let row = this.row(v - radius), last = this.row(v + radius); row <= last; row++) {
      for (let k = first[row * nu + c0]; k < first[row * nu + c1 + 1]; k++) {
        const i = items[k], du = us[i] - u, dv = vs[i] - v, d = du * du + dv * dv;
        if (d <= best && (!shown || shown[i])) [found, best] = [i, d];
      }
    }
    return found;
  }
}
