// The points as they are drawn: shuffled once, so that no class covers another and any beginning of them is a fair
// sample; those that are hidden left out; those that are chosen apart. No DOM.

import { quantiles } from "./point_index.js";

const TAIL = 0.01;              // of the points at each end of an axis that do not decide how far the picture reaches,
const ROOM = 0.35;              // but it reaches by this part of the rest beyond them, if there are points
const GRID = 64;                // cells a side, to see how crowded the points are
const CROWDED = 0.8;            // of the points lie where it is less crowded than `crowd` says

/** A fixed shuffled order of 0..count-1. */
export function shuffled(count, seed = 0x9e3779b9) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = seed;
  for (let i = count - 1; i > 0; i--) {
    state ^= state << 13;               // xorshift
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

/** How far an axis is worth showing: [low, high]. */
export function reachOf(values, count) {
  const [low, high] = quantiles(values, count, TAIL), room = ROOM * (high - low);
  let least = Infinity, most = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (value - value !== 0) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (most > least) return room > 0 ? [Math.max(least, low - room), Math.min(most, high + room)] : [least, most];
  const alone = most === least ? most : 0, half = Math.max(0.5, Math.abs(alone) * 0.1);
  return [alone - half, alone + half];
}

/** Points per unit of area where it is crowded; `count` points in a window, a sample of at most 50,000 counted. */
export function crowdOf(us, vs, count, [u0, u1, v0, v1]) {
  const cells = new Int32Array(GRID * GRID), stride = Math.max(1, Math.floor(count / 50_000));
  let inside = 0;
  for (let i = 0; i < count; i += stride) {
    const column = Math.floor(((us[i] - u0) / (u1 - u0)) * GRID), row = Math.floor(((vs[i] - v0) / (v1 - v0)) * GRID);
    if (!(column >= 0 && column < GRID && row >= 0 && row < GRID)) continue;
    cells[row * GRID + column]++;
    inside++;
  }
  if (!inside) return 0;
  cells.sort();
  let below = 0, k = 0;
  while (k < cells.length - 1 && (below += cells[k]) < CROWDED * inside) k++;
  return (cells[k] * stride * GRID * GRID) / Math.max(1e-30, (u1 - u0) * (v1 - v0));
}

/** One group of points to draw: numbers, coordinates (ws only with three axes) and colours, all in drawing order. */
function group(cloud, places) {
  const { order, axes, colours } = cloud, size = places.length, take = (from) => {
    const found = new Float32Array(size);
    for (let k = 0; k < size; k++) found[k] = from[places[k]];
    return found;
  };
  const index = new Uint32Array(size), tints = new Uint32Array(size);
  for (let k = 0; k < size; k++) index[k] = order[places[k]];
  if (colours) for (let k = 0; k < size; k++) tints[k] = colours[index[k]];
  const [us, vs, ws] = axes.map((values) => (size === order.length ? values : take(values)));
  return { count: size, index, us, vs, ws: ws ?? null, colours: tints };
}

/** All points of a picture. */
export class Cloud {
  constructor() {
    Object.assign(this, { colours: null, visible: null, chosen: null, count: 0, order: new Uint32Array(0) });
    this.setPoints(new Float32Array(0), 2);
  }

  /** coordinates (N x dims numbers): points with a NaN or an infinity are never shown. */
  setPoints(coordinates, dims) {
    const count = Math.floor(coordinates.length / dims), { order: known } = this;
    const order = known.length === count ? known : shuffled(count);
    this.axes = Array.from({ length: dims }, (_, d) => {
      const values = new Float32Array(count);
      for (let k = 0; k < count; k++) values[k] = coordinates[order[k] * dims + d];
      return values;
    });
    if (this.count !== count) Object.assign(this, { colours: null, visible: null, chosen: null });
    Object.assign(this, { coordinates, dims, count, order });
    this.reach = this.axes.map((values) => reachOf(values, count));
    this.crowd = crowdOf(this.axes[0], this.axes[1], count, this.reach.slice(0, 2).flat());
    this.sorted = null;
  }

  /** The middle of three axes, and how far nearly all points are from it: { centre, reach }. */
  get ball() {
    const { axes, count } = this, centre = axes.map((values) => quantiles(values, count, 0.5)[0]);
    const stride = Math.max(1, Math.floor(count / 20_000)), far = new Float32Array(Math.ceil(count / stride));
    far.forEach((_, k) => {
      far[k] = Math.hypot(...axes.map((values, d) => values[k * stride] - centre[d]));
    });
    return { centre, reach: 1.15 * quantiles(far, far.length, TAIL)[1] || 1 };
  }

  setColours(colours, visible = null) {
    Object.assign(this, { colours, visible, sorted: null });
  }

  /** Some points apart from the rest.  Args: chosen (numbers), or null. */
  choose(chosen) {
    this.chosen = chosen?.length ? new Uint8Array(this.count) : null;
    if (this.chosen) for (const i of chosen) this.chosen[i] = 1;
    this.sorted = null;
  }

  /** Who is drawn: { rest, apart (null while none are chosen), shown (Uint8Array in drawing order) }. */
  get groups() {
    this.sorted ??= this.sort();
    return this.sorted;
  }

  sort() {
    const { order, count, visible, chosen, axes } = this, rest = new Uint32Array(count), apart = [];
    const [us, vs, ws] = [...axes, axes[0]];
    const shown = new Uint8Array(count);
    let size = 0;
    for (let k = 0; k < count; k++) {
      const i = order[k], sum = us[k] + vs[k] + ws[k];
      if (sum - sum !== 0 || (visible && !visible[i])) continue;       // NaN, infinite or hidden
      shown[k] = 1;
      if (chosen && chosen[i]) apart.push(k);
      else rest[size++] = k;
    }
    return { rest: group(this, rest.subarray(0, size)), shown,
             apart: chosen ? group(this, Uint32Array.from(apart)) : null };
  }
}
