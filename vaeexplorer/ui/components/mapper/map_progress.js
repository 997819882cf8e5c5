// What takes time: a bar with words and Cancel, over the map. It appears only when an answer is not there at once.

import { button } from "./dom.js";
import { createProgressLine } from "./fetching.js";
import { duration } from "./scales.js";

const PATIENCE = 300;           // ms before the bar appears
const FORESEEN = 3;             // seconds after which the rest can be guessed

/** ", about 40 s left" from seconds gone and the fraction done since then; nothing where it would be a wild guess. */
export function remaining(seconds, done, fraction) {
  const pace = done / seconds;
  return seconds < FORESEEN || done < 0.01 || !(pace > 0) ? "" : `, about ${duration((1 - fraction) / pace)} left`;
}

/**
 * Returns: { element, run(what, task, cancellable) }. task(watch) gets { onProgress, signal } for map_server's jobs;
 * a newer task withdraws the one before (its promise rejects with Withdrawn).
 */
export function createProgress() {
  const line = createProgressLine("map-progress"), { element } = line;
  const stop = button("stop", "Cancel", () => now?.abort(), { label: "Cancel this computation" });
  element.append(stop);
  let now = null, patience = 0, waiting = false;

  function show(fraction, text) {
    line.show({ fraction, text });
    element.hidden = waiting;
  }

  return {
    element,
    get busy() { return now !== null; },
    withdraw() {
      now?.abort();
    },
    async run(what, task, cancellable = true) {
      now?.abort();
      const mine = now = new AbortController();
      stop.hidden = !cancellable;
      waiting = true;
      show(NaN, what);
      let first = null;
      clearTimeout(patience);
      patience = setTimeout(() => { element.hidden = waiting = false; }, PATIENCE);
      try {
        return await task({ signal: mine.signal, onProgress: ({ fraction, text }) => {
          if (now !== mine) return;
          if (fraction > 0) first ??= { fraction, at: performance.now() };
          const left = first && remaining((performance.now() - first.at) / 1000, fraction - first.fraction, fraction);
          show(fraction, `${text || what}${left ?? ""}`);
        } });
      } finally {
        if (now === mine) {
          now = null;
          clearTimeout(patience);
          element.hidden = true;
        }
      }
    },
  };
}
