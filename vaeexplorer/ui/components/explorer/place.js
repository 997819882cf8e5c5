// Where one is: z, what is locked, and the way back. No DOM.
//
// Listeners hear ("move", i) when dimension i changed, ("move", -1) when several did, ("rest", -1) when a change is
// finished (the button released), ("lock", i).

const STEPS_BACK = 500;

/** Args: prior (prior.js); start z of length D. */
export function createPlace(prior, start) {
  const valid = prior.bits ? (v) => (v >= 0.5 ? 1 : 0) : (v) => v;
  const z = Float64Array.from(start, valid), locked = new Array(z.length).fill(false), listeners = new Set();
  const past = [];
  const changes = new Float64Array(z.length);     // of each dimension alone
  let total = 0;                                  // of anything
  const tell = (what, index = -1) => {
    for (const listener of listeners) listener(what, index);
  };
  const same = (a, b) => a.every((v, i) => v === b[i]);

  const place = {
    z, locked,
    listen(listener) {
      listeners.add(listener);
    },
    /** Move along one dimension, as a slider does while it is dragged. */
    set(index, value) {
      const next = valid(value);
      if (next === z[index] || !Number.isFinite(next)) return;
      z[index] = next;
      total++;
      changes[index]++;
      tell("move", index);
    },
    /** Move to a whole z; locked dimensions stay where `respectLocks` asks for it. */
    go(target, respectLocks = false) {
      for (let i = 0; i < z.length; i++) if (!(respectLocks && locked[i])) z[i] = valid(target[i]);
      total++;
      tell("move");
    },
    /** A change is finished: remember it for Undo and let Streamlit know. */
    rest() {
      if (past.length && same(past.at(-1), z)) return;
      past.push(Float64Array.from(z));
      if (past.length > STEPS_BACK) past.shift();
      tell("rest");
    },
    canUndo: () => past.length > 1 || (past.length === 1 && !same(past[0], z)),
    undo() {
      if (!place.canUndo()) return;
      if (same(past.at(-1), z)) past.pop();
      place.go(past.at(-1));
      tell("rest");
    },
    lock(index, on) {
      locked[index] = on;
      tell("lock", index);
    },
    /** How many changes there have been. */
    changes: () => total,
    /** Changes whenever any other dimension than `index` does: the filmstrip of `index` is stale then. */
    surroundings: (index) => total - changes[index],
  };
  return place;
}
