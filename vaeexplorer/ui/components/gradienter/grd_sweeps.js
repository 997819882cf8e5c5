// What makes gradients scatter more or less: one tab for each thing that can be varied.

import { el, tabs, tint } from "./dom.js";
import { createSweep } from "./grd_sweep_tab.js";
import { createPanel, formula, kept } from "./panel.js";
import { sentence } from "./words.js";

const { line, words, link, sub, sup } = formula;

const LINES = () => [
  line("samples: Var( 1⁄S ∑", sub("s"), " ĝ", sub("s"), " ) = Var(ĝ) ⁄ S"),
  line("baseline: Var( (f − C) ∇log ", tint("encoder", "q"), " ) = a (C − C*)", sup("2"), " + least,   ",
       "C* = E[f ‖∇log q‖", sup("2"), "] ⁄ E‖∇log q‖", sup("2")),
  line("dimensions, f = ", tint("z", "z"), "ᵀA", tint("z", "z"), " + bᵀ", tint("z", "z"), " + c:   Var f = ‖h₁‖",
       sup("2"), " + 2‖h₂‖", sup("2"), " + ∑", sub("i<j"), " H", sub("ij"), sup("2"), ",   h₁ = (2Aμ + b) σ,   ",
       "h₂ = diag(A) σ", sup("2"), ",   H", sub("ij"), " = 2 A", sub("ij"), " σ", sub("i"), " σ", sub("j")),
  words("The variance of f itself grows with every dimension that f depends on, related or not: it stands in every ",
        "component of the score function's variance, in none of the pathwise estimator's."),
  words("Signal against K: T. Rainforth and others, “Tighter Variational Bounds are Not Necessarily Better”, ICML ",
        "2018, ", link("https://arxiv.org/abs/1802.04537", "arXiv 1802.04537"), ": for IWAE's encoder O(1⁄√K). DReG: ",
        "G. Tucker and others, “Doubly Reparameterized Gradient Estimators”, ICLR 2019, ",
        link("https://arxiv.org/abs/1810.04152", "arXiv 1810.04152"), ": O(√K). Baselines: E. Greensmith and others, ",
        "JMLR 2004. Temperature: E. Jang and others, ICLR 2017, ",
        link("https://arxiv.org/abs/1611.01144", "arXiv 1611.01144"), "."),
];

/** A tab in place of a sweep that does not apply. */
function refusal({ why }) {
  return el("div", { class: "grd-sweep" }, el("p", { class: "reason" }, `Does not apply: ${sentence(why)}`));
}

/** The panel (ctx as gradienter.js makes it).  Returns: { element, theme(colours), refresh(), stop() }. */
export function sweeps(ctx) {
  const panel = createPanel({ page: "gradients", id: "sweeps", title: "What the scatter depends on", lines: LINES() });
  const keep = kept(ctx, "gradients-sweeps", () => ({ open: null })), stage = el("div", {});
  let parts = new Map(), of = null, colours = null, bar = null;       // title -> what stands in its tab
  panel.body.append(stage);
  panel.say("Measure how much estimates scatter while one thing is varied and all else stays the same.");

  function build() {
    for (const part of parts.values()) part.stop?.();
    of = ctx.about;
    parts = new Map(of.sweeps.map((sweep) => {
      if (!sweep.applies) return [sweep.title, { element: refusal(sweep), sweep }];
      const part = createSweep(ctx, sweep, (lead, note) => tell(sweep.title, lead, note));
      if (colours) part.theme(colours);
      return [sweep.title, { ...part, sweep }];
    }));
    bar = tabs("What is varied", [...parts].map(([title, { element }]) => [title, element]), opened);
    stage.replaceChildren(bar.element);
    const first = of.sweeps.find(({ applies }) => applies) ?? of.sweeps[0];
    if (first) bar.open(parts.has(keep.open) ? keep.open : first.title);
  }

  /** Only the tab in sight has the word. */
  function tell(title, lead, note) {
    if (title !== keep.open) return;
    panel.say(lead);
    panel.note(note);
  }

  function opened(title) {
    keep.open = title;
    const { draw, sweep } = parts.get(title);
    if (draw) draw();
    else tell(title, sentence(sweep.words), "");
  }

  function refresh() {
    if (ctx.about && ctx.about !== of) build();
    for (const part of parts.values()) {
      part.draw?.();
      part.settle?.();
    }
  }

  const unsubscribe = ctx.state.subscribe((changed) => {
    if (["images", "active", "seed"].some((name) => changed.has(name))) refresh();
  });
  refresh();

  return {
    element: panel.element, refresh,
    theme(next) {
      colours = next;
      for (const part of parts.values()) part.theme?.(next);
    },
    stop() {
      unsubscribe();
      for (const part of parts.values()) part.stop?.();
    },
  };
}
