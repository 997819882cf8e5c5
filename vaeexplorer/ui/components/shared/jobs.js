// Work of the app that takes time: the same question is asked again until the answer is there. No DOM.

import { address, ask } from "./ask.js";

const AGAIN = 250;              // ms between two questions about the same job

/** The question was withdrawn: by a newer one, by Cancel, or because the page is gone. */
export class Withdrawn extends Error {}

/** Options of a POST with a JSON body. */
export const json = (body) => (
  { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/**
 * Ask a route (POST body below the app's root) until its job is done.
 * Args: what names the thing in an error message; watch = { onProgress({ job, fraction, text }), signal, cancels,
 * again }: with `again` a job that failed or was cancelled begins anew.
 * When the signal is aborted, the job is left alone, or stopped with `cancels`, and Withdrawn is thrown.
 * Returns: the last answer.
 */
export async function untilDone(root, route, what, body, watch = {}) {
  const { onProgress = () => {}, signal = null, cancels = false, again = false } = watch;
  for (let known = null, first = again; ; first = false) {
    if (signal?.aborted) {
      if (known && cancels) ask(address(root, "jobs/cancel"), what, json({ job: known })).catch(() => {});
      throw new Withdrawn(what);
    }
    const answer = await ask(address(root, route), what, json(first ? { ...body, again } : body));
    if (signal?.aborted && answer.status !== 202) throw new Withdrawn(what);
    if (answer.status !== 202) return answer;
    const state = await answer.json();
    known = state.job;
    if (!signal?.aborted) onProgress(state);
    await pause(AGAIN);
  }
}

/** One task at a time; while it runs, only the newest call waits.  Returns: a function that calls it. */
export function latest(task) {
  let running = false, next = null;
  return async function call(...values) {
    next = values;
    if (running) return;
    running = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await task(...now);
      }
    } finally {
      running = false;
    }
  };
}
