// Entry of the Gradients page's live part: the playground, the images, and the panels about the model in use.

import { address, ask, askJson } from "./ask.js";
import { el, setText } from "./dom.js";
import { cloud } from "./grd_cloud.js";
import { histograms } from "./grd_histograms.js";
import { playground } from "./grd_playground.js";
import { sweeps } from "./grd_sweeps.js";
import { table } from "./grd_table.js";
import { wrong } from "./grd_wrong.js";
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
const MOST = 8;                 // images in one question
const PANELS = [table, histograms, cloud, sweeps];      // about the model, from the top to the bottom of the page

/** One model's gradients inside a root element. */
class View {
  constructor(component, { root, style }) {
    const { data, parentElement } = component;
    Object.assign(this, { model: data.model, host: parentElement, appRoot: root, panels: [] });
    this.quit = new AbortController();
    this.ctx = this.context(data.images);
    this.load = latest(() => this.loadPictures());
    this.build();
    this.listen();
    this.run(style);
  }

  /**
   * What the panels get: root; model; state (page_state.js); signal, aborted when the page goes; about, the answer of
   * gradients/about, null before it has come; colours and theme; images, key -> its pictures and terms;
   * ask(route, what, body, query) -> Promise of a Response; jobs.untilDone(route, what, body, watch);
   * question(extra) -> the body of a question about the chosen images; notice(text, kind).
   */
  context(named) {
    const { model, appRoot: root, quit: { signal } } = this, url = (route, query) => address(root, route, query);
    const store = kept({ model }, "gradients", () => ({ images: new Map(), chosen: { images: [], active: null } }));
    const chosen = named ? { images: named, active: named[0] } : store.chosen;
    const start = chosen.images.length || !model.data_here ? chosen : { images: firstImages(), active: null };
    const state = createState(start, MOST);
    return {
      root, model, state, signal, about: null, colours: null, theme: "light", images: store.images, store,
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
    this.pick.element.classList.add("picks");
    this.line = el("p", { class: "notice", role: "status", "data-testid": "notice", hidden: true });
    this.about = el("div", { class: "panels", "data-testid": "about-model" });
    this.first = playground(ctx);
    this.last = wrong(ctx);
    this.panels.push(this.first, this.last);
    this.root = el("div", { class: `live panelled gradienter${model.shape[1] > TINY ? "" : " tiny"}` },
      this.first.element, el("h3", { class: "part" }, `On the model in use: ${model.name}`), this.line,
      this.pick.element, this.about, this.last.element);
  }

  listen() {
    const { signal } = this.quit, { state, store } = this.ctx;
    for (const name of ["pointerdown", "keydown", "touchstart"]) {
      window.addEventListener(name, (event) => [this.first, this.pick].forEach((part) => part.touch(event)),
                              { capture: true, passive: true, signal });
    }
    const end = state.subscribe((changed) => {
      store.chosen = { images: state.images, active: state.active };
      if (changed.has("images")) this.load();
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
    const { ctx, model, appRoot, quit: { signal } } = this;
    try {
      ctx.about = await askJson(address(appRoot, "gradients/about", { model: model.name }), "The estimators",
                                { signal });
      this.refresh();
    } catch (error) {
      if (!signal.aborted) this.notice(error.message, "error");
    }
  }

  mountPanels() {
    for (const create of PANELS) {
      const panel = create(this.ctx);
      this.panels.push(panel);
      this.about.append(panel.element);
      panel.theme(this.ctx.colours, this.ctx.theme);
    }
  }

  /** Pictures of the images that have none yet. */
  async loadPictures() {
    const { ctx } = this, { state, images } = ctx, missing = state.images.filter((key) => !images.has(key));
    if (this.quit.signal.aborted || !missing.length) return;
    try {
      const answer = await ctx.ask("bounds/terms", "The images", ctx.question({ images: missing, samples: 2 }));
      this.learn(readTerms(await answer.arrayBuffer()));
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
    this.root.remove();
  }
}

export default entry(View);
