// "Images": those that the page is about, and more of them: by number, drawn, uploaded, photographed.

import { button, el, setText } from "./dom.js";
import { createFetching } from "./fetching.js";
import { startPen } from "./pen.js";
import { paintBytes, tile } from "./shades.js";
import { createSources } from "./sources.js";
import { prefersStillness } from "./theme.js";

export const FEW = 8;           // test images to begin with
const OFFERED = 1000;           // test images among which some are drawn where their number is not known

export const firstImages = (count = FEW) => Array.from({ length: Math.min(FEW, count) }, (_, i) => `test:${i}`);

const WORDS = {
  draw: "White on black, with the mouse or a finger. It is centred and scaled as MNIST's digits are; a stroke makes a "
    + "picture in place of the last one.",
  test: (dataset) => `A test image of ${dataset}, by its number.`,
  upload: "Any image up to 20 MB. It goes to the app that serves this page and is made what the model takes; the app "
    + "keeps that in memory, so that a link can name it, until others need the room.",
};

/** One chosen image as a button: looked at when it is pressed, with a cross that puts it away. */
function thumbnail({ key, shape, terms, title, active, alone, onlook, ondrop }) {
  const canvas = tile(shape, title, "is-given");
  if (terms) paintBytes(canvas, terms.original, shape);
  const label = terms?.label === null || terms?.label === undefined ? "" : terms.label;
  return el("div", { class: "picked-image", "data-key": key },
    el("button", { type: "button", class: "picked-look", "aria-pressed": String(active), title, onclick: onlook,
                   "aria-label": `look at ${title}` }, canvas,
       el("span", {}, key.startsWith("test:") ? `${key.slice(5)}${label ? ` “${label}”` : ""}` : title)),
    alone ? null : el("button", { type: "button", class: "small picked-drop", onclick: ondrop,
                                  "aria-label": `put ${title} away` }, "×"));
}

/**
 * Args: ctx; keep(kind, body) -> Promise of the key under which the app keeps a picture; arrived(), the test images are
 * on the machine now.
 * Returns: { element, refresh(), say(line), begin(): draws by itself where there is no data, touch(event), stop() }.
 */
export function createPick(ctx, { keep, arrived }) {
  const { model, state, images } = ctx, quit = { pen: null, fetching: null };
  const shelf = el("div", { class: "picked", "data-testid": "picked" });
  const note = el("p", { class: "words" });
  let drawn = null, newest = 0;           // the key of the pad's picture, which the next one replaces

  async function choose(kind, body, finished) {
    if (!finished || !body) return;
    sources.say("");
    if (kind === "data") {
      state.show(`test:${body.index}`);
      return;
    }
    const mine = ++newest;
    try {
      const key = await keep(kind, body);
      if (mine !== newest || ctx.signal.aborted) return;
      take(key, kind === "drawing" ? drawn : null);
      if (kind === "drawing") drawn = key;
    } catch (error) {
      if (!ctx.signal.aborted) sources.say(error.message);
    }
  }

  function take(key, instead) {
    const others = state.images.filter((other) => other !== instead && other !== key);
    state.set({ images: [...others.slice(0, state.most - 1), key], active: key });
  }

  const sources = createSources({ model, choose, onempty: () => {}, title: "Images",
                                  words: { ...WORDS, test: WORDS.test(model.dataset) } });
  sources.open(model.data_here ? "Test image" : "Draw");

  const drop = (key) => state.set({ images: state.images.filter((other) => other !== key) });
  const some = button("die", `${FEW} others`, () => {
    const count = ctx.about?.data?.count ?? OFFERED, found = new Set();
    while (found.size < Math.min(FEW, count)) found.add(`test:${Math.floor(Math.random() * count)}`);
    const images = [...found].sort((a, b) => a.slice(5) - b.slice(5));
    state.set({ images, active: images[0] });
  }, { label: `${FEW} other test images` });
  const rest = button(null, "Only this one", () => state.set({ images: [state.active] }),
                      { label: "keep only the image that is looked at" });

  function show() {
    const { images: keys, active } = state;
    shelf.replaceChildren(...keys.map((key) => thumbnail({
      key, shape: model.shape, terms: images.get(key), title: images.get(key)?.title ?? key.replace(":", " "),
      active: key === active, alone: keys.length < 2, onlook: () => state.set({ active: key }),
      ondrop: () => drop(key),
    })));
    rest.hidden = keys.length < 2;
    some.hidden = !model.data_here;
    setText(note, keys.length ? `${keys.length} of at most ${state.most} images; a press looks at one.`
      : "No image yet: draw one, or upload one.");
    if (ctx.about?.data) sources.testImages(ctx.about.data.count - 1);
  }

  sources.element.querySelector("h3").after(shelf, el("div", { class: "line" }, some, rest), note);
  if (!model.data_here) {
    quit.fetching = createFetching({ model, fetchData: ctx.fetchData, ondone: arrived });
    sources.element.append(el("details", { class: "about" }, el("summary", {}, "Test images are not here"),
                              quit.fetching.element));
  }
  const end = state.subscribe(show);
  show();

  return {
    element: sources.element, refresh: show, say: sources.say,
    /** Alive before the first touch, where no test image can be shown: the pen draws one picture. */
    begin() {
      quit.pen = startPen({ canvas: sources.canvas, still: prefersStillness(), dataset: model.dataset_name,
                            show: (finished) => {
                              if (!finished) return;
                              quit.pen?.stop(false);
                              choose("drawing", sources.read(), true);
                            } });
    },
    /** The first touch ends the pen; one on the pad wipes what it drew. */
    touch(event) {
      quit.pen?.stop(event.composedPath().includes(sources.canvas));
      quit.pen = null;
    },
    stop() {
      end();
      quit.pen?.stop(false);
      quit.fetching?.stop();
      sources.stop();
    },
  };
}
