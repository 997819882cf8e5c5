// Lines of equal density, the levels that hold a share of it, and the holes where codes are missing. No DOM.
//
// Densities are given on a grid of w x h nodes over a window [u0, u1, v0, v1]: value [j * w + i] stands at
// u = u0 + i (u1 - u0) / (w - 1), v = v0 + j (v1 - v0) / (h - 1); their logarithm in nats.

const LOWEST = -1e4;            // stands for the logarithm of nothing: lines can be drawn beside it
const NONE = -1;

/** Area that a node of the grid stands for. */
export const cellArea = ([w, h], [u0, u1, v0, v1]) => ((u1 - u0) / (w - 1)) * ((v1 - v0) / (h - 1));

// The four corners of a cell are, in order, lower left, lower right, upper right, upper left; bit k of a case says
// that corner k is above the level. Sides: 0 below, 1 right, 2 above, 3 left. Each case: pairs of sides a line joins.
const CASES = [[], [3, 0], [0, 1], [3, 1], [1, 2], null, [0, 2], [3, 2], [2, 3], [2, 0], null, [2, 1], [1, 3], [1, 0],
               [0, 3], []];
const SADDLES = { 5: { joined: [3, 2, 1, 0], apart: [3, 0, 1, 2] }, 10: { joined: [0, 3, 2, 1], apart: [0, 1, 2, 3] } };

/** Segments of one level as pairs of edges: an edge is 2 * node (to the right of it) or 2 * node + 1 (above it). */
function segments(values, w, h, level) {
  const found = [], ends = new Int32Array(4);
  for (let j = 0; j + 1 < h; j++) {
    for (let i = 0; i + 1 < w; i++) {
      const at = j * w + i, a = values[at], b = values[at + 1], c = values[at + w + 1], d = values[at + w];
      const kind = (a > level ? 1 : 0) | (b > level ? 2 : 0) | (c > level ? 4 : 0) | (d > level ? 8 : 0);
      if (kind === 0 || kind === 15) continue;
      const sides = CASES[kind] ?? SADDLES[kind][(a + b + c + d) / 4 > level ? "joined" : "apart"];
      [ends[0], ends[1], ends[2], ends[3]] = [2 * at, 2 * (at + 1) + 1, 2 * (at + w), 2 * at + 1];
      for (let k = 0; k < sides.length; k += 2) found.push(ends[sides[k]], ends[sides[k + 1]]);
    }
  }
  return found;
}

/** Segments joined into chains of edges; a closed one ends with its first edge. */
function chains(pairs, edges) {
  const first = new Int32Array(edges).fill(NONE), second = first.slice(), used = new Uint8Array(pairs.length / 2);
  for (let k = 0; k < pairs.length; k++) {
    const edge = pairs[k];
    if (first[edge] === NONE) first[edge] = k >> 1;
    else second[edge] = k >> 1;
  }
  const follow = (edge) => {
    const chain = [edge];
    for (;;) {
      const next = [first[edge], second[edge]].find((segment) => segment !== NONE && !used[segment]);
      if (next === undefined) return chain;
      used[next] = 1;
      edge = pairs[2 * next] === edge ? pairs[2 * next + 1] : pairs[2 * next];
      chain.push(edge);
    }
  };
  const found = [];
  for (const edge of pairs) if (second[edge] === NONE) found.push(follow(edge));      // those that end at the border
  for (const edge of pairs) found.push(follow(edge));
  return found.filter((chain) => chain.length > 1);
}

/**
 * Lines of equal value.  Args: values (w * h), size [w, h], window, levels (numbers; null is left out).
 * Returns: polylines u, v, u, v, ... of all levels, each followed by a pair of NaN.
 */
export function contourLines(values, [w, h], [u0, u1, v0, v1], levels) {
  const points = [], field = Float64Array.from(values, (value) => (value > LOWEST ? value : LOWEST));
  const du = (u1 - u0) / (w - 1), dv = (v1 - v0) / (h - 1);
  for (const level of levels) {
    if (level === null || !Number.isFinite(level)) continue;
    for (const chain of chains(segments(field, w, h, level), 2 * w * h)) {
      for (const edge of chain) {
        const node = edge >> 1, up = edge & 1, i = node % w, j = (node - i) / w;
        const a = field[node], t = (level - a) / (field[node + (up ? w : 1)] - a);
        points.push(u0 + (i + (up ? 0 : t)) * du, v0 + (j + (up ? t : 0)) * dv);
      }
      points.push(NaN, NaN);
    }
  }
  return Float32Array.from(points);
}

/**
 * Levels of the smallest regions that hold given shares of a density (regions of highest density).
 * Args: logDensity at nodes, the area that each stands for, shares in 0..1.
 * Returns: for each share a level in nats, or null where the window holds less than that.
 */
export function levelsOf(logDensity, area, shares) {
  const sorted = Float64Array.from(logDensity).filter((value) => value > LOWEST).sort().reverse();
  let mass = 0, k = 0;
  const found = new Map();
  for (const share of [...shares].sort((a, b) => a - b)) {
    while (k < sorted.length && mass < share) mass += Math.exp(sorted[k++]) * area;
    found.set(share, mass >= share && k > 0 ? sorted[k - 1] : null);
  }
  return shares.map((share) => found.get(share));
}

/** A grid with a rim of nodes below everything, so that lines close at the border: { values, size, window }. */
function rimmed(values, [w, h], [u0, u1, v0, v1]) {
  const size = [w + 2, h + 2], wide = new Float64Array(size[0] * size[1]).fill(LOWEST);
  for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) wide[(j + 1) * size[0] + i + 1] = values[j * w + i];
  const du = (u1 - u0) / (w - 1), dv = (v1 - v0) / (h - 1);
  return { values: wide, size, window: [u0 - du, u1 + du, v0 - dv, v1 + dv] };
}

/**
 * Holes of the aggregate posterior: places within the prior's region of highest density that holds `inside` of it,
 * where codes are `ratio` times rarer than the prior says. A decoder that is given draws of the prior meets such
 * places, but has not seen their like.
 * Args: logQ, logPrior at nodes, in nats; priorLevel: the region's level where it is known (else found in this window).
 * Returns: { points (closed polylines as contourLines), mask (w * h), share (of the prior's mass: that in holes) }.
 */
export function holes(logQ, logPrior, size, window, { inside = 0.9, ratio = 10, priorLevel = null } = {}) {
  const area = cellArea(size, window), level = priorLevel ?? levelsOf(logPrior, area, [inside])[0] ?? LOWEST;
  const rarer = Math.log(ratio), mask = new Uint8Array(logQ.length), field = new Float64Array(logQ.length);
  let share = 0;
  for (let i = 0; i < logQ.length; i++) {
    const q = logQ[i] > LOWEST ? logQ[i] : LOWEST;
    field[i] = Math.min(logPrior[i] - level, logPrior[i] - rarer - q);
    if (!(field[i] > 0)) continue;
    mask[i] = 1;
    share += Math.exp(logPrior[i]) * area;
  }
  const rim = rimmed(field, size, window);
  return { points: contourLines(rim.values, rim.size, rim.window, [0]), mask, share };
}

/** The ellipse of a Gaussian in the plane, `reach` standard deviations wide.  Args: covariance [[a, b], [b, c]]. */
export function ellipseOf([[a, b], [, c]], reach = 1) {
  const middle = (a + c) / 2, half = Math.hypot((a - c) / 2, b);
  return { radii: [Math.sqrt(Math.max(0, middle + half)) * reach, Math.sqrt(Math.max(0, middle - half)) * reach],
           angle: 0.5 * Math.atan2(2 * b, a - c) };
}
