// What is asked of an experiment: numbers, lists of numbers, which estimators.

import { el, setText } from "./dom.js";
import { field } from "./panel.js";
import { count } from "./scales.js";

/** What is wrong with a whole number, one line, or "". */
export function numberProblem(words, value, least, most) {
  if (Number.isInteger(value) && value >= least && value <= most) return "";
  return `${words}: a whole number from ${count(least)} to ${count(most)}, please.`;
}

/** The same for a number above 0. */
export const positiveProblem = (words, value) => (
  value > 0 && Number.isFinite(value) ? "" : `${words}: a number above 0, please.`);

/** Numbers of a text such as "1, 2, 4 8": the list, or null where one is none. */
export function valuesOf(text) {
  const parts = text.split(/[\s,;]+/).filter(Boolean), values = parts.map((part) => Number(part.replace("−", "-")));
  return values.length && values.every(Number.isFinite) ? values : null;
}

/**
 * A field for a number.  Args: words; testid; value; least, most; whole, else any number above 0; onchange(value) only
 * with a number that is fine; onrefuse(line); onenter().
 * Returns: { element, get(), problem() -> a line or "", set(value) }.
 */
export function createNumber({ words, testid, value, least = 1, most = 100_000, whole = true, onchange = () => {},
                               onrefuse = () => {}, onenter = () => {} }) {
  const input = el("input", {
    type: "number", min: whole ? least : 0, max: most, step: whole ? 1 : "any", "data-testid": testid,
    "aria-label": words,
    onchange: () => {
      const line = problem();
      if (line) onrefuse(line);
      else onchange(input.valueAsNumber);
    },
    onkeydown: (event) => { if (event.key === "Enter") onenter(); },
  });
  const problem = () => (whole ? numberProblem(words, input.valueAsNumber, least, most)
    : positiveProblem(words, input.valueAsNumber));
  input.value = String(value);
  return { element: field(words, input), get: () => input.valueAsNumber, problem,
           set: (next) => { input.value = String(next); } };
}

/** A choice from a list.  Returns: { element, show(entries [[id, words], ...], chosen), get() }. */
export function createSelect(words, testid, onchange) {
  const input = el("select", { "data-testid": testid, "aria-label": words, onchange: () => onchange(input.value) });
  let shown = "";
  const element = field(words, input);
  return {
    element, get: () => input.value,
    show(entries, chosen) {
      const now = JSON.stringify(entries);
      if (now !== shown) input.replaceChildren(...entries.map(([id, text]) => el("option", { value: id }, text)));
      shown = now;
      input.value = String(chosen);
      element.hidden = entries.length < 2;
    },
  };
}

/**
 * Estimators as switches in their colours.  Args: label; most that can be on; onchange(names).
 * Returns: { element, show(entries [{ name, title, ink, why (or "") }], chosen names) }.
 */
export function createChips(label, { most = Infinity, onchange }) {
  const line = el("div", { class: "grd-chips", role: "group", "aria-label": label });
  const said = el("span", { class: "words", role: "status" });
  let now = [];

  function toggle(name) {
    const on = now.includes(name), next = on ? now.filter((one) => one !== name) : [...now, name];
    setText(said, "");
    if (!next.length) return setText(said, "At least one.");
    if (next.length > most) return setText(said, `At most ${most} at once: switch one off first.`);
    return onchange(next);
  }

  function chip({ name, title, ink, why }) {
    return el("button", { type: "button", class: "grd-chip", "data-name": name, disabled: Boolean(why),
                          title: why || null, "aria-pressed": String(now.includes(name)), onclick: () => toggle(name) },
              el("i", { style: `background:${ink}` }), title);
  }

  return {
    element: el("div", { class: "line" }, line, said),
    show(entries, chosen) {
      now = chosen;
      const known = line.children.length === entries.length
        && entries.every(({ name }, i) => line.children[i].dataset.name === name);
      if (!known) return line.replaceChildren(...entries.map(chip));
      return entries.forEach(({ name, ink, why }, i) => {
        const one = line.children[i];               // changed in place: the focus stays where it is
        one.setAttribute("aria-pressed", String(now.includes(name)));
        one.disabled = Boolean(why);
        one.title = why || "";
        one.firstChild.style.background = ink;
      });
    },
  };
}
