// Entry of the Explore page's live part: builds the view of one model and connects its pieces.

import { button, debounce, el, icon, throttle } from "./dom.js";
import { createDensity } from "./density.js";
import { createEngine } from "./engine.js";
import { createOrdinary } from "./ordinary.js";
import { createPlace } from "./place.js";
import { createPrior } from "./prior.js";
import { freshSeed } from "./random.js";
import { createServer } from "./server.js";
import { copyLink, fileName, saveGif, savePng } from "./share.js";
import { createStrips } from "./strips.js";
import { prefersStillness, startWalk } from "./walk.js";

const FIRST_SEED = 7;           // where the walk sets out, and what stands still under reduced motion
const REPORT_AFTER = 250;       // ms of rest before Streamlit hears of z

const views = new WeakMap();    // component's root -> its view

/** z as Streamlit gets it. */
const toText = (z) => JSON.stringify(Array.from(z, (v) => Number(v.toFixed(6))));

/** Where to begin: what Python asks for if it fits the model, else the first prior sample. */
function beginning(prior, z) {
  const fits = Array.isArray(z) && z.length === prior.dimensions && z.every(Number.isFinite);
  return { start: fits ? z : prior.draw(FIRST_SEED), given: fits };
}

/** A status line that clears itself, and a field for links that could not be copied. */
function createMessages() {
  const line = el("p", { class: "message", role: "status" }), link = el("input", {
    class: "linkfield", readOnly: true, hidden: true, "aria-label": "link to this place", onfocus: () => link.select() });
  const clear = debounce(() => link.hidden && (line.textContent = ""), 5000);
  const error = el("p", { class: "error", role: "alert", hidden: true });
  return {
    link, element: el("div", {}, line, link, error),
    say(text) {
      line.textContent = text;
      clear();
    },
    fail(problem) {
      error.textContent = problem.message ?? String(problem);
      error.hidden = false;
    },
  };
}

/** Surprise me with its seed, Undo, Reset all. */
function createMoves({ place, prior, touch }) {
  const seed = el("input", { type: "number", min: 0, step: 1, class: "seed", "aria-label": "seed of the random sample",
                             title: "Seed of the sample: the same number gives the same place", placeholder: "seed" });
  const go = () => {
    const value = Math.floor(seed.valueAsNumber);
    if (!(value >= 0)) return;
    touch();
    place.go(prior.draw(value), true);
    place.rest();
  };
  seed.addEventListener("change", go);
  const undo = button("undo", "Undo", place.undo, { title: "Back to the place before (Ctrl+Z)" });
  const surprise = button("die", "Surprise me", () => {
    seed.value = freshSeed();
    go();
  }, { title: "A random sample of the prior", kind: "main" });
  const reset = button("reset", "Reset all", () => {
    place.go(prior.middle, true);
    place.rest();
  }, { title: prior.bits ? "All bits off" : "To the middle of the prior" });
  return { elements: [el("span", { class: "joined" }, surprise, seed), undo, reset],
           update: () => { undo.disabled = !place.canUndo(); } };
}

/** One model's view inside a root element. */
class View {
  constructor(component, { root, decoder, style }) {
    const { data, parentElement } = component;
    this.model = data.model;
    this.host = parentElement;
    this.seen = JSON.stringify(data.z);
    this.sent = new Set([this.seen]);
    this.setStateValue = component.setStateValue;
    this.prior = createPrior(this.model);
    const { start, given } = beginning(this.prior, data.z);
    this.lastSent = given ? toText(start) : null;
    this.place = createPlace(this.prior, start);
    this.server = createServer(root, this.model);
    this.report = debounce(() => this.tellStreamlit(), REPORT_AFTER);
    this.walk = null;
    this.held = false;
    this.quit = new AbortController();
    this.build();
    this.listen();
    this.run(decoder, style, given);
  }

  build() {
    const { model, place, prior, server } = this;
    const [, height, width] = model.shape;
    this.canvas = el("canvas", { "data-testid": "decoded-image", class: "picture", role: "img",
                                 "aria-label": "decoded image at the present z", style: `aspect-ratio:${width} / ${height}` });
    this.messages = createMessages();
    const fail = (error) => this.messages.fail(error);
    this.engine = createEngine({ shape: model.shape, canvas: this.canvas, server, onError: fail,
                                 onServer: (reason) => { this.where.textContent = `Decoded by the server: ${reason}.`; } });
    this.pill = el("p", { class: "pill", hidden: true }, "a slow walk: touch anything to take over");
    this.where = el("p", { class: "where" }, "Decoded in your browser.");
    this.strips = createStrips({ model, place, prior, engine: this.engine });
    this.ordinary = createOrdinary({ prior, place, hasCodes: model.has_codes });
    this.moves = createMoves({ place, prior, touch: () => this.touch() });
    const attempt = (task) => async () => {
      try {
        await task();
      } catch (error) {
        fail(error);
      }
    };
    const buttons = [
      ...this.moves.elements,
      button("path", "A → B", () => this.panels?.between.begin(), { title: "Travel from here to a random place", label: "A to B" }),
      el("span", { class: "joined" },
         button("down", "PNG", attempt(() => savePng(this.canvas, fileName(model.name))), { title: "Save this picture" }),
         button(null, "GIF", attempt(() => this.saveTraversal()), { title: "Save an animation along the dimension moved last" }),
         button(null, "Link", attempt(async () => this.messages.say(await copyLink(server.link(place.z), this.messages.link))),
                { title: "Copy a link to this place" })),
    ];
    this.lastMoved = this.strips.order[0];
    this.aside = el("div", { class: "aside" });
    this.below = el("div", { class: "below" });
    this.root = el("div", { class: height > 16 ? "explorer" : "explorer tiny" }, el("div", { class: "top" },
      el("div", { class: "left" }, el("div", { class: "frame" }, this.canvas, this.pill),
         el("div", { class: "buttons" }, buttons), this.messages.element, this.ordinary.element, this.where),
      el("div", { class: "right" }, this.strips.element, this.aside)), this.below);
    this.strips.showValues();
    this.moves.update();
    this.follow();
  }

  /** Connect the place with everything that shows it. */
  listen() {
    const { place, strips } = this, { signal } = this.quit;
    const settleMoves = throttle(() => this.moves.update(), 100);
    place.listen((what, i) => {
      if (what === "lock") return strips.locked(i);
      if (what === "rest") {
        this.moves.update();
        this.panels?.grids.refresh();
        return this.report();
      }
      if (this.engine.ready) this.engine.show(place.z);
      if (i >= 0) {
        strips.moved(i);
        this.lastMoved = i;
      } else strips.showValues();
      strips.refresh();
      this.ordinary.update();
      this.panels?.grids.mark();
      return settleMoves();
    });
    const touch = () => this.touch();
    for (const name of ["pointerdown", "keydown", "touchstart", "wheel"]) {
      window.addEventListener(name, touch, { capture: true, passive: true, signal });
    }
    this.root.addEventListener("focusin", touch, { signal });
    this.root.addEventListener("input", touch, { capture: true, signal });
    this.root.addEventListener("pointerdown", (event) => event.target.type === "range" && this.hold(true), { signal });
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => this.hold(false), { signal });
    for (const name of ["pointerdown", "keydown", "input"]) {       // whoever reaches for anything else ends the journey
      this.root.addEventListener(name, (event) => {
        if (!event.target.closest(".between") && event.key !== "Tab") this.panels?.between.stop();
      }, { capture: true, signal });
    }
    document.addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.observer = new ResizeObserver(throttle(() => strips.resize(), 150));
    this.observer.observe(this.root);
  }

  onKey(event) {
    const inText = event.composedPath()[0].matches?.("input:not([type=range]):not([type=radio]), textarea, [contenteditable]");
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || inText) return;
    event.preventDefault();
    this.panels?.between.stop();
    this.place.undo();
  }

  /** Load, paint the first picture, then everything that can wait. */
  async run(decoder, style, given) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(await style);
      if (this.quit.signal.aborted) return;
      this.host.adoptedStyleSheets = [sheet];       // Streamlit's own styles are elements, not adopted sheets
      this.host.append(this.root);
      const buffer = await this.server.decoder(decoder);
      if (this.quit.signal.aborted) return;
      this.engine.load(buffer);
      this.engine.show(this.place.z);
      await new Promise(requestAnimationFrame);
      this.engine.startRows(buffer);
      this.strips.resize();
      this.ordinary.update();
      if (given) this.place.rest();
      else if (!prefersStillness()) this.setOut();
      await this.addPanels();
      if (this.model.has_codes) await this.learnCodes();
    } catch (error) {
      if (!this.quit.signal.aborted) this.showFailure(error);
    }
  }

  /** Begin the walk. The filmstrips follow at leisure. */
  setOut() {
    this.engine.pause = 4;
    this.pill.hidden = false;
    this.ordinary.quiet(true);
    this.walk = startWalk({ place: this.place, prior: this.prior, active: this.model.active, first: FIRST_SEED });
  }

  /** The first touch ends the walk where it is. */
  touch() {
    if (!this.walk) return;
    this.walk.stop();
    this.walk = null;
    this.engine.pause = 0;
    this.pill.hidden = true;
    this.ordinary.quiet(false);
    this.place.rest();
    this.strips.refresh();
  }

  /** While something is held, the worker leaves the processor to the large picture. */
  hold(on) {
    if (this.held === on) return;
    this.held = on;
    this.engine.pause = on ? 2 : 0;
    if (!on) this.report();
  }

  async addPanels() {
    const [{ createCosts }, { createStart }, { createBetween }, { createGrids }, { createFormula }] = await Promise.all(
      ["./costs.js", "./start.js", "./between.js", "./grids.js", "./formula.js"].map((file) => import(file)));
    if (this.quit.signal.aborted) return;
    const { model, place, prior, engine, server } = this, { order } = this.strips;
    const onhold = (on) => this.hold(on), say = (text) => this.messages.fail(new Error(text));
    let code = null;
    const costs = createCosts({ onback: () => {
      place.go(code);
      place.rest();
    } });
    const start = createStart({ model, server, place, show: (answer) => {
      code = answer.z;
      costs.show(answer);
    } });
    const between = createBetween({ model, place, prior, engine, server, order, onhold, say });
    const grids = createGrids({ model, place, prior, engine, order, onhold });
    this.panels = { between, grids };
    const column = (...cards) => el("div", { class: "column" }, cards), formula = createFormula(model);
    if (model.latent_dim === 2 && !prior.bits) {        // the plane is what a 2-D model has to show
      this.aside.classList.add("plane-first");
      this.aside.append(grids.element, column(start.element, costs.element));
      this.below.append(between.element, formula);
    } else {
      this.aside.append(start.element, costs.element);
      this.below.append(column(between.element, formula), grids.element);
    }
    between.fill();
    start.open();
  }

  async learnCodes() {
    const codes = await this.server.codes();
    if (codes && !this.quit.signal.aborted) this.ordinary.learn(createDensity(codes));
  }

  /** A GIF along the dimension that was moved last (at first the one with the largest KL), there and back. */
  async saveTraversal() {
    const { place, prior, engine, server, model, lastMoved } = this;
    const [low, high] = prior.range(lastMoved), count = prior.bits ? 2 : 32;
    const places = Array.from({ length: count }, (_, k) => {
      const z = Float64Array.from(place.z);
      z[lastMoved] = low + ((high - low) * k) / (count - 1);
      return z;
    });
    await saveGif({ engine, server, places: [...places, ...places.slice(1, -1).reverse()],
                    name: fileName(model.name, `z${lastMoved + 1}`), ms: prior.bits ? 500 : 60 });
    this.messages.say(`Saved: there and back along z${lastMoved + 1}.`);
  }

  tellStreamlit() {
    if (this.held || this.walk || this.panels?.between.playing || this.quit.signal.aborted) return;
    const text = toText(this.place.z);
    if (text === this.lastSent) return;
    this.lastSent = text;
    this.sent.add(text);
    this.setStateValue("z", JSON.parse(text));
  }

  showFailure(error) {
    this.host.append(this.root);
    this.messages.fail(error);
    this.root.classList.add("failed");
  }

  /** Follow the theme: the colours of the grammar have a light and a dark shade. */
  follow() {
    const background = getComputedStyle(this.host.host ?? this.host).getPropertyValue("--st-background-color").trim();
    const probe = el("canvas", { width: 1, height: 1 }).getContext("2d");
    probe.fillStyle = background || "#fff";
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    this.root.dataset.theme = 0.3 * r + 0.6 * g + 0.1 * b < 128 ? "dark" : "light";
  }

  /** Python ran again: same model, perhaps another theme or another z (one that did not come from here). */
  update(component) {
    this.setStateValue = component.setStateValue;
    this.follow();
    const text = JSON.stringify(component.data.z);
    if (text === this.seen) return;
    this.seen = text;
    const { start, given } = beginning(this.prior, component.data.z);
    if (!given || this.sent.has(text)) return;
    this.touch();
    this.place.go(start);
    this.place.rest();
  }

  destroy() {
    this.quit.abort();
    this.walk?.stop();
    this.panels?.between.stop();
    this.panels?.grids.stop();
    this.observer.disconnect();
    this.engine.stop();
    this.root.remove();
  }
}

/** Show a model, or follow new data for the one that is shown. `early` carries what the bootstrap already fetches. */
export function mount(component, early) {
  const { parentElement, data } = component, view = views.get(parentElement);
  if (view && view.model.digest === data.model.digest && view.model.name === data.model.name) view.update(component);
  else {
    view?.destroy();
    views.set(parentElement, new View(component, early));
  }
}

export function unmount(parentElement) {
  views.get(parentElement)?.destroy();
  views.delete(parentElement);
}
