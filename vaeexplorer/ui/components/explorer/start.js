// "Start from": a held-out image, an upload, a drawing. Each is encoded by the server and becomes the present z.

import { button, el, tabs } from "./dom.js";
import { createDrawing } from "./drawing.js";

const PAGE = 24;
const LARGEST = 20 * 1024 * 1024;       // bytes of an uploaded image

/** Thumbnails of held-out images, a page at a time. */
function createGallery({ server, model, choose, say }) {
  const grid = el("div", { class: "gallery" }), count = el("span", { class: "words" });
  let start = 0, total = 0, asked = false;
  count.textContent = "loading…";
  const thumb = (image) => {
    const name = `test image ${image.index}${image.label === null ? "" : `, ${image.label}`}`;
    return el("button", { type: "button", class: "thumb", "aria-label": name, title: name,
                          onclick: () => choose("data", { index: image.index }) },
              el("img", { src: image.png, alt: "" }));
  };
  const page = async (from) => {
    asked = true;
    try {
      const answer = await server.images(Math.max(0, from), PAGE);
      [start, total] = [answer.start, answer.total];
      grid.replaceChildren(...answer.images.map(thumb));
      count.textContent = `${start} to ${start + answer.images.length - 1} of ${total}`;
      previous.disabled = start <= 0;
      next.disabled = start + PAGE >= total;
    } catch (error) {
      say(error.message);
    }
  };
  const previous = button("left", "", () => page(start - PAGE), { label: "previous images", kind: "small" });
  const next = button("right", "", () => page(start + PAGE), { label: "next images", kind: "small" });
  const anywhere = button("die", "Others", () => page(Math.floor(Math.random() * Math.max(1, total - PAGE))),
                          { title: "Another part of the held-out images" });
  const element = model.data_here
    ? el("div", {}, grid, el("div", { class: "line" }, previous, count, next, anywhere))
    : el("p", { class: "words hint" }, model.data_hint);
  return { element, open: () => model.data_here && !asked && page(0) };
}

/** A file field that is also a place to drop a file. */
function createUpload({ choose, say }) {
  const take = (file) => {
    if (!file) return;
    if (file.size > LARGEST) say(`This file has ${Math.round(file.size / 2 ** 20)} MB; at most 20 MB are accepted.`);
    else choose("upload", file);
  };
  const field = el("input", { type: "file", accept: "image/*", "aria-label": "image file", onchange: () => {
    take(field.files[0]);
    field.value = "";
  } });
  const zone = el("label", {
    class: "drop",
    ondragover: (event) => {
      event.preventDefault();
      zone.classList.add("over");
    },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      take(event.dataTransfer.files[0]);
    },
  }, el("span", {}, "Drop an image here, or choose a file"), field);
  return el("div", {}, zone, el("p", { class: "words" }, "Any image file up to 20 MB. It goes to the app that serves ",
                               "this page, is fitted to what the model takes, and is not kept."));
}

/**
 * The card. Args: model, server, place; show(answer) with what came back from the encoder.
 * Returns: { element, open() }; open loads the first page of images.
 */
export function createStart({ model, server, place, show }) {
  const message = el("p", { class: "error", role: "alert", hidden: true });
  const waiting = el("p", { class: "words", role: "status", hidden: true }, "Encoding…");
  const say = (text) => {
    message.textContent = text;
    message.hidden = !text;
  };
  /** Encode, move there, show the bill. A newer choice overtakes an older answer. */
  let newest = 0;
  const choose = async (kind, body, finished = true) => {
    const mine = ++newest;
    const patience = setTimeout(() => { waiting.hidden = false; }, 400);     // the first encoding loads the networks
    try {
      const answer = await server.encode(kind, body);
      if (mine !== newest) return;
      say("");
      place.go(answer.z);
      if (finished) place.rest();
      show(answer);
    } catch (error) {
      if (mine === newest) say(error.message);
    } finally {
      clearTimeout(patience);
      if (mine === newest) waiting.hidden = true;
    }
  };
  const gallery = createGallery({ server, model, choose, say });
  /** Nothing is left to encode: an answer on its way would be to a drawing that is gone. */
  const forget = () => {
    newest++;
    waiting.hidden = true;
    place.rest();
  };
  const drawing = createDrawing({ shape: model.shape, onempty: forget,
                                  send: (body, finished) => choose("drawing", body, finished) });
  const panel = (content) => el("div", { class: "panel" }, content);
  const tabbed = tabs("Start from", [["A test image", panel(gallery.element)],
                                     ["Upload", panel(createUpload({ choose, say }))],
                                     ["Draw", panel(drawing.element)]], () => say(""));
  tabbed.open(model.data_here ? "A test image" : "Draw");
  return {
    element: el("section", { class: "card", "aria-label": "Start from" }, el("h3", {}, "Start from"),
                tabbed.element, waiting, message),
    open: gallery.open,
  };
}
