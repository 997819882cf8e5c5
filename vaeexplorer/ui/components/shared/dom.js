// Building elements. Data enters the page as text or attributes, never as HTML.

const ICONS = {
  die: "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"
    + "M8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01",
  undo: "M8 14 4 10l4-4M4 10h10a6 6 0 0 1 0 12h-3",
  reset: "M4 4v6h6M4.6 15a8 8 0 1 0 1.2-8.2L4 10",
  lock: "M6 11h12v10H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11",
  unlock: "M6 11h12v10H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2",
  play: "M8 5v14l11-7z",
  stop: "M6 6h12v12H6z",
  pause: "M8 5v14M16 5v14",
  down: "M12 4v12M6.5 11 12 16.5 17.5 11M4 20.5h16",
  path: "M4 19a2 2 0 1 0 .01 0M20 5a2 2 0 1 0 .01 0M6 18C15 17 8 7 18 5.5",
  pen: "M4 20l1-5L16 4l4 4L9 19z",
  eraser: "M4 15 13 6l6 6-7 7H8zM12 19h8",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
};

/** A line icon, drawn in the text's colour. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * An element. In `props`, functions named on... are listeners, `class`, `style` and names with a dash are attributes,
 * the rest are properties. Children are nodes or text; null is left out.
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "style" || name === "for" || name.includes("-")) {
      element.setAttribute(name, value);
    } else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A push button with an icon and words; `label` is its accessible name where the words alone would not do. */
export function button(iconName, words, onclick, { label = null, title = null, kind = "" } = {}) {
  return el("button", { type: "button", class: `button ${kind}`, "aria-label": label, title, onclick },
            iconName ? icon(iconName) : null, words ? el("span", {}, words) : null);
}

/** Coloured words of the page's grammar: kind is one of input, encoder, mu, sigma, noise, z, decoder, gap. */
export const tint = (kind, ...children) => el("span", { class: `is-${kind}` }, ...children);

/** The symbol z with its index, or a bare z. */
export const zName = (index) => tint("z", "z", el("sub", {}, String(index + 1)));

/** Change an element's text, unless it says so already: then nothing is laid out anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A number with a true minus sign. */
export function figure(value, digits = 2) {
  return value.toFixed(digits).replace("-", "−");
}

/** Run `task` at most every `ms`, always once more after the last call. */
export function throttle(task, ms) {
  let timer = 0, last = -Infinity;
  return () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      task();
    }, Math.max(0, ms - (performance.now() - last)));
  };
}

/** Run `task` once, `ms` after the last call. */
export function debounce(task, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(task, ms);
  };
}

/** Tabs: entries are [name, element]; arrows move between them.  Returns: { element, open(name) }. */
export function tabs(label, entries, onopen = () => {}) {
  const list = el("div", { class: "tabs", role: "tablist", "aria-label": label });
  const buttons = entries.map(([name]) => el("button", {
    type: "button", role: "tab", class: "tab", onclick: () => open(name),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const now = entries.findIndex((entry) => entry[0] === name);
      const next = (now + step + entries.length) % entries.length;
      open(entries[next][0]);
      buttons[next].focus();
    },
  }, name));
  function open(name) {
    entries.forEach(([other, panel], i) => {
      const chosen = other === name;
      buttons[i].setAttribute("aria-selected", String(chosen));
      buttons[i].tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    });
    onopen(name);
  }
  list.append(...buttons);
  for (const [, panel] of entries) panel.setAttribute("role", "tabpanel");
  return { element: el("div", {}, list, entries.map(([, panel]) => panel)), open };
}
