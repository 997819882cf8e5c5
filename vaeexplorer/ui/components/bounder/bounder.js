// Entry of the Bounds page's live part: images, their terms, and the panels that all of it hands its numbers to.

import { address, ask, askJson } from "./ask.js";
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
import { el, setText } from "./dom.js";
import { readTerms } from "./image_terms.js";
import { json, latest, untilDone } from "./jobs.js";
import { entry, styleSheet } from "./mounting.js";
import { keepPicture } from "./own_pictures.js";
import { createState } from "./page_state.js";
import { kept } from "./panel.js";
import { createPick, firstImages } from "./pick.js";
import { dress } from "./theme.js";

const KINDS = ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma", "noise", "z", "decoder",
               "gap", "rare"];
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged
const DRAWS = 128;              // samples of q behind the terms
const QUICK = { method: "iwae", samples: 100, options: {} };    // the first look at log p(x), by itself
const PANELS = [estimators, posterior, dataset, history, roads, exact];        // from the top to the bottom of the page

const shown = { units: "nats", sign: "log p" };         // as the visitor last read numbers, whatever the model

/** One model's bounds inside a root element. */
class View {
  constructor(component, { root, style }) {
    const { data, parentElement } = component;
    Object.assign(this, { model: data.model, host: parentElement, appRoot: root, panels: [] });
    this.quit = new AbortController();
    this.ctx = this.context(data.images);
    this.load = latest(() => this.loadTerms());
    this.build();
    this.listen();
    this.run(style, data.images);
  }

  /** What the panels get; see bnd_state.js, bnd_units.js and bnd_terms.js for its parts. */
  context(named) {
    const { model, appRoot: root, quit: { signal } } = this, url = (route, query) => address(root, route, query);
    const store = kept({ model }, "page", () => (
      { images: new Map(), gaps: new Map(), found: createFound(), chosen: { images: [], active: null } }));
    const chosen = named ? { images: named, active: named[0] } : store.chosen;
    const start = chosen.images.length || !model.data_here ? chosen : { images: firstImages(), active: null };
    const state = createState({ ...shown, ...start });
    const pixels = model.shape.reduce((a, b) => a * b, 1);
    return {
      root, model, state, signal, units: createUnits(state, pixels), about: null, colours: null, theme: "light",
      images: store.images, gaps: store.gaps, found: store.found, store,
      ask: (route, what, body = null, query = {}) => (
        ask(url(route, query), what, body === null ? { signal } : { ...json(body), signal })),
      jobs: { latest, untilDone: (route, what, body, watch = {}) => untilDone(root, route, what, body,
                                                                              { signal, ...watch }) },
      question: (extra) => ({ model: model.name, images: [...state.images], seed: state.seed, ...extra }),
      notice: (text, kind = "words") => this.notice(text, kind),
      fetchData: (watch) => untilDone(root, "map/fetch", "Fetching the images", { model: model.name }, watch),
    };
  }

  build() {
    const { ctx, model, appRoot, quit: { signal } } = this;
    this.pick = createPick(ctx, { keep: (kind, body) => keepPicture(appRoot, model.name, kind, body, signal),
                                    arrived: () => this.dataArrived() });
    this.switches = createSwitches(ctx);
    this.line = el("p", { class: "notice", role: "status", "data-testid": "notice", hidden: true });
    this.lower = el("div", { class: "panels" });
    this.bar = bar(ctx);
    this.panels.push(this.bar);
    this.root = el("div", { class: model.shape[1] > TINY ? "live panelled bounder" : "live panelled bounder tiny" },
      this.switches.element, this.line,
      el("div", { class: "first" }, this.pick.element, this.bar.element), this.lower);
  }

  listen() {
    const { signal } = this.quit, { state, store } = this.ctx;
    for (const name of ["pointerdown", "keydown", "touchstart"]) {
      window.addEventListener(name, (event) => this.pick.touch(event), { capture: true, passive: true, signal });
    }
    const ends = [state.subscribe((changed) => {
      Object.assign(shown, { units: state.units, sign: state.sign });
      store.chosen = { images: state.images, active: state.active };
      if (changed.has("images") || changed.has("seed")) this.load();
    })];
    signal.addEventListener("abort", () => ends.forEach((end) => end()));
  }

  async run(style) {
    try {
      this.host.adoptedStyleSheets = [styleSheet(await style)];
      if (this.quit.signal.aborted) return;
      this.host.append(this.root);
      this.followTheme();
      this.learnAbout();
      if (this.ctx.state.images.length) await this.load();
      else this.pick.begin();
      if (!this.quit.signal.aborted) this.mountPanels();
    } catch (error) {
      if (!this.quit.signal.aborted) this.notice(error.message, "error");
    }
  }

  async learnAbout() {
    const { ctx, model, appRoot, quit: { signal } } = this;
    try {
      ctx.about = await askJson(address(appRoot, "bounds/about", { model: model.name }), "The estimators", { signal });
      this.refresh();
    } catch (error) {
      if (!signal.aborted) this.notice(error.message, "error");
    }
  }

  mountPanels() {
    for (const create of PANELS) {
      const panel = create(this.ctx);
      this.panels.push(panel);
      this.lower.append(panel.element);
      panel.theme(this.ctx.colours, this.ctx.theme);
    }
  }

  /** Terms of the images that have none yet, then a first look at their log p(x). */
  async loadTerms() {
    const { ctx } = this, { state, images } = ctx, missing = state.images.filter((key) => !images.has(key));
    if (this.quit.signal.aborted) return;
    try {
      if (missing.length) {
        const answer = await ctx.ask("bounds/terms", "The terms", ctx.question({ images: missing, samples: DRAWS }));
        this.learn(readTerms(await answer.arrayBuffer()));
      }
      await this.quickLook();
    } catch (error) {
      if (this.quit.signal.aborted) return;
      this.notice(error.message, "error");
      if (error.status === 404) this.leaveOut(missing);
    }
  }

  learn({ images: found, leftOut }) {
    const { images, state } = this.ctx, titles = new Map(state.titles);
    for (const one of found) {
      images.set(one.key, one);
      titles.set(one.key, one.title);
    }
    state.set({ titles });
    if (leftOut.length) {
      const more = leftOut.length > 1 ? ` (and ${leftOut.length - 1} more)` : "";
      this.notice(`${leftOut[0].key} is left out: ${leftOut[0].why}${more}`);
      this.leaveOut(leftOut.map(({ key }) => key));
    }
    this.refresh();
  }

  /** What is not there goes; where nothing is left, the page begins as without a link. */
  leaveOut(keys) {
    const { state } = this.ctx, left = state.images.filter((key) => !keys.includes(key));
    const first = this.model.data_here && !keys.includes(firstImages()[0]) ? firstImages() : [];
    state.set({ images: left.length ? left : first });
    if (!state.images.length) this.pick.begin();
  }

  async quickLook() {
    const { ctx } = this, { state, found, images } = ctx;
    const unknown = state.images.filter((key) => images.has(key) && !found.best(key));
    if (!unknown.length) return;
    const answer = await ctx.jobs.untilDone("bounds/estimate", "A first look at log p(x)",
                                            ctx.question({ ...QUICK, images: unknown }));
    found.put(await answer.json());
  }

  dataArrived() {
    this.model.data_here = true;
    const { state } = this.ctx;
    state.set({ images: [...state.images, ...firstImages()].slice(0, firstImages().length) });
    this.learnAbout();
  }

  refresh() {
    this.pick.refresh();
    for (const panel of this.panels) panel.refresh();
  }

  notice(text, kind = "words") {
    this.line.hidden = !text;
    this.line.className = `notice ${kind}`;
    setText(this.line, text);
  }

  followTheme() {
    Object.assign(this.ctx, dress(this.root, this.host, KINDS));
    for (const panel of this.panels) panel.theme(this.ctx.colours, this.ctx.theme);
  }

  /** Python ran again: same model, perhaps another theme. */
  update() {
    if (this.root.isConnected) this.followTheme();
  }

  destroy() {
    this.quit.abort();
    for (const part of [...this.panels, this.pick, this.switches]) part.stop();
    this.root.remove();
  }
}

export default entry(View);
