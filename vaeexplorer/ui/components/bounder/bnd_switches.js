// How numbers are shown: unit and sign, for the whole page at once and without a word to the app; and the page's link.

import { SIGNS, UNITS } from "./bnd_state.js";
import { button, el, setText } from "./dom.js";
import { createChoice } from "./panel.js";
import { copyLink } from "./share.js";

const WORDS = { nats: "nats", bits: "bits", "bits per dimension": "bits per dimension",
                "log p": "log p(x) and ELBO", surprisal: "surprisal and its bound" };

/** The address of the page with this model and these images, given the one it has now. */
export function linkOf(here, model, images) {
  const url = new URL(here);
  url.search = new URLSearchParams({ model, images: images.join(",") });
  url.hash = "";
  return url.href;
}

/** Returns: { element, stop() }. */
export function createSwitches(ctx) {
  const { state, model } = ctx;
  const named = (values) => values.map((value) => [value, WORDS[value]]);
  const units = createChoice("unit of all numbers", named(UNITS), state.units, (id) => state.set({ units: id }));
  const signs = createChoice("sign of all numbers", named(SIGNS), state.sign, (id) => state.set({ sign: id }));
  const said = el("span", { class: "words", role: "status" });
  const field = el("input", { class: "linkfield", readOnly: true, hidden: true, "aria-label": "link to this page" });
  const link = button("path", "Link", async () => {
    await copyLink(linkOf(window.location.href, model.name, state.images), field);
    const pictures = state.images.some((key) => key.startsWith("picture:"));
    setText(said, `${field.hidden ? "Link copied." : "Copy this link by hand:"}${pictures
      ? " The app keeps your own pictures for a while only." : ""}`);
  }, { label: "copy a link to these images" });
  const show = () => {
    units.set(state.units);
    signs.set(state.sign);
  };
  const end = state.subscribe(show);
  const element = el("div", { class: "switches", "data-testid": "switches" }, units.element, signs.element, link, said,
                     field);
  return { element, stop: end };
}
