// One held-out image in the gallery: its pictures and its terms, of one model or of two.

import { button, el, tint } from "./dom.js";
import { difference, spreadOf } from "./findings.js";
import { paintBytes, paintNumbers, signedColour, spreadColour, tile } from "./shades.js";
import { withError } from "./terms_table.js";

export const DRAWS = 4;

/** The columns of pictures: [words, kind, painter(canvas, finding, end)]; seen, whether there is one for it. */
function columnsOf(seen) {
  const bytes = (pick) => (canvas, finding) => paintBytes(canvas, pick(finding), finding.shape);
  const draws = Array.from({ length: DRAWS }, (_, k) => (
    [`sample ${k + 1}`, "is-made", bytes((finding) => finding.draws[k])]));
  return [
    ["original", "is-given", bytes((finding) => finding.original)],
    ...(!seen ? [] : [["as seen", "is-given", bytes((finding) => finding.seen)]]),
    ["mean", "is-made", bytes((finding) => finding.mean)],
    ...draws,
    ["difference", "", (canvas, finding) => paintNumbers(canvas, difference(finding), finding.shape, signedColour)],
    ["uncertainty", "", (canvas, finding, end) => (
      paintNumbers(canvas, spreadOf(finding), finding.shape, (v) => spreadColour(v / end)))],
  ];
}

/** The names of the columns, once for the whole list. */
export function headsOf(seen) {
  const columns = columnsOf(seen);
  return el("div", { class: "entry-pics heads", "aria-hidden": "true", style: `--columns:${columns.length}` },
            columns.map(([words]) => el("span", {}, words)));
}

function pictures(model, finding, end, seen, onclick) {
  const columns = columnsOf(seen);
  return el("button", {
    type: "button", class: "entry-pics", style: `--columns:${columns.length}`, onclick,
    title: `Open in Explore, ${model.name}`, "aria-label": `open ${finding.title} in Explore, ${model.name}`,
  },
    columns.map(([words, kind, paint]) => {
      const canvas = tile(model.shape, `${words} of ${finding.title}, ${model.name}`, kind);
      paint(canvas, finding, end);
      return el("span", { class: "pic" }, canvas, el("span", { class: "pic-name" }, words));
    }));
}

const terms = (model, finding, named) => el("div", { class: "entry-terms" },
  named ? el("span", { class: "unit" }, model.name) : null,
  el("span", {}, el("b", {}, "ELBO "), withError(finding.elbo)),
  el("span", {}, tint("decoder", "reconstruction "), withError(finding.reconstruction)),
  el("span", {}, tint("encoder", "KL "), withError(finding.kl)));

/**
 * Args: place in the order, and `ranked`, what put it there, in words; columns [{ model, finding }], one or two; end of
 *   the scale of uncertainty; seen, whether what the model saw is shown; onexplore(finding, model), ontake(index),
 *   onbounds(index).
 * Returns: the element.
 */
export function createEntry({ place, ranked, columns, end, seen, onexplore, ontake, onbounds }) {
  const { finding } = columns[0], two = columns.length > 1;
  return el("article", { class: "entry", "data-testid": "gallery-entry", "data-index": String(finding.index) },
    el("header", {}, el("span", { class: "place" }, place), el("b", {}, finding.title),
       ranked ? el("span", { class: "unit" }, ranked) : null,
       button(null, "Use above", () => ontake(finding.index),
              { kind: "take", title: "Look at it closely, damage it", label: `use ${finding.title} above` }),
       button(null, "Bounds", () => onbounds(finding.index),
              { kind: "take", title: "See how far its ELBO lies below log p(x)",
                label: `open ${finding.title} in Bounds` })),
    columns.map(({ model, finding: found }) => el("div", { class: "entry-row" },
      pictures(model, found, end, seen, () => onexplore(found, model)), terms(model, found, two))));
}
