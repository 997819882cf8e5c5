// The stage: the picture of a demonstration, what happens in words, and the film bar.

import { button, el, icon, setText } from "./dom.js";
import { expected, holds, Player, stepFrom } from "./lab_film.js";
import { prefersStillness } from "./theme.js";

const SPEEDS = [1, 2, 0.5];

/** Change a button's icon and its accessible name. */
function turn(element, name, label) {
  if (element.dataset.icon === name) return;
  element.dataset.icon = name;
  element.querySelector(".icon").replaceWith(icon(name));
  element.setAttribute("aria-label", label);
  element.title = label;
}

/** The film bar: one plays, steps, seeks. Returns: { element, refresh(player) }. */
function createBar({ toggle, step, seek, turnBy, faster }) {
  const play = button("play", "", toggle, { label: "play", kind: "lab-play" });
  const back = button("left", "", () => step(-1), { label: "one moment back" });
  const on = button("right", "", () => step(1), { label: "one moment on" });
  const place = el("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "moment of the film",
                              oninput: () => seek(place.valueAsNumber) });
  const came = el("i", { class: "lab-came" }), count = el("output", { class: "lab-count" });
  const speed = button(null, "1×", () => setText(speed.firstChild, `${faster()}×`),
                       { label: "speed", kind: "lab-speed" });
  const track = el("span", { class: "lab-seek" }, came, place);
  const playing = el("div", { class: "lab-bar" }, back, play, on, track, count, speed);
  const dots = el("span", { class: "lab-dots", role: "img" });
  const before = button("left", "Back", () => turnBy(-1)), next = button("right", "Next", () => turnBy(1));
  next.classList.add("primary");
  const steps = el("div", { class: "lab-bar lab-walk", hidden: true }, before, dots, next);

  function refreshSteps({ moments, index }) {
    const all = moments.map((moment, i) => i).filter((i) => holds(moments[i]));
    steps.hidden = !all.length;
    playing.hidden = !steps.hidden;
    if (steps.hidden) return;
    const at = all.findLastIndex((i) => i <= index);
    dots.replaceChildren(...all.map((_, k) => el("i", { class: k === at ? "here" : k < at ? "past" : "" })));
    dots.setAttribute("aria-label", `step ${at + 1} of ${all.length}`);
    before.disabled = stepFrom(moments, index, -1) === null;
    next.disabled = stepFrom(moments, index, 1) === null;
  }

  function refresh(player) {
    const { moments, index, complete, ended, last } = player, all = expected(moments, complete);
    place.max = Math.max(1, all - 1);
    place.value = Math.max(0, index);
    place.setAttribute("aria-valuetext", `moment ${index + 1} of ${moments.length}`);
    came.style.width = `${player.whole ? 100 : 100 * Math.min(1, moments.at(-1)?.fraction ?? 0)}%`;
    setText(count, moments.length ? `${index + 1} / ${complete ? all : "…"}` : "");
    if (player.playing) turn(play, "pause", "pause");
    else turn(play, ended ? "reset" : "play", ended ? "play again" : "play");
    back.disabled = index <= 0;
    on.disabled = index >= last;
    refreshSteps(player);
  }

  return { element: el("div", {}, playing, steps), refresh };
}

/** Tell `onChange(seen)` whether the element is in sight of a tab that is open.  Returns: a function that ends it. */
function watchSight(element, onChange) {
  const quit = new AbortController();
  let inside = false;
  const tell = () => onChange(inside && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    inside = entries.at(-1).isIntersecting;
    tell();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", tell, { signal: quit.signal });
  return () => {
    observer.disconnect();
    quit.abort();
  };
}

/**
 * Args: onShow(moments, index); onOutcomes(outcomes) of the film in sight; onReset().
 * Returns: { element, holder (where the picture goes), player, begin(goesOn), add(moments, complete), fail(line),
 * say(text), turn(by), whenInSight(task), stop() }.
 */
export function createStage({ onShow, onOutcomes, onReset }) {
  const holder = el("div", { class: "lab-picture", "data-testid": "lab-picture" });
  const caption = el("p", { class: "lab-caption", "data-testid": "lab-caption" }), words = el("span", {});
  const error = el("p", { class: "error", role: "alert", hidden: true, "data-testid": "lab-error" }, words,
                   button("reset", "Reset", onReset));
  const bar = createBar({
    toggle: () => player.toggle(), step: (by) => player.step(by), seek: (index) => player.seek(index),
    turnBy: (by) => walk(by),
    faster: () => player.speed = SPEEDS[(SPEEDS.indexOf(player.speed) + 1) % SPEEDS.length],
  });
  const element = el("section", { class: "lab-stage", "aria-label": "The film", "data-testid": "lab-stage" },
                     holder, error, caption, bar.element);
  let told = null, task = null;
  const player = new Player({
    onShow: (moments, index) => {
      onShow(moments, index);
      setText(caption, moments[index].text);
    },
    onState: () => refresh(),
  });

  function refresh() {
    const { moments, index, playing, whole } = player, outcomes = whole ? moments.at(-1).outcomes : [];
    bar.refresh(player);
    caption.setAttribute("aria-live", playing ? "off" : "polite");
    Object.assign(element.dataset, { playing, index, count: moments.length, complete: whole,
                                     held: holds(player.moment) });
    if (outcomes !== told) onOutcomes(told = outcomes);
  }

  function fail(line) {
    error.hidden = !line;
    setText(words, line);
    if (line) player.pause();
  }

  function walk(by) {
    const to = stepFrom(player.moments, player.index, by);
    if (to !== null) player.seek(to);
    return to !== null;
  }

  /** Where people prefer stillness, the film stands where it has most to tell. */
  function still() {
    const first = player.moments.findIndex(holds);
    player.seek(first < 0 ? player.last : first);
  }

  refresh();
  const stopWatching = watchSight(element, (seen) => {
    player.wake(seen);
    if (!seen) return;
    const now = task;
    task = null;
    now?.();
  });
  return {
    element, holder, player, fail, turn: walk, say: (text) => setText(caption, text),
    begin(goesOn) {
      fail("");
      player.begin({ from: goesOn ? Math.max(0, player.last) : 0, playing: !prefersStillness() });
    },
    add(moments, complete) {
      player.add(moments, complete);
      if (complete && prefersStillness()) still();
    },
    whenInSight: (todo) => { task = todo; },
    stop() {
      player.pause();
      stopWatching();
    },
  };
}
