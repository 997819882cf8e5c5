// Entry of the Reconstruct page's live part: one image on the bench, its damage, the gallery, a second model.

import { createBench } from "./bench.js";
import { corrupt, untouched } from "./corrupt.js";
import { createDamage } from "./damage.js";
import { debounce, el, throttle } from "./dom.js";
import { createFetching } from "./fetching.js";
import { toUnit } from "./findings.js";
import { createHeldOut } from "./held_out.js";
import { latest } from "./jobs.js";
import { entry, styleSheet } from "./mounting.js";
import { drawable, startPen, startShow } from "./pen.js";
import { boundsKey } from "./rec_bounds.js";
import { createCompare, incomparable, pairedWords } from "./rec_compare.js";
import { createRecFormula } from "./rec_formula.js";
import { createRecGallery } from "./rec_gallery.js";
import { createRecServer } from "./rec_server.js";
import { createSources } from "./sources.js";
import { createSweep, fillSweep } from "./sweep.js";
import { dress, prefersStillness } from "./theme.js";

const KINDS = ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma", "z", "decoder", "gap"];
const WHILE = { samples: 16, shown: 4 }, RESTING = { samples: 64, shown: 4 };       // draws of q, while a hand moves
const SWEEP = { samples: 16, shown: 0 };
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged

/** One model's view inside a root element. */
class View {
  constructor(component, { root, style }) {
    const { data, parentElement, setTriggerValue } = component;
    Object.assign(this, { model: data.model, host: parentElement, setTriggerValue, rival: null,
                          wish: null, image: null, pen: null });
    this.server = createRecServer(root);
    this.quit = new AbortController();
    this.heldOut = createHeldOut(this.server, this.quit.signal);
    this.moved = "rotation";              // the slider that the curve is of
    this.ask = latest((...wish) => this.answer(...wish));
    this.curve = latest(() => this.fillCurve());
    this.curves = 0;                    // wished for so far: a newer one ends the one before
    this.curveSoon = debounce(() => {
      this.curves++;
      this.curve();
    }, 350);
    this.redraw = throttle(() => this.draw(), 16);
    this.build(data);
    this.listen();
    this.run(style);
  }

  build({ rivals, refused }) {
    const { model, server } = this, onexplore = (finding, of) => this.explore(finding, of);
    this.sources = createSources({ model, choose: (...wish) => this.choose(...wish), onempty: () => {} });
    this.damage = createDamage({ shape: model.shape, onchange: (_, key, finished) => this.damaged(key, finished) });
    this.sweep = createSweep();
    this.bench = createBench({ model, onexplore, onbounds: () => this.openBounds(), damage: this.damage.element,
                               sweep: this.sweep.element });
    this.compare = createCompare({ model, rivals, refused, onchoose: (rival) => this.setRival(rival) });
    this.lower = el("div", { class: "lower" });
    this.root = el("div", { class: model.shape[1] > TINY ? "live reconstructor" : "live reconstructor tiny" },
      el("div", { class: "upper" }, el("div", { class: "side" }, this.sources.element, this.compare.element),
         this.bench.way), this.bench.under,
      this.lower, createRecFormula(model));
    this.gallery = createRecGallery({
      model, server, onexplore, redraw: () => this.redraw(),
      onbounds: (index) => this.tellBounds(`test:${index}`),
      ontake: (index) => {
        this.choose("data", { index }, true);
        this.root.scrollIntoView({ block: "start", behavior: prefersStillness() ? "auto" : "smooth" });
      },
    });
    this.fetching = createFetching({
      model, fetchData: (watch) => server.fetchData(model.name, watch), ondone: () => this.dataArrived(),
    });
  }

  listen() {
    const { signal } = this.quit;
    for (const name of ["pointerdown", "keydown", "touchstart"]) {
      window.addEventListener(name, (event) => this.touch(event), { capture: true, passive: true, signal });
    }
    this.observer = new ResizeObserver(() => {
      this.damage.resize();
      this.redraw();
    });
    this.observer.observe(this.root);
  }

  async run(style) {
    try {
      this.host.adoptedStyleSheets = [styleSheet(await style)];
      if (this.quit.signal.aborted) return;
      this.host.append(this.root);
      this.followTheme();
      this.setOut();
      if (this.model.data_here) await this.openGallery();
      else {
        this.lower.replaceChildren(this.fetching.element);
        const { dataset } = this.model;
        this.bench.standing.none(`There is no comparison: the test images of ${dataset} are not on this machine.`);
        await this.learnCloud();
      }
    } catch (error) {
      if (!this.quit.signal.aborted) this.sources.say(error.message);
    }
  }

  /** Alive before the first touch: the pen draws, or, where nothing to draw fits, test images take turns. */
  setOut() {
    const still = prefersStillness(), { model, sources } = this;
    if (model.data_here && !drawable(model)) {
      sources.open("Test image");
      this.pen = startShow({ still, show: (index) => this.choose("data", { index }, true) });
      return;
    }
    sources.pill.hidden = still;
    this.pen = startPen({ canvas: sources.canvas, still, dataset: model.dataset_name,
                          show: (finished) => this.choose("drawing", sources.read(), finished) });
  }

  /** The first touch ends the pen; one on the pad wipes what it drew. */
  touch(event) {
    if (!this.pen) return;
    this.pen.stop(event.composedPath().includes(this.sources.canvas));
    this.pen = null;
    this.sources.pill.hidden = true;
  }

  async openGallery() {
    const { gallery, bench, heldOut, model } = this;
    this.lower.replaceChildren(gallery.element);
    gallery.open();
    bench.standing.wait("Comparing with the held-out images…");
    try {
      const found = await heldOut.of(model, (state) => {
        gallery.wait(state);
        bench.standing.wait(`Comparing with the held-out images: ${state.text}`);
      });
      gallery.learn(found);
      bench.standing.learn(found, model.name);
      bench.learn(model, heldOut.cloud(found));
      this.sources.testImages(found.count);
      this.redraw();
    } catch (error) {
      if (this.quit.signal.aborted) return;
      gallery.unknown(error.message);
      bench.standing.none(`There is no comparison: ${error.message}`);
    }
  }

  /** Without data, the plane shows the codes that the checkpoint carries. */
  async learnCloud() {
    if (!this.model.has_codes || this.model.latent_dim !== 2) return;
    this.bench.learn(this.model, await this.heldOut.kept(this.model));
    this.redraw();
  }

  dataArrived() {
    this.model.data_here = true;
    this.openGallery();
  }

  /** A new image: kind data, drawing, upload.  Returns a promise for when it, or a newer one, has been dealt with. */
  choose(kind, body, finished = true) {
    if (!body) return Promise.resolve();
    this.wish = { kind, body };
    return this.ask(finished);
  }

  models() {
    return this.rival ? [this.model, this.rival] : [this.model];
  }

  /** Ask for the image that is wished for, whole and, where sliders are set, damaged, of one model or two; show it. */
  async answer(finished) {
    if (this.quit.signal.aborted || !this.wish) return;
    const options = finished ? RESTING : WHILE, models = this.models(), { wish } = this;
    const patience = setTimeout(() => this.bench.busy(true), 300);
    try {
      if (!this.image || this.image.wish !== wish || this.image.clean.length !== models.length) {
        const clean = await this.each(models, wish.kind, wish.body, options);
        this.image = { wish, clean, values: toUnit(clean[0].original) };
        this.damage.take(this.image.values);
      }
      await this.showImage(models, options);
      this.sources.say("");
      if (finished) this.curveSoon();
    } catch (error) {
      if (this.wish === wish) this.wish = this.image?.wish ?? null;      // what is shown stays what is asked about
      if (!this.quit.signal.aborted) this.sources.say(error.message);
    } finally {
      clearTimeout(patience);
      this.bench.busy(false);
    }
  }

  each(models, kind, body, options) {
    return Promise.all(models.map((model) => this.server.one(model.name, kind, body, options)));
  }

  /** What the models make of a damaged image. */
  pixels(models, image, settings, options) {
    const damaged = corrupt(image.values, this.model.shape, settings);
    return this.each(models, "pixels", damaged, { ...options, like: image.clean[0].index });
  }

  async showImage(models, options) {
    const { image, damage: { settings } } = this, damaged = !untouched(settings);
    const now = damaged
      ? await this.pixels(models, image, settings, options) : image.clean;
    if (this.quit.signal.aborted || models.length !== this.models().length) return;
    this.bench.show({ damaged, columns: models.map((model, i) => ({ model, now: now[i], clean: image.clean[i] })) });
    this.redraw();
  }

  damaged(key, finished) {
    if (key && key !== "invert") this.moved = key;
    this.sweep.mark(this.damage.settings[this.moved]);
    this.redraw();
    if (this.wish) this.ask(finished);
  }

  /** The terms at settings all along the range of the slider that was moved last. */
  async fillCurve() {
    const { image, moved: key, damage } = this, about = damage.about[key], models = this.models();
    if (!image || this.quit.signal.aborted) return;
    const settings = { ...damage.settings }, mine = this.curves;
    const alive = () => !this.quit.signal.aborted && this.curves === mine && this.rival === (models[1] ?? null);
    await fillSweep(this.sweep, {
      about, settings, key, alive, models: models.map((model) => model.name), redraw: this.redraw,
      ask: (changed) => this.pixels(models, image, changed, SWEEP),
    });
  }

  async setRival(rival) {
    this.rival = rival;
    this.bench.compare(rival);
    this.gallery.compare(rival);
    this.image = null;
    if (this.wish) this.ask(true);
    if (!rival || !this.model.data_here) return;
    const paired = !incomparable(this.model, rival);
    try {
      if (paired) this.compare.words("Comparing over all held-out images…");
      const found = await Promise.all([this.model, rival].map((model) => this.heldOut.of(model)));
      if (this.rival !== rival) return;
      this.bench.learn(rival, this.heldOut.cloud(found[1]));
      this.redraw();
      if (paired) this.compare.words(pairedWords(this.model, rival, found.map(({ terms }) => terms)));
    } catch (error) {
      if (this.rival === rival && !this.quit.signal.aborted) this.compare.words(error.message);
    }
  }

  explore(finding, model) {
    const z = Array.from(finding.code.mean, (v) => Number(v.toFixed(6)));
    this.setTriggerValue("explore", { model: model.name, z, direction: null, about: finding.title });
  }

  tellBounds(key) {
    this.setTriggerValue("bounds", { model: this.model.name, images: [key] });
  }

  /** What is on the bench, damage and all. */
  async openBounds() {
    const { server, model, image, damage: { settings } } = this;
    try {
      this.tellBounds(await boundsKey({ server, model, image, settings }));
    } catch (error) {
      if (!this.quit.signal.aborted) this.sources.say(error.message);
    }
  }

  draw() {
    if (this.quit.signal.aborted || !this.colours) return;
    this.bench.draw(this.colours, this.theme);
    this.sweep.draw(this.colours);
    this.gallery.draw(this.colours);
  }

  followTheme() {
    Object.assign(this, dress(this.root, this.host, KINDS));
    this.redraw();
  }

  /** Python ran again: same model, perhaps another theme. */
  update(component) {
    this.setTriggerValue = component.setTriggerValue;
    this.followTheme();
  }

  destroy() {
    this.quit.abort();
    this.pen?.stop(false);
    this.sources.stop();
    this.fetching.stop();
    this.observer.disconnect();
    this.root.remove();
  }
}

export default entry(View);
