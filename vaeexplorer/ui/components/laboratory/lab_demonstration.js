// One open demonstration: its question, its story, its picture, its film and its controls.

import { address, ask } from "./ask.js";
import { el, setText } from "./dom.js";
import { json, Withdrawn } from "./jobs.js";
import { defaultsOf } from "./lab_address.js";
import { createControls } from "./lab_controls.js";
import { createOutcomes } from "./lab_outcomes.js";
import { watchFilm } from "./lab_reel.js";
import { createStage } from "./lab_stage.js";

const LOADING = "The first picture is on its way …";

/** Whether a film begins as the one before did: only steps by hand were added to its settings. */
export function continues(demo, before, after) {
  return demo.controls.every(({ name, kind }) => (
    kind === "steps" ? String(after[name]).startsWith(before[name]) : after[name] === before[name]));
}

/** Everything around the picture. Returns: { element, first (what belongs on one screen), folded, say(text, kind) }. */
function layOut({ demo, controls, stage, outcomes }) {
  const line = el("p", { class: "notice", role: "status", hidden: true });
  const folded = el("details", { class: "formulas card", hidden: true, "data-testid": "lab-formula" },
                    el("summary", {}, "Show the formula"));
  const story = el("div", { class: "lab-story" }, demo.story.map((sentence) => el("p", {}, sentence)));
  const notice = el("section", { class: "lab-notice" }, el("h3", {}, "What to notice"),
                    el("ul", {}, demo.notice.map((sentence) => el("li", {}, sentence))));
  const first = el("div", { class: "lab-first" }, el("h2", {}, demo.question), line,
    el("div", { class: "lab-main" }, controls.scenes, stage.element, controls.element),
    el("div", { class: "lab-side" }, story, notice));
  const element = el("article", { class: "lab-demo", "data-testid": `demo-${demo.name}`, "aria-label": demo.title },
    first, outcomes.element, folded,
    demo.source ? el("p", { class: "words lab-source" }, `Source: ${demo.source}`) : null);
  return { element, first, folded, say(text, kind) {
    line.hidden = !text;
    line.className = `notice ${kind}`;
    setText(line, text);
  } };
}

/** The picture of a demonstration from its own module; one that cannot be had leaves words in its place. */
async function loadPicture(ctx, holder) {
  try {
    const { picture } = await import(`./lab_${ctx.demo.name}.js`);
    if (ctx.signal.aborted) return null;
    const made = picture(ctx);
    holder.replaceChildren(made.element);
    return made;
  } catch (error) {
    if (!ctx.signal.aborted) inWords(holder, error);
    return null;
  }
}

/** Words in place of a picture that cannot be shown; its film goes on without. */
function inWords(holder, error) {
  console.error(error);
  holder.replaceChildren(el("p", { class: "warning" }, "The picture of this demonstration cannot be shown. Its film "
    + "goes on in words below; reload the page to try again."));
}

/**
 * Args: demo; settings and seed to begin with; root; look() -> { colours, theme }; large() whether it is presented;
 * onPlay(settings, seed) when it plays with others; onPicture() when its picture has arrived.
 */
export class Demonstration {
  constructor({ demo, settings, seed, root, look, large, onPlay, onPicture }) {
    Object.assign(this, { demo, settings, seed, root, look, onPlay, onPicture, picture: null, watching: null });
    this.before = null;                 // settings and seed of the film in sight
    this.quit = new AbortController();
    this.outcomes = createOutcomes();
    this.stage = createStage({ onShow: (moments, index) => this.draw((picture) => picture.show(moments, index)),
                               onOutcomes: this.outcomes.show, onReset: () => this.reset() });
    this.controls = createControls(demo, {
      onMove: (name, value) => this.react({ ...this.settings, [name]: value }),
      onSet: (name, value) => this.set(name, value), onSeed: (value) => this.replay(this.settings, value),
      onReset: () => this.reset(),
    });
    Object.assign(this, layOut({ demo, controls: this.controls, stage: this.stage, outcomes: this.outcomes }));
    this.ctx = this.context(large);
  }

  /** The height of what belongs on one screen: down to the controls, in pixels of its own scale. */
  get height() {
    const { first, controls: { element: last } } = this, { top, width } = first.getBoundingClientRect();
    return (last.getBoundingClientRect().bottom - top) * (first.offsetWidth / width);
  }

  /** What the picture gets. */
  context(large) {
    const self = this, { demo, root, quit: { signal } } = this;
    return {
      demo, root, signal, set: (name, value) => this.set(name, value),
      get settings() { return self.settings; },
      get seed() { return self.seed; },
      get large() { return large(); },
      get colours() { return self.look().colours; },
      get theme() { return self.look().theme; },
      notice: (text, kind = "words") => this.say(text, kind),
      ask: (route, what, body = null, query = {}) => (
        ask(address(root, route, query), what, { ...(body === null ? {} : json(body)), signal })),
    };
  }

  /** Begin: the picture at once, its film when somebody looks. */
  async start() {
    this.controls.set(this.settings, this.seed);
    this.stage.say(LOADING);
    this.stage.whenInSight(() => this.play());
    this.picture = await loadPicture(this.ctx, this.stage.holder);
    if (!this.picture) return;
    this.folded.append(...(this.picture.formula ?? []));
    this.folded.hidden = !this.picture.formula?.length;
    this.theme();
    this.onPicture();
  }

  /** Something is drawn, if there is a picture; one that fails is replaced by words. */
  draw(task) {
    if (!this.picture) return;
    try {
      task(this.picture);
    } catch (error) {
      this.picture = null;
      inWords(this.stage.holder, error);
    }
  }

  /** The picture follows the colours, and its size. */
  theme() {
    const { colours, theme } = this.look(), { player: { moments, index } } = this.stage;
    this.draw((picture) => {
      picture.theme(colours, theme);
      picture.show(moments, index);
    });
  }

  /** The picture hears of settings that are coming, while a slider moves. */
  react(settings) { this.draw((picture) => picture.react?.(settings)); }

  set(name, value) { this.replay({ ...this.settings, [name]: value }, this.seed); }

  reset() { this.replay(defaultsOf(this.demo), this.seed); }

  replay(settings, seed) {
    Object.assign(this, { settings, seed });
    this.controls.set(settings, seed);
    this.react(settings);
    this.say("");
    this.onPlay(settings, seed);
    this.play();
  }

  /** Watch the film of the present settings; the one before is left. */
  async play() {
    this.watching?.abort();
    const { demo, settings, seed, before, stage } = this, mine = this.watching = new AbortController();
    const goesOn = before !== null && before.seed === seed && continues(demo, before.settings, settings);
    stage.begin(goesOn);
    this.before = { settings, seed };
    const onMoments = (moments, complete) => mine === this.watching && stage.add(moments, complete);
    try {
      await watchFilm(this.root, { demo: demo.name, settings, seed }, { signal: mine.signal, onMoments });
    } catch (error) {
      if (mine !== this.watching || error instanceof Withdrawn) return;
      stage.fail(error.message);
      this.before = null;
    }
  }

  toggle() { this.stage.player.toggle(); }

  /** Step through a film that waits for its visitor.  Returns: whether it does, and had a step to show. */
  turn(by) { return this.stage.turn(by); }

  stop() {
    this.quit.abort();
    this.watching?.abort();
    this.watching = null;
    this.stage.stop();
    this.picture?.stop();
  }
}
