// What there is to see: a card for each demonstration, the one that is open marked.

import { el } from "./dom.js";

/** Args: demos; onOpen(name).   Returns: { element, mark(name) }. */
export function createProgramme(demos, onOpen) {
  const cards = new Map(demos.map(({ name, title, question }, i) => [name, el("button", {
    type: "button", class: `lab-card${i ? "" : " first"}`, "data-name": name, onclick: () => onOpen(name),
  }, el("span", { class: "lab-number" }, i ? String(i) : "★"), el("span", { class: "lab-name" }, title),
    el("span", { class: "words" }, question))]));
  return {
    element: el("nav", { class: "lab-programme", "aria-label": "Demonstrations" }, [...cards.values()]),
    mark(open) {
      for (const [name, card] of cards) {
        if (name === open) card.setAttribute("aria-current", "true");
        else card.removeAttribute("aria-current");
      }
      const card = cards.get(open), list = card.parentElement;
      list.scrollTo({ left: card.offsetLeft - (list.clientWidth - card.clientWidth) / 2 });
    },
  };
}
