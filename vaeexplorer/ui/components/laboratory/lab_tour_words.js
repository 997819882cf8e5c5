// Sentences of the tour: what is marked [kind|term] is new where it stands, and gets the colour of its kind.

import { el } from "./dom.js";

const MARK = /\[(\w+)\|([^\]]+)\]/g;

/** A sentence as nodes. */
export function marked(sentence) {
  const nodes = [], text = sentence.replaceAll("log p(x)", "log\u00a0p(x)");
  let from = 0;
  for (const found of text.matchAll(MARK)) {
    nodes.push(text.slice(from, found.index), el("dfn", { class: `tour-term is-${found[1]}` }, found[2]));
    from = found.index + found[0].length;
  }
  return [...nodes, text.slice(from)].filter((node) => node !== "");
}

/** What a step says, above its picture: { element, show(data) }. */
export function createWords() {
  const title = el("h3", { class: "tour-title" }), told = el("div", { class: "tour-words" });
  const element = el("div", { class: "tour-head" }, title, told);
  return {
    element,
    show(data) {
      title.textContent = data.step ? `${data.step}. ${data.title}` : data.title;
      told.replaceChildren(...data.words.map((sentence) => el("p", {}, marked(sentence))));
    },
  };
}

/** What there is to do, and where it goes deeper, below the picture: { element, show(data) }. */
export function createAfter(root) {
  const task = el("p", { class: "tour-try", "data-testid": "tour-try" }), links = el("p", { class: "tour-links" });
  const element = el("div", { class: "tour-after" }, task, links);
  return {
    element,
    show(data) {
      element.hidden = !data.task;
      task.replaceChildren(el("b", {}, "Try it. "), ...marked(data.task ?? ""));
      links.replaceChildren(...(data.links ?? []).map(({ page, name, words }) => el("span", {},
        el("a", { href: new URL(page === "explore" ? "" : page, root).href, target: "_self" }, name), ` ${words}. `)));
    },
  };
}
