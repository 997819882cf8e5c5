// The buttons below the large picture, and the lines in which the page answers.

import { button, debounce, el } from "./dom.js";
import { freshSeed } from "./random.js";
import { copyLink, fileName, saveGif, savePng } from "./share.js";

const FRAMES = 32;              // of the GIF along a dimension, one way

/** A status line that clears itself, a field for links that could not be copied, a line for failures. */
export function createMessages() {
  const line = el("p", { class: "message", role: "status" });
  const link = el("input", {
    class: "linkfield", readOnly: true, hidden: true, "aria-label": "link to this place", onfocus: () => link.select(),
  });
  const clear = debounce(() => link.hidden && (line.textContent = ""), 5000);
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const forgive = debounce(() => { error.hidden = true; }, 15_000);
  return {
    link, element: el("div", {}, line, link, error),
    say(text) {
      line.textContent = text;
      clear();
    },
    /** Show a failure for a while, or for good where nothing works any more. */
    fail(problem, forGood = false) {
      error.textContent = problem.message ?? String(problem);
      error.hidden = false;
      if (!forGood) forgive();
    },
  };
}

/** Surprise me with its seed, Undo, Reset all. */
export function createMoves({ place, prior }) {
  const seed = el("input", {
    type: "number", min: 0, step: 1, class: "seed", "aria-label": "seed of the random sample", placeholder: "seed",
    title: "Seed of the sample: the same number gives the same place",
  });
  const go = () => {
    const value = Math.floor(seed.valueAsNumber);
    if (!(value >= 0)) return;
    place.go(prior.draw(value), true);
    place.rest();
  };
  seed.addEventListener("change", go);
  const surprise = button("die", "Surprise me", () => {
    seed.value = freshSeed();
    go();
  }, { title: "A random sample of the prior" });
  const undo = button("undo", "Undo", place.undo, { title: "Back to the place before (Ctrl+Z)" });
  const reset = button("reset", "Reset all", () => {
    place.go(prior.middle, true);
    place.rest();
  }, { title: prior.bits ? "All bits off" : "To the middle of the prior" });
  return {
    elements: [el("span", { class: "joined" }, surprise, seed), undo, reset],
    update: () => { undo.disabled = !place.canUndo(); },
  };
}

/** The places of a GIF along a way, there and back: at(share) -> z for shares from 0 to 1. */
function thereAndBack(at, count) {
  const there = Array.from({ length: count }, (_, k) => at(k / (count - 1)));
  return [...there, ...there.slice(1, -1).reverse()];
}

/**
 * PNG, GIF and Link, joined. `way()` says along what the GIF goes: { name, at(share) -> z, steps or null };
 * `direction()` is what a link keeps beside z: { values, about, along }, or null.
 */
export function createExports({ model, place, engine, server, canvas, messages, way, direction }) {
  const attempt = (task) => async () => {
    try {
      await task();
    } catch (error) {
      messages.fail(error);
    }
  };
  const gif = async () => {
    const { name, at, steps } = way(), [count, ms] = steps ? [steps, 500] : [FRAMES, 60];
    await saveGif({ engine, server, places: thereAndBack(at, count), name: fileName(model.name, name), ms });
    messages.say(`Saved: there and back along ${name}.`);
  };
  const link = async () => messages.say(await copyLink(server.link(place.z, direction()), messages.link));
  return el("span", { class: "joined" },
    button("down", "PNG", attempt(() => savePng(canvas, fileName(model.name))), { title: "Save this picture" }),
    button(null, "GIF", attempt(gif), { title: "Save an animation along what was moved last" }),
    button(null, "Link", attempt(link), { title: "Copy a link to this place" }));
}
