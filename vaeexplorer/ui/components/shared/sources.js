// "Choose an image": draw one, take a held-out one, upload one, or use the camera.

import { button, el, tabs } from "./dom.js";
import { createDrawing } from "./drawing.js";
import { createPhoto, hasCamera } from "./photo.js";

const LARGEST = 20 * 2 ** 20;   // bytes of an uploaded image
const UPLOAD_WORDS = "Any image up to 20 MB. It goes to the app that serves this page, is made what the model takes, "
  + "and is not kept.";
const DRAW_WORDS = "White on black, with the mouse or a finger. It is centred and scaled as MNIST's digits are; the "
  + "model answers while you draw.";

/** A file field that is also a place to drop a file. */
function createUpload({ choose, say, words }) {
  const take = (file) => {
    if (!file) return;
    if (file.size > LARGEST) say(`This file has ${Math.round(file.size / 2 ** 20)} MB; at most 20 MB are accepted.`);
    else choose("upload", file, true);
  };
  const field = el("input", { type: "file", accept: "image/*", "aria-label": "image file", onchange: () => {
    take(field.files[0]);
    field.value = "";
  } });
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  const zone = el("label", { class: "drop", ondragover: over(true), ondragleave: over(false), ondrop: (event) => {
    over(false)(event);
    take(event.dataTransfer.files[0]);
  } }, el("span", {}, "Drop an image here, or choose a file"), field);
  return el("div", {}, zone, el("p", { class: "words" }, words));
}

/** A held-out image by its number, or any. */
function createTest({ model, choose, words }) {
  let total = 0;
  const field = el("input", {
    type: "number", min: 0, step: 1, value: 0, class: "seed", "aria-label": "test image number",
    onchange: () => pick(field.valueAsNumber),
  });
  const pick = (index) => {
    if (!Number.isInteger(index) || index < 0) return;
    field.value = index;
    choose("data", { index }, true);
  };
  const any = button("die", "Any", () => pick(Math.floor(Math.random() * Math.max(1, total || 100))),
                     { label: "any test image" });
  const element = model.data_here
    ? el("div", {},
         el("p", { class: "words" }, words),
         el("div", { class: "line" }, el("span", { class: "joined" }, field, any)))
    : el("p", { class: "words hint" }, model.data_hint);
  return { element, pick, limit: (count) => { total = field.max = count; } };
}

/**
 * The card. Args: model; choose(kind, body, finished) -> Promise; onempty() when the drawing is wiped; title; words,
 *   { draw, test, upload }: what stands with them, where it is not as usual.
 * Returns: { element, canvas (the pad's), read(), say(line), open(tab), testImages(count), stop() }.
 */
export function createSources({ model, choose, onempty, title = "Choose an image", words = {} }) {
  const message = el("p", { class: "error", role: "alert", hidden: true });
  const say = (text) => {
    message.textContent = text;
    message.hidden = !text;
  };
  const pad = createDrawing({ shape: model.shape, words: words.draw ?? DRAW_WORDS, onempty,
                              send: (body, finished) => choose("drawing", body, finished) });
  const test = createTest({ model, choose, words: words.test
    ?? `A test image of ${model.dataset}, by its number; or choose one below.` });
  const photo = hasCamera() ? createPhoto({ take: (file) => choose("upload", file, true), say }) : null;
  const panel = (content) => el("div", { class: "panel" }, content);
  const tabbed = tabs("Choose an image", [
    ["Draw", panel(pad.element)], ["Test image", panel(test.element)],
    ["Upload", panel(createUpload({ choose, say, words: words.upload ?? UPLOAD_WORDS }))],
    ...(photo ? [["Camera", panel(photo.element)]] : []),
  ], () => {
    say("");
    photo?.stop();
  });
  tabbed.open("Draw");
  const pill = el("p", { class: "words pen-words", hidden: true },
                  "The pen draws by itself: touch the pad to take over.");
  return {
    element: el("section", { class: "card sources", "aria-label": title }, el("h3", {}, title),
                tabbed.element, pill, message),
    canvas: pad.canvas, read: pad.read, say, open: tabbed.open, testImages: test.limit, pill,
    stop: () => photo?.stop(),
  };
}
