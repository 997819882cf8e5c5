// Posterior collapse: a row for each price of the code, with the pictures that come back and what the code carries.

import { exactRows } from "./lab_collapse_exact.js";
import { curveRows } from "./lab_collapse_curve.js";
import { collapseFormulas } from "./lab_collapse_formulas.js";
import { el } from "./dom.js";
import { latest } from "./lab_packed.js";

const SCENES = { exact: exactRows, rate_distortion: curveRows };

/** The picture of the demonstration: that of the film's own scene, which may lag behind the settings. */
export function picture(ctx) {
  const element = el("div", { class: "collapse", "data-testid": "collapse" });
  let scene = null, made = null, look = null;

  function change(name, first) {
    made?.stop();
    scene = name;
    made = SCENES[name](first);
    element.replaceChildren(made.element);
    if (look) made.theme(...look);
  }

  return {
    element, formula: collapseFormulas(),
    show(moments, index) {
      if (index < 0 || !moments.length) return;
      const first = moments[0].data, name = first.scene, key = `${name} ${first.theory?.[0].length ?? 0}`;
      if (key !== scene) {
        change(name, first);
        scene = key;
      }
      made.show(moments, index, (field) => latest(moments, index, field));
    },
    theme(colours, theme) {
      look = [colours, theme];
      made?.theme(...look);
    },
    stop() { made?.stop(); },
  };
}
