// Posterior collapse: a row for each price of the code, with the pictures that come back and what the code carries.

import { exactRows } from "./lab_collapse_exact.js";
import { curveRows } from "./lab_collapse_curve.js";
import { collapseFormulas } from "./lab_collapse_formulas.js";
import { el } from "./dom.js";
import { latest } from "./lab_packed.js";

const SCENES = { exact: exactRows, rate_distortion: curveRows };

/** The picture of the demonstration: that of the film's own scene, which may lag behind the settings. */
export function picture() {
  const element = el("div", { class: "collapse", "data-testid": "collapse" });
  let first = null, known = "", made = null, look = null;

  /** Begin anew for a film of another scene, or with other things to expect. */
  function change(data) {
    const { scene, prices, theory } = data, mark = JSON.stringify([scene, prices, theory]);
    if (mark === known) return;
    known = mark;
    made?.stop();
    made = SCENES[scene](data);
    element.replaceChildren(made.element);
    if (look) made.theme(...look);
  }

  return {
    element, formula: collapseFormulas(),
    show(moments, index) {
      if (index < 0 || !moments.length) return;
      if (moments[0] !== first) change((first = moments[0]).data);
      made.show(moments, index, (field) => latest(moments, index, field));
    },
    react(settings) { made?.react?.(settings); },
    theme(colours, theme) {
      look = [colours, theme];
      made?.theme(...look);
    },
    stop() { made?.stop(); },
  };
}
