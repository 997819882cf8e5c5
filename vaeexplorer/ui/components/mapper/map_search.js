// Find a point by its number, step through what is shown, or show one class alone.

import { button, el } from "./dom.js";
import { classCounts } from "./map_codes.js";
import { count } from "./scales.js";

/**
 * Args: onFind(index), onClass(k or null), visible(i) -> whether a point is shown; say(text).
 * Returns: { element, use(codes), at(index), filter(k or null) }.
 */
export function createSearch({ onFind, onClass, visible, say }) {
  const field = el("input", { type: "number", min: 0, step: 1, "aria-label": "number of the point",
                              placeholder: "no.", onkeydown: (event) => event.key === "Enter" && go() });
  const menu = el("select", { "aria-label": "class to show", onchange: () => (
    onClass(menu.value === "" ? null : Number(menu.value))) });
  const classes = el("label", { class: "field" }, el("span", {}, "Class"), menu);
  const element = el("div", { class: "fields search", role: "search" },
    el("label", { class: "field" }, el("span", {}, "Find no."), el("span", { class: "joined" },
      button("left", "", () => step(-1), { label: "point before" }), field,
      button("right", "", () => step(1), { label: "next point" }))),
    classes);
  let codes = null;

  function go() {
    const index = field.valueAsNumber;
    if (!codes) return;
    if (!Number.isInteger(index) || index < 0 || index >= codes.count) {
      say(`There is no point ${field.value || "without a number"}: they are numbered 0 to ${count(codes.count - 1)}.`);
    } else onFind(index);
  }

  /** The next point that is shown, round and round. */
  function step(by) {
    if (!codes) return;
    const from = Number.isInteger(field.valueAsNumber) ? field.valueAsNumber : by > 0 ? -1 : 0;
    for (let k = 1; k <= codes.count; k++) {
      const index = (((from + by * k) % codes.count) + codes.count) % codes.count;
      if (visible(index)) return void onFind(index);
    }
    say("Every point is hidden: press Show all in the legend.");
  }

  return {
    element,
    use(next) {
      codes = next;
      const counts = classCounts(codes).sort((a, b) => a[0] - b[0]);
      classes.hidden = !counts.length;
      menu.replaceChildren(el("option", { value: "" }, "all"), ...counts.map(([k, n]) => (
        el("option", { value: k }, `${codes.className(k)} (${count(n)})`))));
      field.max = codes.count - 1;
      field.value = "";
    },
    at(index) {
      field.value = index;
    },
    filter(k) {
      menu.value = k === null ? "" : String(k);
    },
  };
}
