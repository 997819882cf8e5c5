// How usual the image is: its ELBO among those of the held-out images.

import { el, setText } from "./dom.js";
import { createLadder } from "./ladder.js";
import { share, sorted } from "./rank.js";
import { count } from "./scales.js";

const FAR = 0.01;               // share of held-out images below which an image lies far from the data

/** A share as people say it: "12 %", "0.3 %", "less than 0.1 %". */
export function percent(part) {
  const value = 100 * part;
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  if (value < 100 && value > 99.9) return "more than 99.9 %";
  return `${value < 10 || value > 99 ? Number(value.toFixed(1)) : Math.round(value)} %`;
}

/** The sentence for an ELBO among n held-out ones, given the share of them that lies below.  { text, far } */
export function standingWords(part, n, what) {
  const all = `${count(n)} ${what}`;
  if (part === 0) return { far: true, text: `Far from the data: its ELBO is lower than that of every one of ${all}.` };
  if (part < FAR) {
    return { far: true, text: `Far from the data: its ELBO is lower than that of ${percent(1 - part)} of ${all}.` };
  }
  if (part === 1) return { far: false, text: `Its ELBO is higher than that of every one of ${all}: an easy image.` };
  return { far: false, text: `Its ELBO is higher than that of ${percent(part)} of ${all}.` };
}

/** Returns: { element, wait(text), none(text), learn(heldOut, name), show(now, clean, damaged), draw(colours) }. */
export function createStanding() {
  const words = el("p", { class: "standing-words", role: "status", "data-testid": "standing" });
  const ladder = createLadder({ testid: "standing-ladder", label: "ELBO among the held-out images" });
  const note = el("p", { class: "caption" });
  ladder.element.hidden = true;
  const element = el("section", { class: "standing", "aria-label": "How usual is this image?" },
                     el("h3", {}, "How usual is this image?"), words, ladder.element, note);
  let ascending = null, title = "", state = null;

  function describe() {
    if (!ascending || !state) return;
    const { now, clean, damaged } = state, elbo = now.elbo.value, part = share(ascending, elbo);
    const { text, far } = standingWords(part, ascending.length, title);
    setText(words, text);
    words.classList.toggle("warning", far);
    const marks = [{ value: elbo, kind: far ? "gap" : "z", words: damaged ? "now" : "this image" }];
    if (damaged) marks.unshift({ value: clean.elbo.value, kind: "quiet", words: "clean" });
    ladder.mark(marks);
  }

  return {
    element,
    wait: (text) => ascending || setText(words, text),
    none(text) {
      ascending = null;
      ladder.element.hidden = true;
      setText(words, text);
    },
    learn(heldOut, name) {
      ascending = sorted(heldOut.terms.elbo);
      title = "held-out images";
      ladder.set(ascending);
      ladder.element.hidden = false;
      setText(note, `ELBO of ${heldOut.title} under ${name}, nats per image, one draw of q each (unbiased); higher is `
        + "better.");
      describe();
    },
    show(now, clean, damaged) {
      state = { now, clean, damaged };
      describe();
    },
    draw: (colours) => ladder.draw(colours),
  };
}
