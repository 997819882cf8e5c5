// One image on its way through one model: what came in, what the model saw, what it gave back, and how sure it is.

import { el, setText, tint } from "./dom.js";
import { difference, sameBytes, spreadOf } from "./findings.js";
import {
  paintBytes, paintFour, paintNumbers, ramp, signedColour, spreadColour, spreadEnd, tile,
} from "./shades.js";

const SEEN = {
  dynamic: "each pixel drawn black or white by its grey value", threshold: "cut at one half",
};

/** Whether a model sees images made black and white. */
export const binarized = (model) => model.binarization in SEEN;

const signedScale = () => ramp((u) => signedColour(2 * u - 1), "−1", "+1", "scale of differences");
const spreadScale = () => ramp(spreadColour, "0", "", "scale of the uncertainty");

/** The scales of difference and uncertainty with words, for a caption.  Returns: { element, set(end) }. */
export function createScales() {
  const signed = signedScale(), spread = spreadScale();
  return {
    element: el("span", { class: "scales" },
      el("span", {}, "difference ", signed.element), el("span", {}, "uncertainty ", spread.element)),
    set: (end) => spread.set("0", String(end)),
  };
}

function figureOf(canvas, title, note, extra = null) {
  return el("figure", { class: "stage" }, canvas, el("figcaption", {}, el("b", {}, ...title), note, extra));
}

/**
 * The pictures of one model in a row. Args: model { name, shape, binarization }, role "a" or "b".
 * Returns: { element, show(finding, end), seen(on): whether that picture is there, busy(on) }; end is where the scale
 * of uncertainty ends.
 */
export function createChain(model, role) {
  const { shape } = model, named = (what) => `${what}, ${model.name}`;
  const given = tile(shape, named("the image as given"), "is-given");
  const seen = tile(shape, named("the image as the model sees it"), "is-given");
  const mean = tile(shape, named("mean reconstruction"), "is-made");
  const draws = tile(shape, named("four sampled reconstructions"), "is-made");
  const away = tile(shape, named("difference")), spread = tile(shape, named("uncertainty"));
  mean.dataset.testid = role === "a" ? "reconstruction" : "reconstruction-b";
  const signed = signedScale(), unsure = spreadScale(), note = (text) => el("span", {}, text);
  const seenNote = note(SEEN[model.binarization] ?? "");
  const seenStage = figureOf(seen, ["as the model sees it"], seenNote);
  const shown = (on) => { seenStage.hidden = !on; };
  shown(binarized(model));
  const bits = model.posterior === "bernoulli";
  const element = el("div", { class: "chain" },
    figureOf(given, [tint("input", "x"), " as given"], note(shape.slice(1).join(" × ") + " pixels")),
    seenStage,
    figureOf(mean, [tint("decoder", "E[x|z]"), bits ? " at the likeliest bits" : " at the mean of q"],
             note("mean reconstruction")),
    figureOf(draws, [tint("decoder", "E[x|z]"), " at four draws"], note("z ~ q(z|x)")),
    figureOf(away, ["difference"], note("reconstruction − seen"), signed.element),
    figureOf(spread, ["uncertainty"], note("std over draws of q"), unsure.element));
  return {
    element,
    show(finding, end) {
      paintBytes(given, finding.original, shape);
      paintBytes(seen, finding.seen, shape);
      paintBytes(mean, finding.mean, shape);
      if (finding.draws.length >= 4) paintFour(draws, finding.draws, shape);
      paintNumbers(away, difference(finding), shape, signedColour);
      paintNumbers(spread, spreadOf(finding), shape, (v) => spreadColour(v / end));
      unsure.set("0", String(end));
      setText(seenNote, !binarized(model) ? "as given"
        : sameBytes(finding.original, finding.seen) ? "it was black and white already" : SEEN[model.binarization]);
    },
    seen: shown,
    busy: (on) => element.classList.toggle("busy", on),
  };
}

/** Where a common scale of uncertainty ends for some findings. */
export const commonEnd = (findings) => spreadEnd(findings.map(spreadOf));
