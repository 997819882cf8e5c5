// U = S + E in figures, and what the present turn has changed of each.

import { el, figure, icon, setText } from "./dom.js";

const TERMS = [
  ["u", "U", "all that training sees", ""],
  ["s", "S", "surprise of the model", "is-decoder"],
  ["e", "E", "gap of the encoder", "is-gap"],
];
const NOTHING = 0.0005;         // nats: what moves less does not move in the figures that are shown

/** What became of a term in this turn: words, and whether it stood still altogether. */
export function changeOf(value) {
  if (value === 0) return ["does not move at all", true];
  if (Math.abs(value) < NOTHING) return ["hardly moves", false];
  return [`${value < 0 ? "▼" : "▲"} ${figure(Math.abs(value), 3)} in this turn`, false];
}

/** small: without the words.  Returns: { element, show(data, change or null, part) }. */
export function createSum(small) {
  const blocks = TERMS.map(([key, letter, words, colour]) => {
    const value = el("output", { class: `tl-value ${colour}`, "data-testid": `tl-${key}` });
    const change = el("span", { class: "tl-change" }), lock = icon("lock");
    lock.setAttribute("hidden", "");
    const element = el("span", { class: "tl-term" },
      el("span", { class: "tl-line" }, el("b", { class: colour }, letter), value),
      small ? null : el("span", { class: "tl-words" }, words),
      small ? null : el("span", { class: "tl-moved" }, lock, change));
    return { key, element, value, change, lock };
  });
  const [u, s, e] = blocks.map((block) => block.element), sign = (text) => el("span", { class: "tl-sign" }, text);
  const about = { class: small ? "tl-sum small" : "tl-sum", role: "group", "aria-label": "U is S plus E, in nats" };
  const element = el("div", about,
    u, sign("="), s, sign("+"), e, small ? null : el("span", { class: "tl-unit" }, "nats per image"));
  return {
    element,
    show(data, change) {
      for (const { key, value, change: line, lock } of blocks) {
        setText(value, figure(data[key], 2));
        if (small) continue;
        const [words, still] = change ? changeOf(key === "u" ? change.s + change.e : change[key]) : ["", false];
        setText(line, words);
        lock.toggleAttribute("hidden", !still);
        line.parentElement.classList.toggle("still", still);
      }
    },
  };
}
