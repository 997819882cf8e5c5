// Entry of the Gradients page's live part: the playground, the images, and the panels about the model in use.

import { el } from "./dom.js";
import { cloud } from "./grd_cloud.js";
import { histograms } from "./grd_histograms.js";
import { playground } from "./grd_playground.js";
import { sweeps } from "./grd_sweeps.js";
import { table } from "./grd_table.js";
import { wrong } from "./grd_wrong.js";
import { ImageView } from "./image_view.js";
import { entry } from "./mounting.js";

const PAGE = {
  about: "gradients/about", name: "gradients", most: 8,
  draws: 2,                     // of the terms only the pictures are shown
  panels: [table, histograms, cloud, sweeps],
};

/** One model's gradients. */
class View extends ImageView {
  constructor(component, early) { super(component, early, PAGE); }

  parts() {
    this.pick.element.classList.add("picks");
    this.first = playground(this.ctx);
    const last = wrong(this.ctx);
    this.panels.push(this.first, last);
    this.root = el("div", { class: "live panelled gradienter" },
      this.first.element, el("h3", { class: "part" }, `On the model in use: ${this.model.name}`), this.line,
      this.pick.element, this.lower, last.element);
  }

  touch(event) {
    this.first.touch(event);
    super.touch(event);
  }
}

export default entry(View);
