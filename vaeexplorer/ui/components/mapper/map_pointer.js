// What the pointer means: ring, bubble and ellipse under it, a click that pins, a double click that leaves for Explore,
// a lasso that selects.

import { noLines, posteriorEllipses } from "./map_density.js";
import { createHover } from "./map_hover.js";
import { isPlane, zAt } from "./map_picture.js";
import { nameOf } from "./map_words.js";

const AROUND = 26;              // CSS pixels around the pointer whose images are fetched along
const MANY = 200;               // of these at most
const SNAP = 7;                 // in a plane: nearer than this the point counts, else the place

const disc = (x, y, r) => Array.from({ length: 8 }, (_, k) => (
  [x + r * Math.cos((k * Math.PI) / 4), y + r * Math.sin((k * Math.PI) / 4)])).flat();

/** Returns: { bubble, use(shown), on(event), pin(i), rest(), stop() }. */
export function createPointer({ model, stage, decoder, images, card, selection, onPin, onExplore }) {
  const { scatter } = stage;
  let shown = null;
  const around = (x, y) => Array.from(scatter.within(disc(x, y, AROUND)).subarray(0, MANY));
  const hover = createHover({ shape: model.shape, decoder, images, neighboursAt: around });

  /** The ring and the ellipse of a point, or of the pinned one where there is none. */
  function mark(i) {
    const at = i ?? (card.pinned >= 0 ? card.pinned : null);
    scatter.ring(at);
    const { codes, picture } = shown, straight = !noLines(codes, picture);
    scatter.setEllipses(straight && at !== null
      ? posteriorEllipses(picture.header, codes.zOf(at), codes.stdOf(at)) : []);
  }

  const plane = () => shown && decoder.ready && isPlane(shown);

  function found({ index, x, y }) {
    if (!(index >= 0)) return -1;
    return plane() && scatter.nearest(x, y, SNAP) < 0 ? -1 : index;
  }

  function move(event) {
    const i = found(event);
    if (i >= 0) {
      if (i !== hover.now) mark(i);
      hover.point(i, event.x, event.y);
    } else {
      if (hover.now >= 0) mark(null);
      if (plane()) hover.place(zAt(shown.picture.header, event.data), event.x, event.y);
      else hover.leave();
    }
  }

  function pin(i) {
    card.point(i);
    onPin(i);
    hover.leave(true);
    mark(i);
    scatter.show(i);
  }

  function click(event) {
    const i = found(event);
    if (i >= 0) pin(i);
    else if (plane()) {
      card.place(zAt(shown.picture.header, event.data));
      mark(null);
    }
  }

  function goThere(event) {
    const i = found(event);
    if (!decoder.ready || shown.codes.dimensions !== shown.codes.modelDimensions) return;
    if (i >= 0) onExplore({ z: decoder.place(shown.codes.zOf(i)), direction: null, about: nameOf(shown.codes, i) });
    else if (plane()) onExplore({ z: zAt(shown.picture.header, event.data), direction: null, about: null });
  }

  const reactions = {
    move, click, doubleclick: goThere,
    leave() {
      hover.leave();
      mark(null);
    },
    lasso: ({ indices }) => selection.select(indices),
  };
  const onKey = (event) => {
    if (event.key !== "Enter" || !shown) return;
    const { clientWidth: wide, clientHeight: high } = stage.canvas;
    const i = scatter.nearest(wide / 2, high / 2, Math.max(wide, high));
    if (i >= 0) pin(i);
  };
  stage.canvas.addEventListener("keydown", onKey);

  return {
    bubble: hover.element, pin,
    use(next) {
      const same = shown?.codes === next.codes;
      shown = next;
      hover.use(next.codes);
      if (same) mark(null);
    },
    on(event) {
      if (shown) reactions[event.kind]?.(event);
    },
    rest() {
      if (shown) mark(null);
    },
    stop: () => stage.canvas.removeEventListener("keydown", onKey),
  };
}
