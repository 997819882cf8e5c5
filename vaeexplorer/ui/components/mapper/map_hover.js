// The bubble beside the pointer: the real image and what the decoder makes of its code, or of the place itself.
// The decoded picture follows at once; the real one comes from the app, after a short rest of the pointer.

import { el, setText } from "./dom.js";
import { clearPicture, paintBytes } from "./map_decoder.js";
import { placeWords, titleOf } from "./map_words.js";

const DWELL = 60;               // ms on a point before its image is asked for
const LINGER = 120;             // ms that the bubble outlives its point: moving between points does not flicker
const AROUND = 40;              // images fetched with the one under the pointer

/**
 * Args: shape; decoder; images; neighboursAt(x, y) -> indices near a pixel, to fetch along.
 * Returns: { element, use(codes), point(i, x, y), place(z, x, y), leave(), now }.
 */
export function createHover({ shape, decoder, images, neighboursAt }) {
  const picture = (testid, label) => el("canvas", { "data-testid": testid, role: "img", "aria-label": label });
  const real = picture("hover-real", "the real image"), decoded = picture("hover-decoded", "the decoded picture");
  const realBox = el("figure", {}, real, el("figcaption", {}, "real image"));
  const below = el("figcaption", {}, "reconstruction");
  const title = el("p", { class: "title" }), more = el("p", { class: "where" });
  const madeBox = el("figure", { class: "made" }, decoded, below);
  const element = el("div", { class: "bubble", "data-testid": "map-bubble", hidden: true, "aria-hidden": "true" },
                     el("div", { class: "pair" }, realBox, madeBox), title, more);
  let codes = null, now = -1, dwell = 0, linger = 0, size = null;
  for (const canvas of [real, decoded]) clearPicture(canvas, shape);

  const fits = () => codes && codes.dimensions === codes.modelDimensions;

  function beside(x, y) {
    if (element.hidden) {
      element.hidden = false;
      size = null;
    }
    size ??= [element.offsetWidth, element.offsetHeight];
    const { clientWidth: wide, clientHeight: high } = element.offsetParent ?? element.parentElement;
    const left = x + 18 + size[0] < wide ? x + 18 : Math.max(2, x - 18 - size[0]);
    const top = Math.min(Math.max(2, y - size[1] / 2), Math.max(2, high - size[1] - 2));
    element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  function layout(withReal, withMade, words, detail) {
    if (realBox.hidden === withReal || madeBox.hidden === withMade) size = null;
    realBox.hidden = !withReal;
    madeBox.hidden = !withMade;
    setText(title, words);
    setText(more, detail);
    more.hidden = !detail;
  }

  function showReal(i) {
    const bytes = images.get(i);
    if (bytes) paintBytes(real, bytes, images.shape);
    else clearPicture(real, shape);
    return Boolean(bytes);
  }

  function fetchAround(i, x, y) {
    clearTimeout(dwell);
    dwell = setTimeout(async () => {
      const near = neighboursAt(x, y).filter((other) => other !== i).slice(0, AROUND);
      try {
        await images.want([i, ...near]);
        if (now === i) showReal(i);
      } catch {
        // The card says it when the point is clicked; a bubble that complains would be a nuisance.
      }
    }, DWELL);
  }

  return {
    element,
    get now() { return now; },
    use(next) {
      codes = next;
      now = -1;
      element.hidden = true;
    },
    /** The pointer is at (x, y) over point i. */
    point(i, x, y) {
      clearTimeout(linger);
      if (i !== now) {
        now = i;
        const label = codes.label ? codes.labelOf(i) ?? "class unknown" : null;
        layout(codes.hasImages, fits() && decoder.ready, label === null ? titleOf(codes, i) : `“${label}”`,
               label === null ? "" : titleOf(codes, i).split(", “")[0]);
        setText(below, codes.source === "course" ? "decoded by the finished model" : "reconstruction");
        if (fits() && decoder.ready) decoder.paint(decoded, codes.zOf(i)).catch(() => {});
        if (codes.hasImages && !showReal(i)) fetchAround(i, x, y);
      }
      beside(x, y);
    },
    /** The pointer is at (x, y) over no point: what the decoder makes of that place. */
    place(z, x, y) {
      clearTimeout(linger);
      clearTimeout(dwell);
      now = -1;
      layout(false, true, `z = ${placeWords(z)}`, "");
      setText(below, "decoded here");
      decoder.paint(decoded, z).catch(() => {});
      beside(x, y);
    },
    leave(atOnce = false) {
      clearTimeout(dwell);
      clearTimeout(linger);
      now = -1;
      if (atOnce) element.hidden = true;
      else linger = setTimeout(() => { element.hidden = true; }, LINGER);
    },
  };
}
