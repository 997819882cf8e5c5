// The code of the image that is shown, q(z|x): bars for each dimension, or on the plane where there are two.

import { drawBars } from "./code_bars.js";
import { drawPlane } from "./code_plane.js";
import { el, setText, tint } from "./dom.js";
import { codeShift } from "./findings.js";
import { plain } from "./scales.js";

const standard = ({ mean, std, cholesky }) => !cholesky && mean.every((m) => m === 0) && std.every((s) => s === 1);

/**
 * Args: model.
 * Returns: { element, show(now, clean, damaged), learn(cloud), draw(colours, theme) }; cloud { points, labels, names,
 * title } are codes of held-out images for a plane.
 */
export function createCodePanel(model) {
  const flat = model.latent_dim === 2 && model.posterior === "gaussian", bits = model.posterior === "bernoulli";
  const order = Array.from(model.kl.keys()).sort((a, b) => model.kl[b] - model.kl[a]);
  const canvas = el("canvas", { class: flat ? "code flat" : "code", role: "img", "aria-label": "the code q(z|x)",
                                "data-testid": "code" });
  const caption = el("p", { class: "caption" }, "The code of the image appears with the first image.");
  const moved = el("p", { class: "words", "data-testid": "code-shift" });
  const name = el("span", { class: "unit" }, model.name);
  const element = el("section", { class: "card code-card", "aria-label": "The code" },
    el("header", {}, el("h3", {}, "The code ", tint("encoder", "q(z|x)")), name), canvas, moved, caption);
  let state = null, cloud = null;

  const planeWords = (more) => "Across z1, up z2. Solid: 1 and 2 standard deviations of q(z|x), exact; a thin ring "
    + `only marks the place${more ? "; dashed ellipse: the clean image" : ""}. `
    + (cloud ? `Dots: means of q of ${cloud.title}${cloud.labels ? ", coloured by class" : ""}. ` : "")
    + (standard(model.prior) ? "Dashed circles: 1 and 2 standard deviations of the prior." : "");

  function describe() {
    const inside = bits
      ? "Bars: probability that the bit is on; lines: ± one standard deviation."
      : "Bars: mean of q; lines: ± one standard deviation; pale: the prior's.";
    const more = state?.damaged;
    setText(caption, flat ? planeWords(more) : `${inside} Below: KL of each dimension, nats, exact. Order: KL over `
      + `held-out images.${more ? " Outlined: the clean image." : ""}`);
    const shift = state?.damaged ? codeShift(state.now.code, state.clean.code, bits) : null;
    moved.hidden = shift === null;
    if (shift !== null) {
      setText(moved, `The code has moved: KL(q of this ‖ q of the clean image) = ${plain(shift)} nats, exact.`);
    }
  }

  return {
    element,
    show(now, clean, damaged) {
      state = { now, clean, damaged };
      describe();
    },
    learn(found) {
      if (!flat) return;
      cloud = found;
      describe();
    },
    draw(colours, theme) {
      if (!state) return;
      const code = state.now.code, clean = state.damaged ? state.clean.code : null;
      if (flat) drawPlane(canvas, { code, clean, cloud, circles: standard(model.prior), colours, theme });
      else drawBars(canvas, { code, clean, order, prior: model.prior, bits, colours });
    },
  };
}
