// Runs of estimators: one at a time, the others wait; what they found is kept for coming back. No DOM.

import { Withdrawn } from "./jobs.js";

const IDLE = { phase: "idle", fraction: 0, text: "" };
const NOTHING = "cancelled before there was a value";

/** What the runs of a model leave for the next visit. */
export const emptyRuns = () => ({ results: new Map(), means: new Map(), pending: [], seed: null });

/**
 * Args: ctx of the page; memory, of emptyRuns; onchange(method) when something is to be shown anew.
 * Returns:
 *   run(method, title, samples, options): queue it for the images that are chosen now; one that waits or runs already
 *     is not queued twice;
 *   cancel(method): one that waits is dropped; one that runs ends, and what it has found so far stays, marked partial;
 *   state(method) -> { phase: "idle", "waiting", "running", "stopping" or "failed", fraction, text };
 *   of(method, key) -> the newest estimate of an image, or null;   mean(method, keys) -> that of these images, or null;
 *   busy -> whether anything runs or waits;   clear(): forget all results;   resume(): take up what was going on;
 *   stop(): leave the work alone, for resume() of a later visit.
 */
export function createRuns(ctx, memory, onchange) {
  const states = new Map(), quit = new AbortController();
  let now = null;

  function tell(method, state) {
    states.set(method, { ...IDLE, ...state });
    onchange(method);
  }

  function keep(found, final) {
    const { images, mean, ...about } = found, mine = memory.results.get(about.method) ?? new Map();
    memory.results.set(about.method, mine);
    for (const image of images) mine.set(image.key, { ...about, ...image, running: !final });
    memory.means.set(about.method, { ...about, mean, keys: images.map(({ key }) => key), running: !final });
    if (final) ctx.found.put(found);
  }

  async function work(run) {
    const onProgress = (state) => {
      if (run.ending && run.job !== state.job) end(state.job, run);
      run.job = state.job;
      if (state.partial && run.seed === ctx.state.seed) keep(state.partial, false);
      tell(run.method, { phase: run.ending ? "stopping" : "running", fraction: state.fraction, text: state.text });
    };
    const watch = { onProgress, signal: quit.signal, again: run.again };
    const answer = await ctx.jobs.untilDone("bounds/estimate", run.title, run.body, watch);
    const found = await answer.json();
    if (run.seed === ctx.state.seed) keep(found, true);
  }

  async function next() {
    if (now || quit.signal.aborted || !memory.pending.length) return;
    now = memory.pending[0];
    const run = now;
    tell(run.method, { phase: "running", fraction: NaN, text: "asking …" });
    let problem = null;
    try {
      await work(run);
    } catch (error) {
      problem = error;
    }
    now = null;
    if (problem instanceof Withdrawn || quit.signal.aborted) return;      // the page is gone; the work goes on
    memory.pending = memory.pending.filter((other) => other !== run);
    const stopped = run.ending && problem?.status === 409;
    settle(run.method);
    tell(run.method, stopped ? { text: NOTHING } : problem ? { phase: "failed", text: problem.message } : IDLE);
    next();
  }

  /** Nothing of this method is under way any more, whatever its last partial answer said. */
  function settle(method) {
    for (const one of memory.results.get(method)?.values() ?? []) one.running = false;
    if (memory.means.has(method)) memory.means.get(method).running = false;
  }

  const end = (job, run) => ctx.ask("jobs/cancel", run.title, { job }).catch(() => {});

  function cancel(method) {
    if (now?.method === method) {
      now.ending = true;
      if (now.job) end(now.job, now);
      tell(method, { ...states.get(method), phase: "stopping", text: "stopping …" });
      return;
    }
    const before = memory.pending.length;
    memory.pending = memory.pending.filter((run) => run.method !== method);
    if (memory.pending.length < before) tell(method, IDLE);
  }

  return {
    cancel,
    run(method, title, samples, options) {
      if (memory.pending.some((run) => run.method === method)) return;
      const chosen = samples === null ? {} : { samples };
      const body = ctx.question({ method, ...chosen, options });
      memory.pending.push({ method, title, body, seed: ctx.state.seed, again: true });
      tell(method, { phase: "waiting", text: "waiting for the one before" });
      next();
    },
    state: (method) => states.get(method) ?? IDLE,
    of: (method, key) => memory.results.get(method)?.get(key) ?? ctx.found.of(method, key),
    mean(method, keys) {
      const kept = memory.means.get(method);
      return kept && kept.keys.length === keys.length && keys.every((key) => kept.keys.includes(key)) ? kept : null;
    },
    get busy() { return memory.pending.length > 0; },
    clear() {
      memory.results.clear();
      memory.means.clear();
    },
    resume() {
      for (const run of memory.pending) Object.assign(run, { again: false, job: null });
      for (const run of memory.pending) states.set(run.method, { ...IDLE, phase: "waiting" });
      next();
    },
    stop: () => quit.abort(),
  };
}
