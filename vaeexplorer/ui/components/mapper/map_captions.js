// The words around the map: what is shown, its caution, the caption, and what went wrong.

import { el, setText } from "./dom.js";
import { many, pictureWords } from "./map_words.js";

const KEYS = "Arrow keys move, plus and minus zoom, 0 shows everything, Enter chooses the point in the middle.";
const MEANWHILE = " Meanwhile the test images are being encoded; they will take this place.";

/** An axis' title as it fits into the picture: three axes meet in a corner and have room for a name alone. */
export const axisTitle = (title, dims) => (
  title.replace("principal component", "PC").replace(dims === 3 ? / \(.*\)/ : "", ""));

/**
 * Args: onAgain(), to draw what was cancelled.
 * Returns: { notice, status, caution, caption (elements), say(text, again), nothing(),
 * describe(shown, count of visible points) };
 * describe returns the map's accessible name.
 */
export function createCaptions({ onAgain }) {
  const notice = el("p", { class: "error notice", role: "alert", hidden: true });
  const again = el("button", { type: "button", class: "text", onclick: onAgain }, "Draw it again");
  const status = el("p", { class: "status", "data-testid": "map-status", "aria-live": "polite" },
                    "Fetching the codes …");
  const caution = el("p", { class: "caution", "data-testid": "map-caution" }), caption = el("p", { class: "words" });

  return {
    notice, status, caution, caption,
    say(text, withAgain = false) {
      notice.replaceChildren(...(text ? [text, " ", withAgain ? again : ""] : []));
      notice.hidden = !text;
    },
    nothing: () => setText(status, "There is nothing to show yet: fetch the images, or open a file of codes."),
    describe({ codes, picture, wish, meanwhile }, visible) {
      const { header } = codes, what = pictureWords(codes, picture, wish.of);
      const hidden = visible < codes.count ? `, ${many(codes.count - visible, "point")} hidden` : "";
      setText(status, `${header.title}${hidden}. ${what}${meanwhile ? MEANWHILE : ""}`);
      setText(caution, picture.header.caution);
      const notes = [picture.header.window_note, header.words && `Images: ${header.words}.`, header.terms_note];
      setText(caption, [`n = ${many(codes.count, "point")}.`, ...notes].filter(Boolean).join(" "));
      return `latent map: ${header.title}. ${what} ${KEYS}`;
    },
  };
}
