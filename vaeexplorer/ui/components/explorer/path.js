// Ways from one place to another. Every path returns its end points exactly, for t = 0 and t = 1.

/** Straight line. */
export function straight(a, b, t) {
  return Float64Array.from(a, (v, i) => (1 - t) * v + t * b[i]);
}

/**
 * Great circle: turns at a constant rate about the origin and keeps to the shell where prior samples lie
 * (spherical interpolation, Shoemake 1985). Opposite or vanishing ends have no such circle: straight line instead.
 */
export function greatCircle(a, b, t) {
  const [lengthA, lengthB] = [Math.hypot(...a), Math.hypot(...b)];
  const cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / (lengthA * lengthB);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (t === 0 || t === 1 || !(sine > 1e-6)) return straight(a, b, t);
  const [from, to] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return Float64Array.from(a, (v, i) => from * v + to * b[i]);
}

/** For bits: those that differ flip one by one, in the given order of dimensions. */
export function flips(a, b, t, order) {
  const different = order.filter((i) => a[i] !== b[i]);
  const done = Math.round(t * different.length);
  const z = Float64Array.from(a);
  for (const i of different.slice(0, done)) z[i] = b[i];
  return z;
}

/** A point on the smooth curve through p1 and p2 (Catmull and Rom 1974), t in 0..1 from p1 to p2. */
export function through(p0, p1, p2, p3, t) {
  return Float64Array.from(p1, (v, i) => 0.5 * (2 * v + (p2[i] - p0[i]) * t
    + (2 * p0[i] - 5 * v + 4 * p2[i] - p3[i]) * t * t + (3 * v - p0[i] - 3 * p2[i] + p3[i]) * t * t * t));
}

/** The path of a model: name is "straight" or "circle"; bits always flip. Circles are drawn in standard coordinates. */
export function pathBetween(prior, order, name) {
  if (prior.bits) return (a, b, t) => flips(a, b, t, order);
  if (name !== "circle") return straight;
  return (a, b, t) => {
    if (t === 0 || t === 1) return straight(a, b, t);
    return prior.fromStandard(greatCircle(prior.toStandard(a), prior.toStandard(b), t));
  };
}
