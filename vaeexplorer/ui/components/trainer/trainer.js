// Entry of the Train page's live part: follows one run, shows what its folder says, and looks back through it.

import { createCurves } from "./curves.js";
import { el, setText, throttle } from "./dom.js";
import { createFeed } from "./feed.js";
import { Film, readOriginals } from "./film.js";
import { createGallery } from "./gallery.js";
import { createHeat } from "./heat.js";
import { createMap } from "./latent_map.js";
import { createMoment } from "./moment.js";
import { entry, styleSheet } from "./mounting.js";
import { createNarration } from "./narration.js";
import { createNumbers } from "./numbers.js";
import { createOrders } from "./orders.js";
import { HELD_OUT, Rows, lastUpTo } from "./rows.js";
import { createRunServer } from "./run_server.js";
import { count, stepAxis } from "./scales.js";
import { dress } from "./theme.js";
import { timeAxis, timed } from "./time_axis.js";
import { createTimeline } from "./timeline.js";

const ACTIVE = 0.01;            // nats of a dimension that is in use; checkpoints.ACTIVE_NATS
const TINY = 16;                // pixels: pictures so small are not smoothed when enlarged
const KINDS = ["text", "quiet", "edge", "input", "encoder", "mu", "z", "decoder", "gap"];

const LOST = "Connection lost, trying again. The run itself goes on: it does not depend on this page.";

const byName = (estimates) => Object.fromEntries(estimates.map((estimate) => [estimate.name, estimate]));

/** One run's view inside a root element. */
class View {
  constructor(component, { root, early, style }) {
    const { data, parentElement, setStateValue } = component;
    this.name = data.run.name;
    this.host = parentElement;
    this.setStateValue = setStateValue;
    this.server = createRunServer(root, this.name);
    this.early = early;                         // the answer that the bootstrap already asked for
    this.rows = new Rows();
    this.offset = 0;
    this.answer = null;
    this.axisKind = "log";
    this.stale = { curves: true, heat: true };  // what must be drawn anew
    this.frame = 0;
    this.hidden = new Set();                    // plots that are out of sight
    this.build();
    this.listen();
    this.begin(style);
  }

  build() {
    const { rows } = this, hover = (step, plot) => this.hover(step, plot), pick = (step) => this.moment.go(step, false);
    this.film = new Film(this.server, { onFrame: () => this.arrived(), onNow: (frame) => this.seen(frame) });
    this.moment = createMoment(this.film, () => this.paint(), (step) => this.tell(step));
    this.title = el("strong", {});
    this.summary = el("span", {});
    const about = el("p", { class: "runline" }, this.title, this.summary);
    this.orders = createOrders((wish, pace) => this.order(wish, pace), about);
    this.narration = createNarration();
    this.curves = createCurves(rows, { hover, pick });
    this.heat = createHeat(rows, { hover, pick, active: ACTIVE });
    this.gallery = createGallery();
    this.map = createMap();
    this.numbers = createNumbers();
    const { moment } = this;
    this.timeline = createTimeline(this.film, {
      move: (step, held) => moment.go(step, held), release: () => moment.settle(), now: () => moment.now(),
      replay: () => moment.replay(),
    });
    moment.onReplay = (on) => this.timeline.playing(on);
    this.notice = el("p", { class: "notice error", role: "alert", hidden: true });
    this.curves.tools.append(this.axisChoice());
    this.root = el("div", { class: "live trainer" },
      this.orders.element, this.notice, this.narration.element,
      el("div", { class: "columns" },
        el("div", { class: "column" }, this.curves.large, this.heat.element),
        el("div", { class: "column" }, this.gallery.reconstructions, this.map.element, this.gallery.decoded)),
      el("div", { class: "smalls" }, this.curves.small),
      this.numbers.element, this.timeline.element);
    this.plots = [...this.curves.plots, this.heat.plot];
  }

  /** Logarithmic or linear steps below the curves, or the seconds of work until them. */
  axisChoice() {
    const buttons = ["log", "linear", "time"].map((kind) => el("button", {
      type: "button", class: "tab", "aria-pressed": String(kind === this.axisKind), onclick: () => {
        this.axisKind = kind;
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === kind)));
        this.redraw();
      },
    }, kind));
    this.timeButton = buttons.at(-1);
    this.timeButton.title = "seconds of training, without looks at the model, saves and pauses";
    this.timeButton.hidden = true;              // until rows say how long they took
    return el("div", { class: "choices", role: "group", "aria-label": "axis of the steps" }, buttons);
  }

  listen() {
    this.sizes = new ResizeObserver(throttle(() => this.redraw(), 100));
    this.sizes.observe(this.root);
    this.sight = new IntersectionObserver((entries) => {        // plots out of sight are not drawn
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.hidden.delete(target);
        else this.hidden.add(target);
      }
      if (entries.some(({ isIntersecting }) => isIntersecting)) this.redraw();
    });
    for (const plot of this.plots) this.sight.observe(plot.canvas);
    this.feed = createFeed({
      ask: () => this.ask(), onAnswer: (answer) => this.take(answer), onFailure: (error) => this.failed(error),
    });
  }

  async begin(style) {
    try {
      const sheet = styleSheet(await style);
      if (this.gone) return;
      this.host.adoptedStyleSheets = [sheet];
      this.host.append(this.root);
      this.followTheme();
      await this.feed.start();
    } catch (error) {
      this.host.append(this.root);
      this.failed(error);
    }
  }

  /** The run as it is now; the first question was asked before these modules were here. */
  async ask() {
    const { early } = this;
    this.early = null;
    const answer = await early?.catch(() => null);
    return answer?.ok ? answer.json() : this.server.state(this.offset);
  }

  async order(wish, pace) {
    const status = await this.server.order(wish, pace);
    if (this.answer) this.takeStatus({ ...this.answer, status });
    this.feed.hurry();
  }

  // ---- what arrives

  take(answer) {
    if (this.gone) return;
    const { rows } = this, other = this.answer && answer.restart;
    if (other) this.forget();
    const before = rows.length;
    rows.add(answer.rows);
    this.timeButton.hidden = !timed(rows);
    this.offset = answer.offset;
    if (!this.originals) this.fetchOriginals(answer);
    this.film.update(answer.snapshots, answer.now);
    this.takeStatus(answer);
    this.narration.update(answer.narration);
    this.showTitle(answer);
    this.root.classList.toggle("empty", !rows.length);
    this.root.classList.toggle("tiny", (answer.config?.shape[1] ?? TINY + 1) <= TINY);
    if (rows.length !== before || other) this.redraw();
    else this.paint();
  }

  takeStatus(answer) {
    const steps = this.answer?.status.steps;
    this.answer = answer;
    this.orders.update(answer.status);
    this.showNotice(answer);
    if (steps !== answer.status.steps) this.redraw();
    else this.paint();
  }

  /** The run began anew in the same place, or the worker went back to its last save: what is known is void. */
  forget() {
    this.rows.clear();
    this.film.clear();
    this.map.forget();
    this.moment.now();
    this.originals = null;
  }

  async fetchOriginals(answer) {
    if (!answer.now) return;
    this.originals = "asked";
    try {
      const found = readOriginals(await this.server.originals());
      this.originals = found;
      this.gallery.open(found);
      this.map.open(found, answer.config);
      this.paint(true);
    } catch {
      this.originals = null;            // the next answer tries again
    }
  }

  /** The latest observation has come. */
  seen(frame) {
    if (this.gone) return;
    this.map.learn(frame);
    this.moment.arrived(frame);
    this.film.prefetch();
    this.arrived();
  }

  /** A snapshot has come: the strip may show it, and the dimensions may stand in another order. */
  arrived() {
    if (this.gone) return;
    this.stale.strip = true;
    if (!this.timeline.held) {
      this.heat.sort();
      this.stale.heat = true;
    }
    this.paint(true);
  }

  failed(error) {
    if (this.gone) return;
    const lost = error.status === 0 || error.status === undefined || error.status >= 500;
    this.say(lost ? LOST : error.message, lost);
    this.root.classList.add("lost");
  }

  say(text, calm = false) {
    this.notice.hidden = !text;
    this.notice.classList.toggle("calm", calm);
    setText(this.notice, text);
  }

  /** One line above everything where the run needs attention that the narrator does not give it. */
  showNotice({ status, problem, narration }) {
    this.root.classList.remove("lost");
    const told = narration?.rule === "failed";        // then the narrator says it already
    const why = status.error || "its log, worker.log in its folder, says why";
    this.say(status.state === "failed" && !told ? `The run failed: ${why}` : problem ?? "");
  }

  showTitle({ title, config }) {
    setText(this.title, title);
    if (!config) return;
    const { dataset, network, beta, batch_size: size, seed, estimator } = config;
    const parts = [dataset, network, `β = ${beta}`, `batches of ${count(size)}`, `seed ${seed}`];
    if (estimator && estimator !== "auto") parts.push(estimator.replaceAll("_", " "));
    setText(this.summary, parts.join(" · "));
  }

  // ---- what is shown

  get last() {
    return Math.max(this.rows.last, this.answer?.status.step ?? 0);
  }

  get steps() {
    return Math.max(1, this.answer?.status.steps ?? 0, this.last);
  }

  axis() {
    if (this.axisKind === "time" && timed(this.rows)) return timeAxis(this.rows);
    return stepAxis(this.axisKind, this.axisKind === "log" ? this.steps : Math.max(1, this.rows.last));
  }

  redraw() {
    Object.assign(this.stale, { curves: true, heat: true, strip: true });
    this.paint(true);
  }

  /** Draw at the next frame; `all`: also the pictures although the moment is the same. */
  paint(all = false) {
    this.again ||= all;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    if (this.gone || !this.answer || !this.colours) return;
    const { moment, stale } = this;
    if (stale.curves) this.drawCurves();
    if (stale.strip) this.timeline.draw(this.steps, this.colours);
    stale.strip = false;
    const shown = moment.shown();
    const key = shown && `${shown.a.step} ${shown.b.step} ${shown.t.toFixed(4)} ${moment.follow}`;
    if (shown && (this.again || key !== this.drawn)) {
      this.gallery.show(shown);
      this.map.show(shown);
      this.map.draw(this.colours, this.theme);
      this.drawn = key;
    }
    this.again = false;
    this.showMoment(shown);
    if (moment.underWay) this.paint();
  }

  drawCurves() {
    const axis = this.axis(), sighted = (plot) => !this.hidden.has(plot.canvas);
    this.curves.draw(axis, this.colours, sighted);
    if (sighted(this.heat.plot)) this.heat.draw(axis, this.colours);
    this.stale.curves = this.stale.heat = false;
    this.marked = null;
    if (!this.moment.moving) this.describe();
  }

  describe() {
    this.curves.describe();
    this.heat.describe();
  }

  /** The figures, marks and words of the moment that is shown. */
  showMoment(shown) {
    const { moment, rows, answer } = this, { status } = answer, back = !moment.follow;
    const at = back ? moment.step : this.last, row = lastUpTo(rows.train.step, at + 0.5);
    const { estimates, kl } = this.figuresAt(at, shown);
    this.orders.show({
      at, steps: status.steps, epochs: status.epochs, back, elbo: estimates.elbo, dimensions: kl?.length ?? 0,
      epoch: back && row >= 0 ? rows.train.epoch.at(row) : status.epoch,
      used: kl ? kl.filter((v) => v > ACTIVE).length : null,
    });
    const words = `step ${count(at)} of ${count(this.steps)}${back ? "" : ", now"}`;
    this.timeline.show({ at: back ? at : this.film.last, follow: !back, live: status.live, words, shown });
    const mark = back ? at : null;
    if (this.marked !== mark) for (const plot of this.plots) plot.mark(mark);
    this.marked = mark;
    if (moment.moving) return;
    this.describeMoment(shown, { estimates, kl });
  }

  /**
   * What was last measured up to a step: { estimates (name -> estimate with its step), kl (nats of each dimension or
   * null) }; from the rows, or from the observation that is shown where that is the later one.
   */
  figuresAt(at, shown) {
    const { rows } = this, frame = shown?.t === 0 && shown.a.step <= at + 0.5 ? shown.a : null;
    const found = HELD_OUT.map((name) => rows.heldAt(name, at + 0.5)).filter(Boolean);
    if (!frame || frame.step <= (found[0]?.step ?? -1)) return { estimates: byName(found), kl: rows.klAt(at + 0.5) };
    return { estimates: byName(frame.estimates.map((estimate) => ({ ...estimate, step: frame.step }))), kl: frame.kl };
  }

  describeMoment(shown, figures) {
    if (shown) {
      const { a, b, t } = shown, blended = a !== b && t > 0;
      const when = blended ? `between steps ${count(a.step)} and ${count(b.step)}` : `step ${count(a.step)}`;
      this.gallery.describe(when);
      this.map.describe(when);
    }
    this.numbers.update(figures);
  }

  hover(step, plot) {
    for (const one of this.plots) one.point(step, one === plot);
  }

  /** Streamlit hears of the step that is looked at once it has been chosen; null is now. */
  tell(step) {
    if (!this.gone) this.setStateValue("selected", step);
  }

  followTheme() {
    Object.assign(this, dress(this.root, this.host, KINDS));
    this.redraw();
  }

  /** Python ran again: same run, perhaps another theme. */
  update(component) {
    this.setStateValue = component.setStateValue;
    this.followTheme();
  }

  destroy() {
    this.gone = true;
    this.feed.stop();
    this.moment.stop();
    this.sizes.disconnect();
    this.sight.disconnect();
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

export default entry(View);
