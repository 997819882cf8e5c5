// Presenter's mode: one demonstration over the whole window, in large type, moved on by the keys of a presenter.

import { button, el, setText } from "./dom.js";

const FIELDS = "input, select, textarea";       // arrows, space and letters belong to them while they have the focus
const PRESSED = "button, summary, a";           // space belongs to them
const NEXT = { ArrowRight: 1, PageDown: 1, n: 1, ArrowLeft: -1, PageUp: -1, b: -1 };
const ROOM = [1080, 660];                       // pixels in which a demonstration is at ease: what is more enlarges it
const LARGEST = 2.4;
const MODEST = 0.75;            // of that, where a picture is too high
const MARGIN = 10;              // pixels below the controls
const LOWEST = 200;                             // pixels of a stage that is worth looking at
const WORDS = "← → next and back · space plays · R resets · Esc leaves · F11 full screen";

/** By how much everything is enlarged in a window: tenths, so that lines stay sharp. */
export function enlargement(width, height) {
  return Math.min(LARGEST, Math.max(1, tenths(Math.min(width / ROOM[0], height / ROOM[1]))));
}

const tenths = (value) => Math.floor(10 * value + 1e-6) / 10;

/** The height of a stage with which all is as high as the room. measure(stage): how high all is with one. */
export function stageFor(room, measure) {
  const low = measure(LOWEST), stage = Math.max(LOWEST, Math.floor(LOWEST + room - low)), all = measure(stage);
  if (all <= room || stage === LOWEST) return stage;
  const each = (all - low) / (stage - LOWEST);  // a picture may grow more than its stage does
  return each > 0 ? Math.max(LOWEST, Math.floor(stage - (all - room) / each)) : LOWEST;
}

/** What a key does: { by } or { call }, or null where it belongs to what has the focus, or means nothing here. */
export function meaning(event, target) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "Escape") return { call: "leave" };
  if (target?.matches?.(FIELDS)) return null;
  if (key in NEXT) return { by: NEXT[key] };
  if (key === " ") return target?.matches?.(PRESSED) ? null : { call: "toggle" };
  return key === "r" ? { call: "reset" } : null;
}

/**
 * Args: signal; onNext(by), onToggle(), onReset(); onChange() after the mode has changed.
 * Returns: { stand, the element with the demonstration, on, enter(), leave(), put(demonstration, words), fit() }.
 */
export function createPresenter({ signal, onNext, onToggle, onReset, onChange }) {
  const place = el("span", { class: "lab-place" }), view = el("div", { class: "lab-view" });
  const bar = el("footer", { class: "lab-presenter", "data-testid": "lab-presenter" },
    button("left", "Back", () => onNext(-1)), place, button("right", "Next", () => onNext(1)),
    el("span", { class: "lab-keys" }, WORDS),
    button("stop", "Leave", () => leave(), { label: "leave the presentation" }));
  const stand = el("dialog", { class: "lab-open", open: true, "data-testid": "lab-open", tabIndex: -1,
                               oncancel: (event) => event.preventDefault() }, view, bar);
  let on = false, shown = null;

  function change(mode) {
    on = mode;
    stand.classList.toggle("large", on);
    if (on) {
      stand.removeAttribute("open");    // a dialog that is open cannot become one that has the whole window
      stand.showModal();
      stand.focus({ preventScroll: true });     // not one of its buttons: space is to play
    } else {
      stand.close();
      stand.setAttribute("open", "");
    }
    fit();
    onChange();
  }

  const leave = () => on && change(false);

  /** Everything as large as the window allows, and the picture as high as the rest of the first screen leaves it. */
  function fit() {
    if (!shown) return;
    const { style } = shown.element, most = on ? enlargement(window.innerWidth, window.innerHeight) : 1;
    const least = tenths(Math.max(1, MODEST * most));
    const measure = (stage) => {
      style.setProperty("--stage", `${stage}px`);
      return shown.height;
    };
    style.removeProperty("--stage");
    stand.style.setProperty("--enlarged", most);
    for (let scale = most; on;) {
      stand.style.setProperty("--enlarged", scale);
      const room = view.clientHeight / scale - MARGIN, all = measure(stageFor(room, measure));
      if (all <= room || scale <= least) return;
      scale = tenths(Math.max(least, Math.min(scale - 0.1, (scale * room) / all)));     // its picture is too high
    }
  }

  const DO = { leave, toggle: () => onToggle(), reset: () => onReset() };
  window.addEventListener("keydown", (event) => {
    const does = on ? meaning(event, event.composedPath()[0]) : null;
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    if (does.by) onNext(does.by);
    else DO[does.call]();
  }, { signal, capture: true });
  window.addEventListener("resize", fit, { signal });
  const sizes = new ResizeObserver(() => on && requestAnimationFrame(fit));     // a picture may grow with its film
  signal.addEventListener("abort", () => sizes.disconnect());

  return {
    stand, leave, fit,
    enter: () => !on && change(true),
    get on() { return on; },
    put(demonstration, words) {
      shown = demonstration;
      sizes.disconnect();
      sizes.observe(shown.stage.holder);
      view.replaceChildren(demonstration.element);
      view.scrollTop = 0;
      setText(place, words);
      fit();
    },
  };
}
