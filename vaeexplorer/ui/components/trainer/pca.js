// The plane of the first two principal components of many codes, turned so that it follows the plane before. No DOM.

const ROUNDS = 80;
const STILL = 1e-7;             // change of the plane between two rounds at which it has come to rest

/** Column means of codes (N x D). */
function means(codes, count, size) {
  const mean = new Float64Array(size);
  for (let n = 0, i = 0; n < count; n++) for (let d = 0; d < size; d++, i++) mean[d] += codes[i];
  return mean.map((v) => v / count);
}

/** Covariance times a vector, by way of the codes: D x D numbers are never made. */
function spread(codes, mean, count, vector) {
  const size = mean.length, result = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    let dot = 0;
    for (let d = 0, i = n * size; d < size; d++, i++) dot += (codes[i] - mean[d]) * vector[d];
    for (let d = 0, i = n * size; d < size; d++, i++) result[d] += dot * (codes[i] - mean[d]);
  }
  return result.map((v) => v / count);
}

const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

function normalized(vector, fallback) {
  const length = Math.sqrt(dot(vector, vector));
  return length > 1e-12 ? vector.map((v) => v / length) : fallback;
}

const unit = (size, at) => Float64Array.from({ length: size }, (_, i) => (i === at ? 1 : 0));

/** Two orthonormal vectors from any two. */
function orthonormal(a, b, size) {
  const first = normalized(a, unit(size, 0)), along = dot(first, b);
  const second = normalized(b.map((v, i) => v - along * first[i]), null);
  if (second) return [first, second];
  const other = unit(size, Math.abs(first[0]) > 0.9 ? 1 : 0), share = dot(first, other);
  return [first, normalized(other.map((v, i) => v - share * first[i]), other)];
}

/** Turn the basis (a, b) within its plane, and mirror it if need be, so that it lies closest to the one before. */
function aligned([a, b], [c, d]) {
  const m = [dot(a, c), dot(b, c), dot(a, d), dot(b, d)];         // rows: old axes, columns: new axes
  const turn = Math.atan2(m[2] - m[1], m[0] + m[3]), mirror = Math.atan2(m[2] + m[1], m[0] - m[3]);
  const turned = Math.hypot(m[0] + m[3], m[2] - m[1]) >= Math.hypot(m[0] - m[3], m[2] + m[1]);
  const angle = turned ? turn : mirror, flip = turned ? 1 : -1;
  const cos = Math.cos(angle), sin = Math.sin(angle);
  return [a.map((v, i) => cos * v - flip * sin * b[i]), a.map((v, i) => sin * v + flip * cos * b[i])];
}

/**
 * The plane of largest variance, as two orthonormal axes [a, b] of `size` numbers; two dimensions stay as they are.
 * Args: codes (count * size numbers); before: the axes of an earlier plane, or null. With one, the new axes span the
 *       same plane as the principal ones but are turned within it to lie as close to the old ones as they can.
 */
export function principalPlane(codes, count, size, before = null) {
  if (size === 2) return [unit(2, 0), unit(2, 1)];
  const mean = means(codes, count, size);
  let axes = before ?? orthonormal(
    Float64Array.from({ length: size }, (_, i) => Math.sin(1 + i * 1.7)),
    Float64Array.from({ length: size }, (_, i) => Math.cos(2 + i * 2.3)), size);
  for (let round = 0, still = 0; round < ROUNDS && still < 2; round++) {
    const [p, q] = axes.map((axis) => spread(codes, mean, count, axis)), next = orthonormal(p, q, size);
    const kept = next.reduce((sum, v) => sum + dot(v, axes[0]) ** 2 + dot(v, axes[1]) ** 2, 0);
    still = 2 - kept < STILL ? still + 1 : 0;
    axes = next;
  }
  return before ? aligned(axes, before) : upright(axes, codes, mean, count);
}

/** The principal axes within the plane: the wider one first. */
function upright([a, b], codes, mean, count) {
  const p = spread(codes, mean, count, a), q = spread(codes, mean, count, b);
  const angle = 0.5 * Math.atan2(2 * dot(p, b), dot(p, a) - dot(q, b)), cos = Math.cos(angle), sin = Math.sin(angle);
  return [a.map((v, i) => cos * v + sin * b[i]), a.map((v, i) => cos * b[i] - sin * v)];
}

/**
 * Codes seen in a plane through the origin, so that the middle of the prior lies at (0, 0).
 * Returns: { points (x, y, x, y, ...), share: of these codes' variance that lies in the plane }.
 */
export function project(codes, count, size, [a, b]) {
  const points = new Float32Array(2 * count), centre = means(codes, count, size);
  const cx = dot(centre, a), cy = dot(centre, b);
  let inside = 0, all = 0;
  for (let n = 0; n < count; n++) {
    let x = 0, y = 0;
    for (let d = 0, i = n * size; d < size; d++, i++) {
      x += codes[i] * a[d];
      y += codes[i] * b[d];
      all += (codes[i] - centre[d]) ** 2;
    }
    points[2 * n] = x;
    points[2 * n + 1] = y;
    inside += (x - cx) ** 2 + (y - cy) ** 2;
  }
  return { points, share: all > 0 ? Math.min(1, inside / all) : 1 };
}
