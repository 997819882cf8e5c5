// Which points lie inside a polygon, by the even-odd rule; edges lie in slabs, so a point meets few of them. No DOM.

const SLABS = 512;

/**
 * A test for one polygon.  Args: polygon (x, y, x, y, ...; closed by itself).
 * Returns: (x, y) -> bool; always false for fewer than three corners and for NaN.
 */
export function insideOf(polygon) {
  const corners = polygon.length >> 1;
  if (corners < 3) return () => false;
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < corners; i++) {
    [left, right] = [Math.min(left, polygon[2 * i]), Math.max(right, polygon[2 * i])];
    [low, high] = [Math.min(low, polygon[2 * i + 1]), Math.max(high, polygon[2 * i + 1])];
  }
  const per = SLABS / Math.max(high - low, 1e-30);
  const slab = (y) => Math.min(SLABS - 1, Math.max(0, ((y - low) * per) | 0));
  const slabs = Array.from({ length: SLABS }, () => []);
  for (let i = 0, j = corners - 1; i < corners; j = i++) {
    const [ax, ay, bx, by] = [polygon[2 * j], polygon[2 * j + 1], polygon[2 * i], polygon[2 * i + 1]];
    if (ay === by) continue;
    const last = slab(Math.max(ay, by));
    for (let s = slab(Math.min(ay, by)); s <= last; s++) slabs[s].push(ax, ay, bx, by);
  }
  return (x, y) => {
    if (!(x >= left && x <= right && y >= low && y <= high)) return false;
    const edges = slabs[slab(y)];
    let inside = false;
    for (let k = 0; k < edges.length; k += 4) {
      const ay = edges[k + 1], by = edges[k + 3];
      if ((ay > y) !== (by > y) && x < edges[k] + ((y - ay) / (by - ay)) * (edges[k + 2] - edges[k])) inside = !inside;
    }
    return inside;
  };
}

/** Numbers of the points inside a polygon, ascending.  Args: us, vs (count); index: their numbers, null: 0, 1, ... */
export function pointsInside(polygon, us, vs, count, index = null) {
  const inside = insideOf(polygon), found = [];
  for (let i = 0; i < count; i++) if (inside(us[i], vs[i])) found.push(index ? index[i] : i);
  const numbers = Uint32Array.from(found);
  return index ? numbers.sort() : numbers;
}

/** A path without the points that lie within `apart` of the one before: a hand makes far more than it needs. */
export function thinned(path, apart) {
  const kept = [];
  for (let i = 0; i < path.length; i += 2) {
    const dx = path[i] - kept.at(-2), dy = path[i + 1] - kept.at(-1);
    if (!(Math.hypot(dx, dy) < apart)) kept.push(path[i], path[i + 1]);
  }
  return kept;
}
