// What the pages about a few images of a model have in common: the images and their terms, and panels that ask the app.

import { address, ask, askJson } from "./ask.js";
import { el, setText } from "./dom.js";
import { readTerms } from "./image_terms.js";
import { json, latest, untilDone } from "./jobs.js";
import { styleSheet } from "./mounting.js";
import { keepPicture } from "./own_pictures.js";
import { createState } from "./page_state.js";
import { kept } from "./panel.js";
import { createPick, firstImages } from "./pick.js";
import { dress } from "./theme.js";

const KINDS = ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma", "noise", "z", "decoder",
               "gap", "rare"];
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged

/**
 * One model and a few images inside a root element; what a page adds are its parts and its panels.
 * page: { about, the route that says what can be asked; draws, samples of q behind the terms; panels, from the top to
 *   the bottom; name, under which kept() holds its things; keeps() makes these, beside images and chosen; begin() is
 *   the state to begin with, beside the images; most, images at a time, if not as usual }.
 * A page's class has parts(), which makes this.root of this.pick, this.line and this.lower, and puts its own panels into
 * this.panels; more() adds to what panels get; looked(changed) hears of each change of the state; touch(event) of each
 * touch of the window; pictured() is called when all images have their terms; stop() ends what it began.
 */
export class ImageView {
  constructor(component, { root, style }, page) {
    const { data, parentElement } = component;
    Object.assign(this, { page, model: data.model, host: parentElement, appRoot: root, panels: [] });
    this.quit = new AbortController();
    this.ctx = this.context(data.images);
    this.load = latest(() => this.loadTerms());
    this.pick = createPick(this.ctx, {
      keep: (kind, body) => keepPicture(root, this.model.name, kind, body, this.quit.signal),
      arrived: () => this.dataArrived(),
    });
    this.line = el("p", { class: "notice", role: "status", "data-testid": "notice", hidden: true });
    this.lower = el("div", { class: "panels", "data-testid": "about-model" });
    this.parts();
    this.root.classList.toggle("tiny", this.model.shape[1] <= TINY);
    this.listen();
    this.run(style);
  }

  more() { return {}; }
  looked() {}
  touch(event) { this.pick.touch(event); }
  async pictured() {}
  stop() {}

  /**
   * What the panels get: root; model; state (page_state.js); signal, aborted when the page goes; about, the answer of
   * the page's route, null before it has come; colours and theme; images, key -> its pictures and terms;
   * ask(route, what, body, query) -> Promise of a Response; jobs.untilDone(route, what, body, watch);
   * question(extra) -> the body of a question about the chosen images; notice(text, kind).
   */
  context(named) {
    const { model, page, appRoot: root, quit: { signal } } = this, url = (route, query) => address(root, route, query);
    const store = kept({ model }, page.name, () => (
      { images: new Map(), chosen: { images: [], active: null }, ...page.keeps?.() }));
    const chosen = named ? { images: named, active: named[0] } : store.chosen;
    const start = chosen.images.length || !model.data_here ? chosen : { images: firstImages(), active: null };
    const state = createState({ ...page.begin?.(), ...start }, page.most);
    return {
      root, model, state, signal, about: null, colours: null, theme: "light", images: store.images, store,
      ask: (route, what, body = null, query = {}) => (
        ask(url(route, query), what, body === null ? { signal } : { ...json(body), signal })),
      jobs: { latest, untilDone: (route, what, body, watch = {}) => untilDone(root, route, what, body,
                                                                              { signal, ...watch }) },
      question: (extra) => ({ model: model.name, images: [...state.images], seed: state.seed, ...extra }),
      notice: (text, kind = "words") => this.notice(text, kind),
      fetchData: (watch) => untilDone(root, "map/fetch", "Fetching the images", { model: model.name }, watch),
      ...this.more(state, store),
    };
  }

  listen() {
    const { signal } = this.quit, { state, store } = this.ctx;
    for (const name of ["pointerdown", "keydown", "touchstart"]) {
      window.addEventListener(name, (event) => this.touch(event), { capture: true, passive: true, signal });
    }
    const end = state.subscribe((changed) => {
      store.chosen = { images: state.images, active: state.active };
      this.looked(changed);
      if (changed.has("images") || changed.has("seed")) this.load();
    });
    signal.addEventListener("abort", end);
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
    const { ctx, model, page, appRoot, quit: { signal } } = this;
    try {
      ctx.about = await askJson(address(appRoot, page.about, { model: model.name }), "The estimators", { signal });
      this.refresh();
    } catch (error) {
      if (!signal.aborted) this.notice(error.message, "error");
    }
  }

  mountPanels() {
    for (const create of this.page.panels) {
      const panel = create(this.ctx);
      this.panels.push(panel);
      this.lower.append(panel.element);
      panel.theme(this.ctx.colours, this.ctx.theme);
    }
  }

  /** Terms of the images that have none yet. */
  async loadTerms() {
    const { ctx, page } = this, { state, images } = ctx, missing = state.images.filter((key) => !images.has(key));
    if (this.quit.signal.aborted) return;
    try {
      if (missing.length) {
        const answer = await ctx.ask("bounds/terms", "The images", ctx.question({ images: missing,
                                                                                  samples: page.draws }));
        this.learn(readTerms(await answer.arrayBuffer()));
      }
      await this.pictured();
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
    for (const part of [...this.panels, this.pick]) part.stop();
    this.stop();
    this.root.remove();
  }
}
