// What the Bounds page shows: units and signs of its numbers, and what was found out about its images. No DOM.

export const UNITS = ["nats", "bits", "bits per dimension"];
export const SIGNS = ["log p", "surprisal"];

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
