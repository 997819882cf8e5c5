// What panels of pages have in common: a card with a sentence in plain words above its picture, a caption below and the
// formula on demand; one question at a time with progress and Cancel; what is kept for coming back.

import { button, el, setText } from "./dom.js";
import { createProgressLine } from "./fetching.js";
import { Withdrawn } from "./jobs.js";

const MODELS = 6;               // whose answers are kept for coming back
const SEEN = 0.15;              // of a panel in sight: it is looked at

const sub = (text) => el("sub", {}, text);

/** Pieces of formulas in the page's colours. */
export const formula = {
  sub,
  sup: (text) => el("sup", {}, text),
  line: (...parts) => el("p", { class: "formula" }, ...parts),
  words: (...parts) => el("p", { class: "words" }, ...parts),
  link: (address, text) => el("a", { href: address, target: "_blank", rel: "noopener" }, text),
};

/**
 * A panel. Args: page and id, for tests and links; title; lines, nodes of the formula that opens on demand.
 * Returns: { element, tools (beside the title), body, say(text) above the picture, note(text) below it }.
 */
export function createPanel({ page, id, title, lines = [] }) {
  const lead = el("p", { class: "lead", "data-testid": `${id}-words` });
  const caption = el("p", { class: "words caption", "data-testid": `${id}-caption` });
  const tools = el("div", { class: "panel-tools" }), body = el("div", { class: "panel-body" });
  const heading = el("h3", { id: `${page}-${id}` }, title);
  const folded = lines.length
    ? el("details", { class: "formulas" }, el("summary", {}, "Show the formula"), ...lines) : null;
  const element = el("section", { class: "card panel", "data-testid": `${page}-${id}`, "aria-label": title },
    el("header", {}, heading, tools), lead, body, caption, folded);
  return { element, tools, body, say: (text) => setText(lead, text), note: (text) => setText(caption, text) };
}

/**
 * One question at a time to a route whose work takes a while: a newer one takes the place of the one before.
 * Args: ctx; route; what, for error messages; onPartial(partial) while it runs; onState(running); cancels: whether work
 *   that nobody waits for any more is ended; retry() after a failure or Cancel, which has a button then.
 * Returns: { element (progress, Cancel, what went wrong), ask(body, options) -> Promise of the last answer, or null
 *   where it was withdrawn or failed; cancel() ends the work and keeps what is there; running, stop() }.
 * options: again: begin anew what failed or was cut short; read(answer) makes of the last answer what is given back.
 */
export function createWork(ctx, { route, what, onPartial = () => {}, onState = () => {}, cancels = true, retry }) {
  const progress = createProgressLine(null), words = el("span", {});
  const again = retry ? button("reset", "Try again", () => retry(), { label: `Try again: ${what}` }) : null;
  const error = el("p", { class: "error", role: "alert", hidden: true }, words, again);
  const cancelling = button("stop", "Cancel", () => cancel(), { label: `Cancel: ${what}` });
  const line = el("div", { class: "panel-work", hidden: true }, progress.element, cancelling);
  let now = null;                         // { question, quit, job, wish: whether it shall end early }

  const tell = (job) => ctx.ask("jobs/cancel", what, { job }).catch(() => {});
  const fail = (text) => {
    error.hidden = !text;
    setText(words, text);
  };
  const rest = () => {
    line.hidden = true;
    progress.hide();
    onState(false);
  };

  async function ask(body, { again = false, read = (answer) => answer } = {}) {
    const question = JSON.stringify(body);
    if (now?.question === question) return null;        // the same is under way
    now?.quit.abort();
    const mine = now = { question, quit: new AbortController(), job: null, wish: false };
    fail("");
    line.hidden = false;
    cancelling.disabled = false;
    progress.show({ fraction: NaN, text: "Asking …" });
    onState(true);
    const onProgress = (state) => {
      if (mine !== now) return;
      if (mine.wish && !mine.job) tell(state.job);
      mine.job = state.job;
      progress.show(mine.wish ? { ...state, text: "Stopping …" } : state);
      if (state.partial) onPartial(state.partial);
    };
    try {
      const watch = { onProgress, signal: mine.quit.signal, cancels, again };
      const answer = await read(await ctx.jobs.untilDone(route, what, body, watch));
      return mine === now ? answer : null;
    } catch (problem) {
      if (mine === now && !(problem instanceof Withdrawn)) fail(mine.wish ? `${what}: cancelled.` : problem.message);
      return null;
    } finally {
      if (mine === now) {
        now = null;
        rest();
      }
    }
  }

  /** The work ends where it is; if something is there already, it comes as an answer that says so. */
  function cancel() {
    if (!now) return;
    now.wish = true;
    cancelling.disabled = true;
    progress.show({ fraction: NaN, text: "Stopping …" });
    if (now.job) tell(now.job);
  }

  return {
    element: el("div", { class: "panel-state" }, line, error), ask, cancel, fail,
    get running() { return now !== null; },
    stop() {
      now?.quit.abort();
      now = null;
    },
  };
}

const memory = new Map();       // model's digest -> panel -> what it keeps

/** An object that outlives the page for this model: one comes back from another page and finds what one left. */
export function kept(ctx, panel, start) {
  const { digest } = ctx.model, mine = memory.get(digest) ?? new Map();
  memory.delete(digest);
  memory.set(digest, mine);               // the last ones asked for last
  for (const old of memory.keys()) if (memory.size > MODELS) memory.delete(old);
  if (!mine.has(panel)) mine.set(panel, start());
  return mine.get(panel);
}

/** Call `task` once, when the element comes into sight.  Returns: a function that gives up. */
export function whenSeen(element, task) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    task();
  }, { threshold: [0, SEEN] });
  observer.observe(element);
  return () => observer.disconnect();
}

/** A choice among few: buttons side by side, one pressed. entries [[id, words], ...]. Returns: { element, set(id) }. */
export function createChoice(label, entries, chosen, onchoose) {
  const buttons = entries.map(([id, words]) => el("button", { type: "button", class: "tab", "data-id": id,
                                                              onclick: () => set(id, true) }, words));
  function set(id, tell = false) {
    entries.forEach(([other], i) => buttons[i].setAttribute("aria-pressed", String(other === id)));
    if (tell) onchoose(id);
  }
  set(chosen);
  return { element: el("div", { class: "choices", role: "group", "aria-label": label }, buttons), set };
}

/** A labelled field: words above a control. */
export const field = (words, control) => el("label", { class: "field" }, el("span", {}, words), control);

/** One entry of a legend: a short stroke in the colour of what it stands for, and its name. */
export function keyOf({ colour, words, dash = false, filled = false, dots = false }) {
  const looks = [dash && "dashed", filled && "filled", dots && "dots"].filter(Boolean);
  return el("span", { class: `key is-${colour}` }, el("i", { class: ["stroke", ...looks].join(" ") }), words);
}
