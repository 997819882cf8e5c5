// The narrator's box: what is happening in a sentence or two, and the rule that says so.

import { el, setText } from "./dom.js";

/** Numbers with a true minus sign. */
const minus = (text) => text.replace(/(^|\s)-(?=\d)/g, "$1−");

export function createNarration() {
  const headline = el("strong", { role: "status" }), text = el("span", {}), statement = el("p", { class: "statement", hidden: true });
  const rule = el("button", { type: "button", class: "rule", "aria-expanded": "false", onclick: () => {
    statement.hidden = !statement.hidden;
    rule.setAttribute("aria-expanded", String(!statement.hidden));
  } });
  const words = el("p", {}, headline, " ", text, " ");
  const element = el(
    "section", { class: "narration", "aria-label": "what is happening", "data-testid": "narration", hidden: true },
    el("div", {}, words, rule), statement);
  return {
    element,
    update(said) {
      element.hidden = !said;
      if (!said) return;
      setText(headline, minus(said.headline));
      setText(text, minus(said.text));
      setText(rule, `rule “${said.title}”`);
      setText(statement, said.statement);
      element.classList.toggle("trouble", said.trouble);
    },
  };
}
