// The pinned point: its image and reconstruction, its terms with their kinds, its nearest neighbours, the way to
// Explore. In a 2-D model also a place without a point.

import { readDocument } from "./documents.js";
import { button, el, setText, tint } from "./dom.js";
import { nearestCodes } from "./map_codes.js";
import { clearPicture, paintBytes } from "./map_decoder.js";
import { estimateWords, factorWords, many, nameOf, placeWords, termLines, titleOf, uploaded } from "./map_words.js";
import { count, plain } from "./scales.js";

const NEAREST = 12;
const TINTS = { elbo: "text", reconstruction: "decoder", kl: "encoder" };

/** One image of a point as a button: the real one where there is one, else its reconstruction. */
export function thumbnail({ codes, images, decoder, shape, onPick }, i, note = "") {
  const canvas = el("canvas", {});
  const name = `${titleOf(codes, i)}${note ? `, ${note}` : ""}`;
  clearPicture(canvas, shape);
  const bytes = images.get(i);
  if (bytes) paintBytes(canvas, bytes, images.shape);
  else if (decoder.ready && codes.dimensions === codes.modelDimensions && !codes.hasImages) {
    decoder.paint(canvas, codes.zOf(i)).catch(() => {});
  }
  return el("button", { type: "button", class: "thumb", title: name, "aria-label": name, onclick: () => onPick(i) },
            canvas, note ? el("span", {}, note) : null);
}

function picture(label, kind, canvas) {
  return el("figure", { class: `framed ${kind}` }, canvas, el("figcaption", {}, label));
}

/**
 * Args: shape; server; images; decoder; onExplore(z, words), onBounds(i), onPick(i), onClose().
 * Returns: { element, use(codes), point(i), place(z), close(), pinned (index, -1 for none), z }.
 */
export function createCard({ shape, server, images, decoder, onExplore, onBounds, onPick, onClose }) {
  const body = el("div", { class: "body" }), title = el("h3", {}, "A point");
  const shut = button(null, "×", () => close(), { label: "close the card", kind: "small" });
  const empty = el("p", { class: "words" }, "Click a point to keep it here: its image, what the model makes of it, ",
                   "what it costs, and its nearest neighbours. A double click takes it to Explore.");
  const element = el("section", { class: "card pinned", "data-testid": "map-card", "aria-label": "The chosen point",
                                  "aria-live": "polite" }, el("header", {}, title, shut), empty, body);
  let codes = null, pinned = -1, z = null, newest = 0;
  shut.hidden = true;

  const decodes = () => decoder.ready && codes.dimensions === codes.modelDimensions;
  const symbol = () => (uploaded(codes) ? tint("z", "z") : tint("mu", codes.bits ? "π" : "μ"));
  const pictured = () => codes.hasImages || decodes();

  function decodedPicture(where, words) {
    const canvas = el("canvas", { role: "img", "aria-label": words, "data-testid": "card-decoded" });
    clearPicture(canvas, shape);
    decoder.paint(canvas, where).catch(() => {});
    return picture(words, "made", canvas);
  }

  function explore(where, about) {
    return button("path", "Open in Explore", () => onExplore(where, about), { kind: "primary" });
  }

  function terms(i) {
    const rows = termLines(codes, i).map(([key, name, value, kind]) => el("tr", { "data-term": key },
      el("th", { scope: "row", class: `is-${TINTS[key]}` }, name), el("td", {}, value),
      el("td", { class: "kind" }, kind)));
    return rows.length ? el("table", { class: "terms" }, el("tbody", {}, rows)) : null;
  }

  /** Better terms than one draw gives: 64 draws and their error, where the app can say. */
  async function betterTerms(i, table) {
    if (codes.source !== "test" || !table) return;
    const mine = newest;
    try {
      const { header } = readDocument(await server.terms(i)), [item] = header.items;
      if (mine !== newest) return;
      for (const row of table.querySelectorAll("tr")) {
        const estimate = item[row.dataset.term];
        if (!estimate) continue;
        const { value, unit, kind, n } = estimateWords(estimate);
        setText(row.children[1], `${value} ${unit}`);
        setText(row.children[2], kind === "exact" ? kind : `${kind}, ${n}`);
      }
    } catch {
      // What one draw says stays there, and says so.
    }
  }

  async function neighbours(i, found, grid) {
    const mine = newest;
    const show = () => grid.replaceChildren(...found.map(({ index, distance }) => (
      thumbnail({ codes, images, decoder, shape, onPick }, index, `${pictured() ? "" : `${index}: `}`
        + plain(Number(distance.toPrecision(2)))))));
    show();
    try {
      await images.want([i, ...found.map(({ index }) => index)]);
      if (mine === newest && codes.hasImages) show();
    } catch (error) {
      if (mine === newest) grid.append(el("p", { class: "words" }, error.message));
    }
  }

  function list(i, found) {
    const grid = el("div", { class: pictured() ? "thumbs" : "thumbs plain" }), label = codes.label?.[i] ?? -1;
    const same = found.filter(({ index }) => label >= 0 && codes.label[index] === label).length;
    const shared = label >= 0 ? ` ${same} of ${found.length} are of its class.` : "";
    const where = pictured() ? `, below each picture${codes.hasImages ? "" : " (reconstructions)"}` : "";
    return { grid, element: el("div", { class: "near" },
      el("h4", {}, `Nearest ${found.length} in latent space`),
      el("p", { class: "words" },
         `By the distance of the means in ${many(codes.dimensions, "dimension")}${where}.${shared}`), grid) };
  }

  function open(words) {
    empty.hidden = true;
    shut.hidden = false;
    setText(title, words);
    newest++;
  }

  function close() {
    [pinned, z] = [-1, null];
    newest++;
    body.replaceChildren();
    setText(title, "A point");
    empty.hidden = false;
    shut.hidden = true;
    onClose();
  }

  function realPicture(i) {
    const canvas = el("canvas", { role: "img", "aria-label": "the real image", "data-testid": "card-real" });
    clearPicture(canvas, shape);
    const mine = newest, show = () => {
      const bytes = images.get(i);
      if (bytes && mine === newest) paintBytes(canvas, bytes, images.shape);
      return Boolean(bytes);
    };
    if (!show()) images.want([i]).then(show, () => {});
    return picture("real image", "real", canvas);
  }

  return {
    element, close,
    get pinned() { return pinned; },
    get z() { return z; },
    use(next) {
      codes = next;
      close();
    },
    point(i) {
      open(nameOf(codes, i));
      pinned = i;
      z = decoder.place(codes.zOf(i));
      const label = codes.label ? el("p", { class: "label" }, codes.labelOf(i) ? "labelled " : "class unknown",
                                     codes.labelOf(i) ? el("b", {}, `“${codes.labelOf(i)}”`) : null) : null;
      const found = nearestCodes(codes, codes.zOf(i), NEAREST, i), near = list(i, found);
      const table = terms(i), words = factorWords(codes, i);
      body.replaceChildren(...[
        el("div", { class: "pair" }, codes.hasImages ? realPicture(i) : null,
           decodes() ? decodedPicture(codes.zOf(i), codes.source === "course" ? "decoded by the finished model"
             : "reconstruction") : null),
        label, words ? el("p", { class: "words" }, words) : null, table,
        el("p", { class: "where" }, symbol(), ` = ${placeWords(codes.zOf(i))}`),
        decodes() ? explore(z, titleOf(codes, i)) : el("p", { class: "words" }, "These codes have "
          + `${count(codes.dimensions)} dimensions, the model another number: it cannot decode them.`),
        codes.source === "test" ? button(null, "Open in Bounds", () => onBounds(i),
          { title: "See how far its ELBO lies below log p(x)" }) : null,
        near.element].filter(Boolean));
      neighbours(i, found, near.grid);
      betterTerms(i, table);
    },
    /** A place of a 2-D map where no point is. */
    place(where) {
      open("A place on the map");
      pinned = -1;
      z = Float64Array.from(where);
      body.replaceChildren(el("div", { class: "pair" }, decodedPicture(where, "decoded here")),
        el("p", { class: "where" }, tint("z", "z"), ` = ${placeWords(where)}`), explore(z, "a place on the map"));
    },
  };
}
