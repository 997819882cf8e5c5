// What there is to see: a card for each demonstration, the one that is open marked; and the way into presenting it.

import { button, el } from "./dom.js";

const PRESENT = "Large type over the whole window, moved on by the arrow keys";

/** Args: demos; onOpen(name); onPresent().   Returns: { element, mark(name) }. */
export function createProgramme(demos, onOpen, onPresent) {
  const cards = new Map(demos.map(({ name, title, question }, i) => [name, el("button", {
    type: "button", class: `lab-card${i ? "" : " first"}`, "data-name": name, title: question,
    onclick: () => onOpen(name),
  }, el("span", { class: "lab-number" }, i ? String(i) : "★"), el("span", { class: "lab-name" }, title),
    el("span", { class: "words" }, question))]));
  const present = button("play", "Present", onPresent, { title: PRESENT, kind: "lab-present" });
  const list = el("nav", { class: "lab-programme", "aria-label": "Demonstrations" }, [...cards.values()], present);
  return {
    element: list,
    mark(open) {
      for (const [name, card] of cards) {
        if (name === open) card.setAttribute("aria-current", "true");
        else card.removeAttribute("aria-current");
      }
      const card = cards.get(open);
      list.scrollTo({ left: card.offsetLeft - (list.clientWidth - card.clientWidth) / 2 });
    },
  };
}
