// What the Bounds page is about and how it is shown: images, unit, sign; and what was found out about them. No DOM.

export const UNITS = ["nats", "bits", "bits per dimension"];
export const SIGNS = ["log p", "surprisal"];
export const MOST = 16;                 // images in one question

/**
 * The page's state. Read its fields; change them with set. Fields: images (keys: "test:17", "picture:0123456789ab"),
 * active (the one that is looked at, or null), units (of UNITS), sign (of SIGNS), seed, titles (Map: key -> name).
 * Returns: the state with set(patch), show(key) and subscribe(fn) -> a function that ends it; fn(changed: Set of names,
 *   state) is called after each change, at once and only if something is different.
 */
export function createState(start = {}) {
  const listeners = new Set();
  const state = { images: [], active: null, units: "nats", sign: "log p", seed: 0, titles: new Map(), ...start };

  function set(patch) {
    const next = { ...patch };
    if (next.images) next.images = [...new Set(next.images)].slice(0, MOST);
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
    const room = state.images.includes(key) ? state.images : [...state.images.slice(0, MOST - 1), key];
    set({ images: room, active: key });
  }

  set({});                              // an active image that is none of the images gives way
  return Object.assign(state, { set, show, subscribe });
}

function same(a, b) {
  return Array.isArray(a) && Array.isArray(b) ? a.length === b.length && a.every((v, i) => v === b[i]) : a === b;
}

// From the surest estimate of log p(x) to the least: by what a method is, never by the value it happens to give, for
// the best of several noisy bounds is too high.
const SUREST = ["exact", "enumeration", "grid", "refined", "ais", "iwae", "prior"];
const rank = (method) => (SUREST.includes(method) ? SUREST.indexOf(method) : SUREST.length);

/**
 * Estimates of log p(x) that were made, by method and image; the newest with the most draws of a method stands.
 * put(document of bounds/estimate); of(method, key) -> { key, value, stderr, ..., method, title, kind, samples,
 *   counted, complete, seconds } or null; all(key) -> those of an image, the surest method first; best(key) -> the
 *   first of them or null;
 * common(keys) -> methods that all these images have, the surest first.
 */
export function createFound() {
  const kept = new Map(), listeners = new Set();          // method -> key -> estimate

  const of = (method, key) => kept.get(method)?.get(key) ?? null;
  const methods = () => [...kept.keys()].sort((a, b) => rank(a) - rank(b));

  return {
    of,
    put(answer) {
      const { images, ...about } = answer, mine = kept.get(about.method) ?? new Map();
      kept.set(about.method, mine);
      for (const image of images) {
        const before = mine.get(image.key);
        if (!before || about.samples >= before.samples) mine.set(image.key, { ...about, ...image });
      }
      for (const listener of [...listeners]) listener(about.method);
    },
    all: (key) => methods().map((method) => of(method, key)).filter(Boolean),
    best: (key) => methods().map((method) => of(method, key)).find(Boolean) ?? null,
    common: (keys) => methods().filter((method) => keys.length && keys.every((key) => of(method, key))),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
