// Asking for a run again and again: quicker after an order, slower once it is over, not at all while nobody looks.

const LIVE = 1000, SLOW_MOTION = 400, QUICK = 300, OVER = 5000;         // ms between two questions
const AGAIN = [1000, 2000, 4000, 8000];                                 // ms after a failure
const QUICK_FOR = 4000;                                                 // ms after an order

/**
 * `ask()` gives the answer or throws an Error with a `status`; `onAnswer(answer)` and `onFailure(error)` hear of it.
 * Returns: { start(), hurry(), stop() }.
 */
export function createFeed({ ask, onAnswer, onFailure }) {
  let timer = 0, asking = false, failures = 0, quickUntil = 0, last = null, stopped = false, again = false;

  function delay() {
    if (failures) return AGAIN[Math.min(failures, AGAIN.length) - 1];
    if (performance.now() < quickUntil) return QUICK;
    if (!last?.status.live) return OVER;
    return last.status.pace && last.status.state === "running" ? SLOW_MOTION : LIVE;
  }

  function plan(ms) {
    clearTimeout(timer);
    if (!stopped && !document.hidden) timer = setTimeout(tick, ms);
  }

  async function tick() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      last = await ask();
      failures = 0;
      if (!stopped) onAnswer(last);
    } catch (error) {
      failures++;
      if (!stopped) onFailure(error);
    }
    asking = false;
    plan(again ? 0 : delay());
    again = false;
  }

  const looked = () => (document.hidden ? clearTimeout(timer) : plan(0));
  document.addEventListener("visibilitychange", looked);
  return {
    start: tick,
    hurry() {
      quickUntil = performance.now() + QUICK_FOR;
      plan(0);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", looked);
    },
  };
}
