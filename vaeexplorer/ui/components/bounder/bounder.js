// Entry of the Bounds page's live part: images, their terms, and the panels that all of it hands its numbers to.

import { bar } from "./bnd_bar.js";
import { dataset } from "./bnd_dataset.js";
import { estimators } from "./bnd_estimators.js";
import { exact } from "./bnd_exact.js";
import { history } from "./bnd_history.js";
import { posterior } from "./bnd_posterior.js";
import { roads } from "./bnd_roads.js";
import { createFound } from "./bnd_state.js";
import { createSwitches } from "./bnd_switches.js";
import { createUnits } from "./bnd_units.js";
import { el } from "./dom.js";
import { ImageView } from "./image_view.js";
import { entry } from "./mounting.js";

const QUICK = { method: "iwae", samples: 100, options: {} };    // the first look at log p(x), by itself
const shown = { units: "nats", sign: "log p" };         // as the visitor last read numbers, whatever the model

const PAGE = {
  about: "bounds/about", name: "page", draws: 128,
  panels: [estimators, posterior, dataset, history, roads, exact],
  keeps: () => ({ gaps: new Map(), found: createFound() }),
  begin: () => shown,
};

/** One model's bounds; see bnd_state.js, bnd_units.js and bnd_terms.js for what its panels get beside the usual. */
class View extends ImageView {
  constructor(component, early) { super(component, early, PAGE); }

  more(state, { gaps, found }) {
    return { units: createUnits(state, this.model.shape.reduce((a, b) => a * b, 1)), gaps, found };
  }

  parts() {
    this.switches = createSwitches(this.ctx);
    const first = bar(this.ctx);
    this.panels.push(first);
    this.root = el("div", { class: "live panelled bounder" },
      this.switches.element, this.line, el("div", { class: "first" }, this.pick.element, first.element), this.lower);
  }

  looked() {
    Object.assign(shown, { units: this.ctx.state.units, sign: this.ctx.state.sign });
  }

  /** A first look at the images' log p(x). */
  async pictured() {
    const { ctx } = this, { state, found, images } = ctx;
    const unknown = state.images.filter((key) => images.has(key) && !found.best(key));
    if (!unknown.length) return;
    const answer = await ctx.jobs.untilDone("bounds/estimate", "A first look at log p(x)",
                                            ctx.question({ ...QUICK, images: unknown }));
    found.put(await answer.json());
  }

  stop() { this.switches.stop(); }
}

export default entry(View);
