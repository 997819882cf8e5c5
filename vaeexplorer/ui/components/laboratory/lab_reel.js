// The moments of a film from the app, as they are computed. No DOM.

import { address, ask } from "./ask.js";
import { json, Withdrawn } from "./jobs.js";

const AGAIN = 40;               // ms between two questions: each waits in the app for the next moment
const WHAT = "This demonstration";

/** Who watches: a name of this tab's own. */
const WHO = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("-");

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/**
 * Watch a film from its beginning to its end.
 * Args: root; film = { demo, settings, seed }; watch = { onMoments(moments, complete), onProgress({ fraction, text }),
 * signal }. When the signal is aborted the app is told, and ends the work if nobody else watches; then Withdrawn is
 * thrown. What goes wrong is an Error with one line.
 */
export async function watchFilm(root, film, { onMoments, onProgress = () => {}, signal }) {
  let have = 0, over = false;
  const leave = () => {
    if (over) return;
    over = true;
    fetch(address(root, "lab/leave"), { ...json({ ...film, who: WHO }), keepalive: true }).catch(() => {});
  };
  signal.addEventListener("abort", leave);
  window.addEventListener("pagehide", leave, { signal });
  try {
    for (let first = true; ; first = false) {
      const answer = await ask(address(root, "lab/play"), WHAT,
                               { ...json({ ...film, have, who: WHO, again: first }), signal });
      const told = await answer.json(), complete = answer.status === 200;
      const { start, moments } = complete ? told : told.partial;
      if (start !== have) throw new Error(`${WHAT}: moments are missing. Reset it to begin again.`);
      have += moments.length;
      if (moments.length || complete) onMoments(moments, complete);
      if (complete) return;
      onProgress(told);
      await pause(AGAIN);
      if (signal.aborted) break;
    }
  } catch (problem) {
    if (!signal.aborted) throw problem;
  } finally {
    signal.removeEventListener("abort", leave);
    over ||= !signal.aborted;
  }
  throw new Withdrawn(WHAT);
}
