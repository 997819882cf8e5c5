// Entry of the Explore page's live part: builds the view of one model and connects its pieces.

import { createExports, createMessages, createMoves } from "./controls.js";
import { createDensity } from "./density.js";
import { button, debounce, el, throttle } from "./dom.js";
import { createEngine } from "./engine.js";
import { entry, styleSheet } from "./mounting.js";
import { createOrdinary } from "./ordinary.js";
import { createPlace } from "./place.js";
import { createPrior } from "./prior.js";
import { createServer } from "./server.js";
import { createStrips } from "./strips.js";
import { prefersStillness, themeOf } from "./theme.js";
import { startWalk } from "./walk.js";

const FIRST_SEED = 7;           // where the walk sets out, and what stands still under reduced motion
const REPORT_AFTER = 250;       // ms of rest before Streamlit hears of z
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged
const TEXT_FIELDS = "input:not([type=range]):not([type=radio]), textarea, [contenteditable]";

/** z as Streamlit gets it. */
const toText = (z) => JSON.stringify(Array.from(z, (v) => Number(v.toFixed(6))));

/** Where to begin: the z that Python asks for if it fits, else the prior's middle for a direction, its first sample. */
function beginning(prior, { z, direction }) {
  const fits = Array.isArray(z) && z.length === prior.dimensions && z.every(Number.isFinite);
  const otherwise = direction ? Array.from(prior.middle) : prior.draw(FIRST_SEED);
  return { start: fits ? z : otherwise, given: fits || Boolean(direction) };
}

/** One model's view inside a root element. */
class View {
  constructor(component, { root, early, style }) {
    const { data, parentElement, setStateValue } = component;
    this.model = data.model;
    this.host = parentElement;
    this.setStateValue = setStateValue;
    this.seen = JSON.stringify(data.z);         // the z that Python sent last
    this.sent = new Set([this.seen]);           // what it knows already, so that an echo moves nothing
    this.prior = createPrior(this.model);
    const { start, given } = beginning(this.prior, data);
    this.start = start;
    this.direction = data.direction;            // null, or what along.js takes; another one makes another view
    this.lastSent = toText(start);
    this.place = createPlace(this.prior, start);
    this.server = createServer(root, this.model);
    this.report = debounce(() => this.tellStreamlit(), REPORT_AFTER);
    this.walk = this.panels = null;
    this.held = false;
    this.quit = new AbortController();
    this.build();
    this.connect();
    this.listen();
    this.run(early, style, given);
  }

  build() {
    const { model, place, prior, server, direction, start } = this, [, height, width] = model.shape;
    this.canvas = el("canvas", {
      "data-testid": "decoded-image", class: "picture", role: "img", "aria-label": "decoded image at the present z",
      style: `aspect-ratio:${width} / ${height}`,
    });
    this.pill = el("p", { class: "pill", hidden: true }, "a slow walk: touch anything to take over");
    this.where = el("p", { class: "where" }, "Decoded in your browser.");
    this.messages = createMessages();
    const { messages, canvas } = this;
    this.engine = createEngine({
      shape: model.shape, canvas, server, onError: (error) => messages.fail(error),
      onServer: (reason) => { this.where.textContent = `Decoded by the server: ${reason}`; },
    });
    const { engine } = this;
    this.strips = createStrips({ model, place, prior, engine, direction, start });
    this.ordinary = createOrdinary({ prior, place, hasCodes: model.has_codes });
    this.moves = createMoves({ place, prior });
    const travel = button("path", "A → B", () => this.panels?.between.begin(),
                          { title: "Travel from here to a random place", label: "A to B" });
    const { strips } = this, { along } = strips;
    const exports = createExports({ model, place, engine, server, canvas, messages, way: strips.way,
                                    direction: () => along && { ...direction, along: along.along() } });
    this.aside = el("div", { class: "aside" });
    this.below = el("div", { class: "below" });
    this.root = el("div", { class: height > TINY ? "live explorer" : "live explorer tiny" },
      el("div", { class: "top" },
        el("div", { class: "left" },
          el("div", { class: "frame" }, canvas, this.pill),
          el("div", { class: "buttons" }, this.moves.elements, travel, exports),
          messages.element, this.ordinary.element, this.where),
        el("div", { class: "right" }, this.strips.element, this.aside)),
      this.below);
    this.strips.showValues();
    this.moves.update();
    this.followTheme();
  }

  /** Connect the place with everything that shows it. */
  connect() {
    const { place, strips, engine } = this, settleMoves = throttle(() => this.moves.update(), 100);
    const moved = (i) => {
      if (engine.ready) engine.show(place.z);           // first: the picture is what the hand waits for
      if (i >= 0) strips.moved(i);
      else strips.showValues();
      strips.refresh();
      this.ordinary.update();
      this.panels?.grids.mark();
      settleMoves();
    };
    const rest = () => {
      this.moves.update();
      this.panels?.grids.refresh();
      this.report();
    };
    const reactions = { move: moved, rest, lock: (i) => strips.locked(i) };
    place.listen((what, i) => reactions[what](i));
  }

  /** Connect mouse, keys and size. */
  listen() {
    const { signal } = this.quit, within = (name, listener) => (
      this.root.addEventListener(name, listener, { capture: true, signal }));
    for (const name of ["pointerdown", "keydown", "touchstart", "wheel"]) {
      window.addEventListener(name, () => this.touch(), { capture: true, passive: true, signal });
    }
    for (const name of ["focusin", "input"]) within(name, () => this.touch());
    for (const name of ["pointerdown", "keydown", "input"]) {       // reaching for anything else ends the journey
      within(name, (event) => {
        if (!event.target.closest(".between") && event.key !== "Tab") this.panels?.between.stop();
      });
    }
    let before = null;
    within("pointerdown", (event) => {
      if (event.target.type !== "range") return;
      before = Float64Array.from(this.place.z);
      this.hold(true);
    });
    window.addEventListener("pointerup", () => this.hold(false), { signal });
    window.addEventListener("pointercancel", () => {        // the finger meant to scroll: it has moved nothing
      if (this.held && before) this.place.go(before);
      this.hold(false);
    }, { signal });
    document.addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.observer = new ResizeObserver(throttle(() => this.strips.resize(), 150));
    this.observer.observe(this.root);
  }

  onKey(event) {
    const undo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!undo || event.composedPath()[0].matches?.(TEXT_FIELDS)) return;
    event.preventDefault();
    this.panels?.between.stop();
    this.place.undo();
  }

  /** Load, paint the first picture, then everything that can wait. */
  async run(early, style, given) {
    try {
      const sheet = styleSheet(await style);
      if (this.quit.signal.aborted) return;
      this.host.adoptedStyleSheets = [sheet];
      this.host.append(this.root);
      const buffer = await this.server.decoder(early);
      if (this.quit.signal.aborted) return;
      this.engine.load(buffer);
      this.engine.show(this.place.z);
      await new Promise(requestAnimationFrame);
      this.engine.startRows(buffer);
      this.strips.resize();
      this.ordinary.update();
      if (given || prefersStillness()) this.place.rest();
      else this.setOut();
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
    this.arrange({ start, costs, between, grids, formula: createFormula(model) });
    between.fill();
    start.open();
  }

  /** Cards in their places: the plane comes first where there is one, for it is what a 2-D model has to show. */
  arrange({ start, costs, between, grids, formula }) {
    const column = (...cards) => el("div", { class: "column" }, cards);
    if (grids.hasPlane) {
      this.aside.classList.add("plane-first");
      this.aside.append(grids.element, column(start.element, costs.element));
      this.below.append(between.element, formula);
    } else {
      this.aside.append(start.element, costs.element);
      this.below.append(column(between.element, formula), grids.element);
    }
  }

  async learnCodes() {
    const codes = await this.server.codes();
    if (codes && !this.quit.signal.aborted) this.ordinary.learn(createDensity(codes));
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
    this.messages.fail(error, !this.engine.ready);
    this.root.classList.toggle("failed", !this.engine.ready);
  }

  followTheme() {
    this.root.dataset.theme = themeOf(this.host);
  }

  /** Python ran again: same model, perhaps another theme or another z (one that did not come from here). */
  update(component) {
    this.setStateValue = component.setStateValue;
    this.followTheme();
    const text = JSON.stringify(component.data.z);
    if (text === this.seen) return;
    this.seen = text;
    const { start, given } = beginning(this.prior, component.data);
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

export default entry(View);
