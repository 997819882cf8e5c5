// A panel's question to the app: asked when the panel comes into sight, answers kept, the last one shown meanwhile.

import { debounce } from "./dom.js";
import { createWork, kept, whenSeen } from "./panel.js";

const MOST = 24;                // answers kept for each panel
const REST = 500;               // ms for which the page must have stayed the same before a panel asks by itself

/**
 * Args: ctx; id of the panel; route; what, for error messages; body() -> what is to be asked now, or null where nothing
 *   can be; show() draws anew; auto: ask without being pressed, once the panel is in sight and the page at rest.
 * Returns: { element (progress, Cancel, errors), answer() -> the newest to this question, or to the last one, or null;
 *   fresh(): whether it is to this question; running(); ask() by hand, settle() by itself; cancel, fail(text); watch(
 *   element) once it is on its way into the page; stop() }.
 */
export function createAsked(ctx, { id, route, what, body, show, auto = true }) {
  const keep = kept(ctx, `${id}-answers`, () => (
    { answers: new Map(), last: null, running: null, refused: null }));
  const work = createWork(ctx, { route, what, onPartial: (partial) => put(keep.running, partial), onState: () => show(),
                                 retry: () => ask() });
  let seen = false, gone = false, unwatch = () => {};
  const nameOf = (question) => JSON.stringify(question);

  function put(question, answer) {
    if (!question) return;
    const name = nameOf(question);
    keep.answers.delete(name);
    keep.answers.set(name, answer);
    for (const old of keep.answers.keys()) if (keep.answers.size > MOST) keep.answers.delete(old);
    keep.last = name;
    show();
  }

  async function send(question, again) {
    keep.running = question;
    const answer = await work.ask(question, { again, read: (last) => last.json() });
    if (gone) return;                               // it goes on: who comes back finds it
    if (!work.running) keep.running = null;
    if (answer) put(question, answer);
    else keep.refused = nameOf(question);
  }

  function ask() {
    const question = body();
    if (question) send(question, true);
  }

  const fresh = () => {
    const question = body();
    return question !== null && keep.answers.has(nameOf(question));
  };

  const rest = debounce(() => {
    const question = gone || !seen || !auto ? null : body();
    if (question && !keep.answers.has(nameOf(question)) && keep.refused !== nameOf(question)) send(question, false);
  }, REST);

  return {
    element: work.element, fresh, ask, cancel: work.cancel, fail: work.fail, settle: () => rest(),
    running: () => work.running,
    answer() {
      const question = body();
      return (question && keep.answers.get(nameOf(question))) ?? keep.answers.get(keep.last) ?? null;
    },
    watch(element) {
      unwatch = whenSeen(element, () => {
        seen = true;
        rest();
      });
      if (keep.running) send(keep.running, false);
    },
    stop() {
      gone = true;
      unwatch();
      work.stop();
    },
  };
}
