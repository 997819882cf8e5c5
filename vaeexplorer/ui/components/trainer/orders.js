// The control bar: what may be asked of a run's worker, and the large figures.

import { button, el, icon, setText } from "./dom.js";
import { count, duration, parts } from "./scales.js";

const STATES = {
  starting: "starting", running: "training", paused: "paused", measuring: "measuring the result", finished: "finished",
  stopped: "stopped", failed: "failed", interrupted: "interrupted: its worker is gone",
};
const GOES = new Set(["starting", "running"]);
const RESUMES = new Set(["paused", "stopped", "failed", "interrupted"]);
const PACES = [[null, "full"], [50, "50"], [10, "10"], [2, "2"]];
const PLAY = {
  paused: "go on", stopped: "go on", failed: "try again from the last save", interrupted: "go on from the last save",
};

/** A large figure with small words below. */
function figure(testid) {
  const value = el("strong", { "data-testid": testid });
  const error = el("span", { class: "error-part" }), words = el("span", { class: "words" });
  return {
    element: el("div", { class: "figure" }, el("div", {}, value, error), words),
    show(a, b, c = "") {
      setText(value, a);
      setText(words, b);
      setText(error, c);
    },
  };
}

/** The speed: full, or so many steps a second. */
function createPaces(choose) {
  const buttons = PACES.map(([pace, words], i) => el("button", {
    type: "button", class: "tab", role: "radio", "aria-checked": "false", onclick: () => choose(pace),
    onkeydown: (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const next = (i + way + PACES.length) % PACES.length;
      buttons[next].focus();
      choose(PACES[next][0]);
    },
  }, words));
  const element = el("div", { class: "pace" }, el("span", { class: "words", id: "pace-words" }, "Speed"),
    el("div", { class: "choices", role: "radiogroup", "aria-labelledby": "pace-words" }, buttons),
    el("span", { class: "words" }, "steps/s"));
  return {
    element,
    show(pace, enabled) {
      const chosen = PACES.findIndex(([value]) => value === pace);
      buttons.forEach((one, i) => {
        one.setAttribute("aria-checked", String(i === chosen));
        one.tabIndex = i === Math.max(0, chosen) ? 0 : -1;
        one.disabled = !enabled;
      });
    },
  };
}

/**
 * Returns: { element, update(status), show(figures of a moment) }. `send(wish, pace)` orders, the speed alone with a
 * wish of null; `about` is an element that says which run this is.
 */
export function createOrders(send, about) {
  let status = null, waiting = false;
  const play = el("button", { type: "button", class: "play", "data-testid": "train-play",
                              onclick: () => ask(GOES.has(status?.state) ? "pause" : "run") });
  const batch = button(null, "Step one batch", () => ask("batch"), { kind: "step" });
  const epoch = button(null, "Step one epoch", () => ask("epoch"), { kind: "step" });
  const stop = button("stop", "Stop", () => confirm(true), { kind: "stop" });
  batch.dataset.testid = "step-batch";
  epoch.dataset.testid = "step-epoch";
  stop.dataset.testid = "stop-run";
  const yes = button("stop", "Stop it", () => {
    confirm(false);
    ask("stop");
  }, { kind: "danger" });
  yes.dataset.testid = "stop-yes";
  const no = button(null, "Keep going", () => confirm(false));
  const sure = el("div", { class: "sure", role: "group", "aria-label": "stop this run?", hidden: true },
    el("span", {}, "Stop here, save and measure?"), yes, no);
  sure.addEventListener("keydown", (event) => event.key === "Escape" && confirm(false));
  const paces = createPaces((pace) => {
    paces.show(pace, true);
    ask(null, pace);
  });
  const state = el("span", { class: "state", role: "status" });
  const problem = el("p", { class: "error", role: "alert", hidden: true });
  const [step, bound, active, speed] = ["run-step", "run-elbo", "run-active", "run-speed"].map(figure);
  const element = el("section", { class: "orders", "aria-label": "control of the run" },
    el("div", { class: "line" }, play, batch, epoch, stop, sure, paces.element, state),
    el("div", { class: "figures" }, step.element, bound.element, active.element, speed.element), about, problem);

  function confirm(on) {
    sure.hidden = !on;
    stop.hidden = on;
    (on ? no : stop).focus();
  }

  async function ask(wish, pace = undefined) {
    if (waiting) return;
    busy(true);
    problem.hidden = true;
    try {
      await send(wish, pace);
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      busy(false);
    }
  }

  function busy(on) {
    waiting = on;
    play.classList.toggle("busy", on);
  }

  function setPlay(goes, words) {
    const label = goes ? "pause" : words;
    if (play.ariaLabel === label) return;
    play.ariaLabel = play.title = label;
    play.replaceChildren(icon(goes ? "pause" : "play"));
  }

  return {
    element,
    update(next) {
      status = next;
      const goes = GOES.has(next.state), ready = goes || RESUMES.has(next.state);
      setPlay(goes, PLAY[next.state] ?? "play");
      play.disabled = !ready;
      batch.disabled = epoch.disabled = !ready || next.state === "starting";
      stop.disabled = !next.live || next.state === "measuring";
      if (stop.disabled && !sure.hidden) {
        sure.hidden = true;
        stop.hidden = false;
      }
      paces.show(next.pace, ready);
      const words = STATES[next.state] ?? next.state;
      setText(state, words);
      state.dataset.state = next.state;
      const rate = next.images_per_second, left = next.seconds_left;
      speed.show(count(rate ?? 0), `images/s${left > 0 ? ` · ${duration(left)} left` : ""}`);
      speed.element.hidden = !(goes && rate > 0);
    },
    /** The figures of the moment that is shown; `back`: whether it is past. */
    show({ at, steps, epoch: at_epoch, epochs, elbo, used, dimensions, back }) {
      element.classList.toggle("looking-back", back);
      step.show(count(at), steps ? `of ${count(steps)} steps · epoch ${count(at_epoch)} of ${count(epochs)}` : "steps");
      if (elbo) {
        const { value, error } = parts(elbo);
        bound.show(value, "held-out ELBO, nats per image", error);
      } else bound.show("–", "held-out ELBO, nats per image");
      active.show(used === null ? "–" : `${used} / ${dimensions}`, "active dimensions");
    },
  };
}
