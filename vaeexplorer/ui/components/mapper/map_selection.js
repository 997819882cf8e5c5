// What the lasso caught: images, counts of each class, a table to keep, the mean decoded; and the selections A and B.

import { saveText } from "./csv.js";
import { button, el, setText } from "./dom.js";
import { thumbnail } from "./map_card.js";
import { classCounts, evenly, meanCode } from "./map_codes.js";
import { columnsOf, csvOf } from "./map_csv.js";
import { clearPicture } from "./map_decoder.js";
import { createDirection } from "./map_direction.js";
import { many } from "./map_words.js";
import { count } from "./scales.js";

const SHOWN = 24;               // images of a selection
const ROWS = 50;                // rows of the table on the page; the file has them all
const BARS = 12;                // classes in the counts

const NOTHING = "There is no visible point inside this loop: nothing was selected. Draw it around some points.";

/** "mostly “3”": the class of more than half of them, or nothing. */
export function mostly(codes, indices) {
  const [first] = classCounts(codes, indices);
  return first && first[1] * 2 > indices.length ? `, mostly “${codes.className(first[0])}”` : "";
}

function countsOf(codes, indices) {
  const counts = classCounts(codes, indices), most = counts[0]?.[1] ?? 1;
  const rows = counts.slice(0, BARS).map(([k, n]) => el("li", {}, el("span", {}, codes.className(k)),
    el("i", { style: `width:${(100 * n) / most}%` }), el("b", {}, count(n))));
  if (counts.length > BARS) rows.push(el("li", { class: "words" }, `and ${counts.length - BARS} more classes`));
  return rows.length ? el("ul", { class: "counts", "aria-label": "points of each class" }, rows) : null;
}

function tableOf(codes, indices) {
  const columns = columnsOf(codes);
  const head = el("tr", {}, columns.map(({ name }) => el("th", { scope: "col" }, name)));
  const rows = Array.from(indices.slice(0, ROWS), (i) => el("tr", {}, columns.map(({ at }) => el("td", {}, at(i)))));
  const rest = indices.length > ROWS ? el("p", { class: "words" },
    `The first ${ROWS} of ${count(indices.length)}; the file has them all.`) : null;
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, rows));
  return [el("div", { class: "scroll", tabIndex: 0 }, table), rest];
}

/**
 * Args: model; images; decoder; beside(): whether this stands beside the map; onPick(i), onExplore(wish),
 * onMark(indices or null) when the marked points change, onNothing(text) where the lasso caught none.
 * Returns: { element, use(codes), select(indices), clear(), say(text) }.
 */
export function createSelection({ model, images, decoder, beside, onPick, onExplore, onMark, onNothing }) {
  const { shape } = model, body = el("div", { class: "body" }), title = el("h3", {}, "Selection");
  const message = el("p", { class: "error", role: "alert", hidden: true });
  const empty = el("p", { class: "words" }, "Press Lasso, or hold Shift, and draw a loop around some points: their ",
                   "images, classes, a table, their mean decoded, and the direction from one selection to another.");
  const shut = button(null, "×", () => clear(), { label: "clear the selection", kind: "small" });
  const direction = createDirection({ model, decoder, onExplore });
  const element = el("section", { class: "card selection", "data-testid": "map-selection", "aria-label": "Selection" },
                     el("header", {}, title, shut), message, empty, body, direction.element);
  let codes = null, newest = 0;
  shut.hidden = true;

  const decodes = () => decoder.ready && codes.dimensions === codes.modelDimensions;

  function say(text) {
    setText(message, text);
    message.hidden = !text;
  }

  function clear() {
    newest++;
    body.replaceChildren();
    setText(title, "Selection");
    empty.hidden = false;
    shut.hidden = true;
    say("");
    onMark(null);
  }

  function gallery(indices) {
    const some = evenly(indices, SHOWN), mine = newest;
    const grid = el("div", { class: "thumbs" }), made = { codes, images, decoder, shape, onPick };
    const show = () => grid.replaceChildren(...some.map((i) => thumbnail(made, i)));
    show();
    images.want(some).then(() => mine === newest && show(), (error) => mine === newest && say(error.message));
    const words = indices.length > SHOWN ? `${SHOWN} of ${count(indices.length)}, evenly chosen` : "all of them";
    return [el("p", { class: "words" }, `${codes.hasImages ? "Images" : "Reconstructions"}: ${words}.`), grid];
  }

  function meanPicture(mean, indices) {
    const canvas = el("canvas", { role: "img", "aria-label": "the decoded mean of the selection",
                                  "data-testid": "selection-mean" });
    clearPicture(canvas, shape);
    decoder.paint(canvas, mean).catch(() => {});
    return el("figure", { class: "framed made" }, canvas,
              el("figcaption", {}, `decoded mean of ${many(indices.length, "code")}`));
  }

  function actions(indices, mean) {
    const keep = (name) => button(null, `Keep as ${name}`, () => direction.keep(name, {
      mean, n: indices.length, words: mostly(codes, indices) }), { title: `Remember this selection as ${name}` });
    const explore = decodes() ? button("path", "Mean in Explore", () => onExplore({
      z: decoder.place(mean), direction: null, about: null })) : null;
    const file = `${model.name.replaceAll("/", "-")}-selection.csv`;
    const csv = button("down", "CSV", () => saveText(csvOf(codes, indices), file),
                       { label: "Download the selection as CSV" });
    return el("div", { class: "line" }, decodes() ? [keep("A"), keep("B")] : null, explore, csv);
  }

  return {
    element, clear, say,
    use(next) {
      codes = next;
      clear();
      direction.use(codes);
    },
    select(indices) {
      if (!indices.length) return void onNothing(NOTHING);
      clear();
      const mean = meanCode(codes, indices), pictured = codes.hasImages || decodes();
      setText(title, `Selection: ${many(indices.length, "point")}${mostly(codes, indices)}`);
      empty.hidden = true;
      shut.hidden = false;
      const table = el("details", { class: "formulas", ontoggle: () => {
        if (table.open && table.children.length === 1) table.append(...tableOf(codes, indices).filter(Boolean));
      } }, el("summary", {}, "Table"));
      const counts = countsOf(codes, indices);
      body.replaceChildren(
        el("div", { class: "overview" }, decodes() ? meanPicture(mean, indices) : null, counts), actions(indices, mean),
        ...(pictured ? gallery(indices) : []), table);
      onMark(indices);
      if (beside()) element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    },
  };
}
