// Step 1 of the tour: an image through the gate of two numbers and out again; its pixels can be clicked.

import { address, ask } from "./ask.js";
import { button, el, figure, setText } from "./dom.js";
import { latest } from "./jobs.js";
import { alive, createPicture, figureOf } from "./lab_tour_parts.js";
import { uniforms } from "./random.js";

const BLINK = 1.1;              // seconds that a pixel stays as it is, while nobody has touched anything

/** Args: brain { root, model, shape, decode, signal, fail(error) }.
 *  Returns: { element, show(data), theme(), rest() }. */
export function gate(brain) {
  const into = createPicture(brain.shape, { label: "the picture that goes in", kind: "input", testid: "tour-input" });
  const out = createPicture(brain.shape, { label: "the picture that comes out", kind: "decoder",
                                           testid: "tour-output" });
  const names = [el("span", {}), el("span", {})], side = brain.shape[2];
  const again = button("reset", "The digit again", () => begin(given));
  const snow = button("die", "Snow", () => begin(snowOf(++storms)), { label: "Snow: pixels by chance" });
  let given = [], pixels = [], storms = 0, pen = null, rest = () => {};

  const snowOf = (seed) => {
    const uniform = uniforms(seed);
    return Array.from(given, () => (uniform() < 0.5 ? 1 : 0));
  };
  const tell = (mean) => {
    mean.forEach((value, i) => setText(names[i], figure(value)));
    out.show(brain.decode(mean));
  };
  const encode = latest(async () => {
    try {
      const url = address(brain.root, "encode", { model: brain.model, kind: "pixels" });
      const body = Float32Array.from(pixels);
      tell((await (await ask(url, "The encoder", { method: "POST", body, signal: brain.signal })).json()).z);
    } catch (error) {
      if (!brain.signal.aborted) brain.fail(error);
    }
  });
  const put = (values) => {
    pixels = values;
    into.show(pixels);
    encode();
  };
  const begin = (values) => {
    rest();
    put(values);
  };
  const other = (at, value) => pixels.map((before, i) => (i === at ? value : before));
  const touch = ({ offsetX, offsetY }) => {
    const [x, y] = [offsetX, offsetY].map((v) => Math.floor(v / into.element.clientWidth * side));
    const at = y * side + x;
    if (x < 0 || y < 0 || x >= side || y >= side || pixels[at] === pen) return;
    pen ??= 1 - pixels[at];
    begin(other(at, pen));
  };
  into.element.classList.add("pen");
  into.element.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    into.element.setPointerCapture(event.pointerId);
    pen = null;
    touch(event);
  });
  into.element.addEventListener("pointermove", (event) => event.buttons && touch(event));
  for (const name of ["pointerup", "pointercancel"]) into.element.addEventListener(name, () => { pen = null; });

  return {
    element: el("div", { class: "tour-stage gate" },
      figureOf(into, "64 pixels go in"),
      el("div", { class: "tour-gate" },
        el("span", { class: "tour-arrow is-encoder" }, "encoder →"),
        el("output", { class: "tour-code", "data-testid": "tour-code", "aria-label": "the two numbers" }, names),
        el("span", { class: "tour-arrow is-decoder" }, "→ decoder")),
      figureOf(out, "64 pixels come out"),
      el("div", { class: "tour-buttons" }, snow, again)),
    show(data) {
      given = pixels = data.values;
      into.show(given);
      tell(data.mean);
      const uniform = uniforms(1);
      let turns = 0;
      rest = alive((seconds) => {
        if (seconds < BLINK * (turns + 1)) return;
        const at = Math.floor(uniform() * given.length);
        put(++turns % 2 ? other(at, 1 - given[at]) : given);
      });
    },
    theme() {},
    rest: () => rest(),
  };
}
