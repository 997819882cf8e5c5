// Entry of the Map page's live part: fetches codes and a picture of them, and connects the map with all that shows it.

import { el } from "./dom.js";
import { axisTitle, createCaptions } from "./map_captions.js";
import { createCard } from "./map_card.js";
import { createColour } from "./map_colour.js";
import { createControls } from "./map_controls.js";
import { createFetch, createUpload } from "./map_data.js";
import { createMapDecoder } from "./map_decoder.js";
import { createDensity, priorInSight } from "./map_density.js";
import { createFigures } from "./map_figures.js";
import { Flow } from "./map_flow.js";
import { createFormula } from "./map_formula.js";
import { createImageStore } from "./map_images.js";
import { createPointer } from "./map_pointer.js";
import { createProgress } from "./map_progress.js";
import { createSearch } from "./map_search.js";
import { createSelection } from "./map_selection.js";
import { createMapServer } from "./map_server.js";
import { createStage } from "./map_stage.js";
import { entry, styleSheet } from "./mounting.js";
import { dress } from "./theme.js";

const WIDE = 930;               // CSS pixels from which the cards stand beside the map
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged
const KINDS = ["text", "quiet", "edge", "page", "surface", "input", "encoder", "mu", "sigma", "z", "decoder", "gap"];

/** One model's map inside a root element. */
class View {
  constructor(component, { root, early, style }) {
    const { data, parentElement } = component;
    this.model = data.model;
    this.host = parentElement;
    this.tell = component.setTriggerValue;
    this.server = createMapServer(root, this.model);
    this.shown = null;                  // { codes, picture, wish, meanwhile } on the canvas
    this.build();
    this.run(early, style);
  }

  build() {
    const { model, server } = this, { shape } = model, images = this.images = createImageStore(server);
    const decoder = this.decoder = createMapDecoder({ shape, server, bits: model.posterior === "bernoulli" });
    const explore = (wish) => this.explore(wish), pin = (i) => this.pin(i);
    this.stage = createStage({ onPoint: (event) => this.pointer.on(event),
                               onView: (view) => this.density?.viewed(view) });
    const { scatter } = this.stage;
    this.progress = createProgress();
    this.controls = createControls({ latent: model.latent_dim, onSource: (id) => this.flow.load(id),
                                     onPicture: () => this.flow.draw() });
    this.colour = createColour({ onColours: (colours) => this.paint(colours) });
    this.search = createSearch({ onFind: pin, onClass: (k) => this.colour.onlyClass(k),
                                 say: (text) => this.words.say(text),
                                 visible: (i) => !this.colours?.visible || this.colours.visible[i] });
    this.card = createCard({ shape, server, images, decoder, onPick: pin,
                             onExplore: (z, about) => explore({ z, direction: null, about }),
                             onBounds: (i) => this.tell("bounds", { model: model.name, images: [`test:${i}`] }),
                             onClose: () => this.pointer?.rest() });
    this.selection = createSelection({ model, images, decoder, onPick: pin, onExplore: explore,
                                       onMark: (indices) => scatter.setChosen(indices),
                                       onNothing: (text) => this.stage.toast(text),
                                       beside: () => this.root.clientWidth > WIDE });
    const { stage, card, selection } = this;
    this.pointer = createPointer({ model, stage, decoder, images, card, selection, onExplore: explore,
                                   onPin: (i) => this.search.at(i) });
    this.density = createDensity({ model, server, onLines: (lines) => scatter.setContours(lines) });
    this.figures = createFigures(server);
    this.missing = createFetch({ model, server, progress: this.progress, onFetched: () => this.flow.load("test"),
                                 onFailure: (error) => this.words.say(error.message) });
    this.upload = createUpload({ server, progress: this.progress, say: (text) => this.words.say(text),
                                 onUploaded: ({ source }) => this.flow.load(source) });
    this.flow = new Flow({ model, server, controls: this.controls, progress: this.progress,
                           onCodes: ({ header, source }) => this.offer(header.sources, source),
                           onShow: (...shown) => this.show(...shown),
                           onSay: (text, again) => this.words.say(text, again),
                           onNothing: (sources) => this.offer(sources, null) });
    this.arrange();
    this.observer = new ResizeObserver(() => scatter.resize());
    this.observer.observe(this.stage.element);
  }

  arrange() {
    const { stage, density, model } = this, [, height] = model.shape;
    this.words = createCaptions({ onAgain: () => this.flow.draw(true) });
    const { notice, status, caution, caption } = this.words;
    stage.overlay.append(this.pointer.bubble, this.progress.element);
    stage.tools.prepend(density.choice);
    this.upload.drop(stage.element);
    this.root = el("div", { class: height > TINY ? "live mapper" : "live mapper tiny" },
      el("div", { class: "bar-of-controls" }, this.controls.element, this.colour.choice),
      this.missing.element, notice,
      el("div", { class: "main" },
        el("div", { class: "picture" },
           el("div", { class: "above" }, status, this.upload.element), stage.element, caution, density.words, caption),
        el("div", { class: "side" }, this.search.element, this.colour.legend, this.card.element,
           this.selection.element)),
      this.figures.element, createFormula(model));
  }

  /** Style, decoder, codes: side by side, each shown when it is there. */
  async run(early, style) {
    try {
      const sheet = styleSheet(await style);
      if (this.gone) return;
      this.host.adoptedStyleSheets = [sheet];
      this.host.append(this.root);
      this.followTheme();
      const decoder = this.server.decoder(early).then((buffer) => this.decoder.load(buffer));
      decoder.catch((error) => this.words.say(error.message));
      await this.flow.begin();
    } catch (error) {
      if (!this.gone) this.host.append(this.root);
      this.words.say(error.message);
    }
  }

  /** What is shown, or nothing (null): are images missing that could be fetched? */
  offer(sources, shown) {
    const missing = sources.find(({ id, here }) => id === "test" && !here);
    this.missing.offer(missing && (!shown || shown === "kept") ? missing.why : null);
    if (!shown) this.words.nothing();
  }

  /** A picture is there: everything changes at once. */
  show(codes, picture, wish, meanwhile) {
    const other = this.shown?.codes !== codes, { scatter } = this.stage;
    this.shown = { codes, picture, wish, meanwhile };
    if (other) {
      this.images.use(codes);
      scatter.setChosen(null);
    }
    scatter.setPoints(picture.coordinates, picture.dims);
    const { axis_titles: titles, axes } = picture.header;
    scatter.setAxes({ titles: titles.map((title) => axisTitle(title, picture.dims)), numbers: Boolean(axes) });
    scatter.fit(priorInSight(codes, picture, this.model.prior));
    this.pointer.use(this.shown);
    if (other) {
      for (const part of [this.card, this.selection, this.search, this.colour]) part.use(codes);
      if (!meanwhile) this.figures.use(codes);
    } else this.paint(this.colours);
    this.density.use(codes, picture, wish);
    this.describe();
    this.root.classList.add("ready");
  }

  paint(colours) {
    this.colours = colours;
    if (!colours || !this.shown || colours.colours.length !== this.shown.codes.count) return;
    this.stage.scatter.setColours(colours.colours, colours.visible);
    this.search.filter(colours.only);
    this.describe();
  }

  describe() {
    this.stage.describe(this.words.describe(this.shown, this.colours?.shown ?? this.shown.codes.count));
  }

  /** A point was asked for, by its number or as a neighbour. */
  pin(i) {
    this.words.say("");
    this.pointer.pin(i);
  }

  explore({ z, direction, about }) {
    const numbers = (values) => (values ? Array.from(values) : null);
    this.tell("explore", { z: numbers(z), direction: numbers(direction), about: about ?? null });
  }

  followTheme() {
    const { theme, colours } = dress(this.root, this.host, KINDS);
    this.stage.scatter.setTheme({ ...colours, theme });
    this.colour.theme(theme);
  }

  /** Python ran again: same model, perhaps another theme. */
  update(component) {
    this.tell = component.setTriggerValue;
    if (this.root.isConnected) this.followTheme();
  }

  destroy() {
    this.gone = true;
    this.flow.stop();
    this.observer.disconnect();
    this.density.stop();
    this.figures.stop();
    this.pointer.stop();
    this.stage.scatter.stop();
    this.root.remove();
  }
}

export default entry(View);
