// What a page about a few images of a model looks at. No DOM.

export const MOST = 16;                 // images in one question

/**
 * The page's state. Read its fields; change them with set. Fields: images (keys: "test:17", "picture:0123456789ab"),
 * active (the one that is looked at, or null), units, sign: how numbers are shown; seed, titles (Map: key -> name).
 * Args: start, fields that are other than usual; most, images at a time.
 * Returns: the state with set(patch), show(key) and subscribe(fn) -> a function that ends it; fn(changed: Set of names,
 *   state) is called after each change, at once and only if something is different.
 */
export function createState(start = {}, most = MOST) {
  const listeners = new Set();
  const state = { images: [], active: null, units: "nats", sign: "log p", seed: 0, titles: new Map(), ...start };

  function set(patch) {
    const next = { ...patch };
    if (next.images) next.images = [...new Set(next.images)].slice(0, most);
    const images = next.images ?? state.images, active = "active" in next ? next.active : state.active;
    next.active = images.includes(active) ? active : images[0] ?? null;
    const changed = new Set(Object.keys(next).filter((name) => !same(next[name], state[name])));
    for (const name of changed) state[name] = next[name];
    if (changed.size) for (const listener of [...listeners]) listener(changed, state);
  }

  function subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Look at an image; one that is not among the images joins them, in place of the last where there is no room. */
  function show(key) {
    const room = state.images.includes(key) ? state.images : [...state.images.slice(0, most - 1), key];
    set({ images: room, active: key });
  }

  set({});                              // an active image that is none of the images gives way
  return Object.assign(state, { most, set, show, subscribe });
}

function same(a, b) {
  return Array.isArray(a) && Array.isArray(b) ? a.length === b.length && a.every((v, i) => v === b[i]) : a === b;
}
