// Entry of the Lab's live part: the demonstrations, the one that is open, and the page's address.

import { address, askJson } from "./ask.js";
import { el, setText } from "./dom.js";
import { addressOf, defaultsOf, readAddress } from "./lab_address.js";
import { Demonstration } from "./lab_demonstration.js";
import { createPresenter } from "./lab_presenter.js";
import { createProgramme } from "./lab_programme.js";
import { entry, styleSheet } from "./mounting.js";
import { dress } from "./theme.js";

const KINDS = ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma", "noise", "z", "decoder",
               "gap", "rare"];

/** What one finds again on coming back from another page. */
const left = { demo: null, seed: 0, settings: new Map() };

class View {
  constructor(component, { root, early, style }) {
    Object.assign(this, { host: component.parentElement, appRoot: root, open: null, demos: [] });
    this.quit = new AbortController();
    this.line = el("p", { class: "notice", role: "status", "data-testid": "notice", hidden: true });
    this.frame = el("div", { class: "lab-frame" });
    this.root = el("div", { class: "live panelled laboratory" }, this.line, this.frame);
    this.run(style, early);
  }

  async run(style, early) {
    const { signal } = this.quit;
    try {
      this.host.adoptedStyleSheets = [styleSheet(await style)];
      if (signal.aborted) return;
      this.host.append(this.root);
      this.look = dress(this.root, this.host, KINDS);
      this.demos = await askJson(address(this.appRoot, "lab/demos"), "The demonstrations", { signal }, early);
      if (!signal.aborted) this.build();
    } catch (error) {
      if (!signal.aborted) this.notice(error.message, "error");
    }
  }

  build() {
    const { signal } = this.quit;
    this.presenter = createPresenter({
      signal, onNext: (by) => this.turn(by), onToggle: () => this.open.toggle(), onReset: () => this.open.reset(),
      onChange: () => this.presented(),
    });
    this.programme = createProgramme(this.demos, (name) => this.show(name, "pushState"), this.presenter.enter);
    this.frame.append(this.programme.element, this.presenter.stand);
    window.addEventListener("popstate", () => this.isLab() && this.follow(), { signal });
    this.path = window.location.pathname;
    this.follow();
  }

  isLab() { return window.location.pathname === this.path; }

  /** Open what the address asks for, or what was open last, or the first. */
  follow() {
    const asked = readAddress(window.location.search, this.demos);
    left.seed = asked.seed ?? left.seed;
    if (asked.demo) left.settings.set(asked.demo, asked.settings);
    this.notice(asked.complaints.join(" "));
    this.open?.stop();
    this.open = null;
    this.show(asked.demo ?? this.demos.find(({ name }) => name === left.demo)?.name ?? this.demos[0].name);
    if (asked.present) this.presenter.enter();
    else this.presenter.leave();
  }

  /** Open a demonstration with the settings that it had last.  Args: how the address is told. */
  show(name, how = "replaceState") {
    if (this.open?.demo.name === name) return;
    this.open?.stop();
    const demo = this.demos.find((one) => one.name === name), number = this.demos.indexOf(demo);
    left.demo = name;
    if (!left.settings.has(name)) left.settings.set(name, defaultsOf(demo));
    this.open = new Demonstration({
      demo, settings: left.settings.get(name), seed: left.seed, root: this.appRoot, look: () => this.look,
      large: () => this.presenter.on, onPlay: () => this.remember(), onPicture: () => this.presenter.fit(),
    });
    this.presenter.put(this.open, `${number + 1} / ${this.demos.length} · ${demo.title}`);
    this.programme.mark(name);
    this.remember(how);
    this.open.start();
  }

  /** The next demonstration, or the one before; in one that waits for its visitor, its next step. */
  turn(by) {
    if (this.open.turn(by)) return;
    const next = this.demos[this.demos.indexOf(this.open.demo) + by];
    if (next) this.show(next.name, "pushState");
  }

  /** The address and the memory follow what is open. */
  remember(how = "replaceState") {
    const { demo, settings, seed } = this.open, { history, location } = window;
    left.settings.set(demo.name, settings);
    left.seed = seed;
    const url = addressOf(location.href, demo, settings, seed, this.presenter.on);
    if (url !== location.href) history[how](history.state, "", url);
  }

  presented() {
    this.remember();
    this.open.theme();
  }

  notice(text, kind = "words") {
    this.line.hidden = !text;
    this.line.className = `notice ${kind}`;
    setText(this.line, text);
  }

  /** Python ran again: perhaps another theme. */
  update() {
    if (!this.root.isConnected) return;
    this.look = dress(this.root, this.host, KINDS);
    this.open?.theme();
  }

  destroy() {
    this.quit.abort();
    this.open?.stop();
    this.root.remove();
  }
}

export default entry(View);
