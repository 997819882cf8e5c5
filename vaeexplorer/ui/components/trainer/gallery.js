// The same held-out images again and again, original above and reconstruction below; and the same z decoded.

import { el, setText, tint } from "./dom.js";
import { createSheet, writeBytes } from "./pixels.js";

const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged

/** A card with one canvas. */
function card(title, unit, testid, label) {
  const canvas = el("canvas", { class: "pictures", "data-testid": testid, role: "img", "aria-label": label,
                                hidden: true });
  const waiting = el("p", { class: "waiting" }, "waiting for the first look at the model");
  const caption = el("p", { class: "caption" }), when = el("span", { class: "when" });
  const element = el("section", { class: "card" },
    el("header", {}, el("h3", {}, title), unit, when), el("div", { class: "black" }, canvas, waiting), caption);
  return { element, canvas, waiting, caption, when };
}

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const gapOf = (shape) => Math.max(1, Math.round(shape[2] / 16));

/** Two rows, so that the grid is as wide as the row of held-out images. */
const columnsFor = (n) => Math.ceil(n / 2);

/**
 * Returns: { reconstructions, decoded (cards), open(originals), show({ a, b, t }), describe(when) }.
 */
export function createGallery() {
  const unit = (...words) => el("span", { class: "unit" }, ...words);
  const rows = unit(tint("input", "original"), " above ", tint("decoder", "reconstruction"));
  const above = card("The same held-out images", rows, "reconstructions", "held-out images and their reconstructions");
  const grid = card("The same z, decoded", unit(tint("decoder", "E[x|z]"), " of ", tint("z", "z ~ p(z)")),
                    "decoded", "images decoded from the same codes");
  let originals = null, sheets = null;

  function prepare(frame) {
    const { shape } = frame, gap = gapOf(shape);
    const columns = columnsFor(frame.decodedCount);
    sheets = { shape, shown: createSheet(shape, frame.shown, 2, gap),
               decoded: createSheet(shape, columns, Math.ceil(frame.decodedCount / columns), gap), columns };
    for (const [{ canvas, waiting }, sheet] of [[above, sheets.shown], [grid, sheets.decoded]]) {
      [canvas.width, canvas.height] = [sheet.width, sheet.height];
      canvas.classList.toggle("tiny", shape[1] <= TINY);
      canvas.hidden = false;
      waiting.hidden = true;
    }
    if (originals) writeOriginals();
  }

  function writeOriginals() {
    const { shape, shown } = sheets, { images, count } = originals, size = sizeOf(shape);
    for (let i = 0; i < count; i++) {
      writeBytes(images, i * size, null, 0, shape, shown.pixels, shown.width, ...shown.place(i, 0));
    }
  }

  const put = ({ canvas }, { image }) => canvas.getContext("2d").putImageData(image, 0, 0);

  return {
    reconstructions: above.element, decoded: grid.element,
    open(found) {
      originals = found;
      if (sheets) writeOriginals();
    },
    /** Show a moment between two frames. */
    show({ a, b, t }) {
      if (!sheets || sheets.shape.join() !== a.shape.join() || sheets.shown.width !== sheetWidth(a)) prepare(a);
      const { shape, shown, decoded, columns } = sheets, size = sizeOf(shape);
      const next = a === b ? { reconstructions: null, decoded: null } : b;
      for (let i = 0; i < a.shown; i++) {
        writeBytes(a.reconstructions, i * size, next.reconstructions, t, shape, shown.pixels, shown.width,
                   ...shown.place(i, 1));
      }
      for (let i = 0; i < a.decodedCount; i++) {
        writeBytes(a.decoded, i * size, next.decoded, t, shape, decoded.pixels, decoded.width,
                   ...decoded.place(i % columns, Math.floor(i / columns)));
      }
      put(above, shown);
      put(grid, decoded);
    },
    /** What the captions say: where in time the pictures are from, and which images they are. */
    describe(when) {
      const labels = originals?.shownLabels, each = labels && new Set(labels).size === labels.length;
      const which = `${originals?.count ?? "The"} held-out images${each ? ", one of each class" : ""}`;
      setText(above.caption, `${which}; below, the decoded mean of q(z|x).`);
      setText(grid.caption, "The same draws of the prior each time.");
      for (const { when: stamp } of [above, grid]) setText(stamp, when);
    },
  };
}

const sheetWidth = ({ shape, shown }) => shown * shape[2] + (shown - 1) * gapOf(shape);
