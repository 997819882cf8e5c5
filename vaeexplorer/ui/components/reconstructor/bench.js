// The image that was chosen, all the way through: pictures, code, terms, how usual it is; of one model or of two.

import { binarized, commonEnd, createChain } from "./chain.js";
import { createCodePanel } from "./code_panel.js";
import { button, el, setText } from "./dom.js";
import { incomparable } from "./rec_compare.js";
import { createStanding } from "./standing.js";
import { termsBar, termsTable, termsWords } from "./terms_table.js";

/** The caption below the pictures. */
const picturesWords = ({ samples }, posterior) => (
  `Mean reconstruction: E[x|z] at the ${posterior === "bernoulli" ? "likeliest bits" : "mean"} of q(z|x). Difference: `
  + `it minus what the model saw. Uncertainty: standard deviation of E[x|z] over n = ${samples} draws of q, in grey `
  + `levels from 0 to 1; its own relative error is about ${Math.round(100 / Math.sqrt(2 * samples))} %.`);

const WAITING = "The two terms of its bound appear with the first image.";

/** What one model shows of the image. */
function createHalf(model, role, titled) {
  const chain = createChain(model, role), code = createCodePanel(model);
  const heading = el("h3", { class: "half-name", hidden: !titled }, model.name);
  return { model, chain, code, element: el("div", { class: "half" }, heading, chain.element),
           titled: (on) => { heading.hidden = !on; } };
}

/**
 * Args: model; onexplore(finding, model); onbounds(), of what is shown; damage and sweep, the cards that belong beside
 * the pictures.
 * Returns: { way and under (elements), standing, learn(model, cloud), compare(rival or null), show(state), busy(on),
 * draw(colours, theme) }; state = { columns: [{ model, now, clean }], damaged }.
 */
export function createBench({ model, onexplore, onbounds, damage, sweep }) {
  const first = createHalf(model, "a", false), standing = createStanding();
  const title = el("b", { "data-testid": "bench-title" }, "nothing chosen yet");
  const words = el("p", { class: "words", "data-testid": "preprocessing" });
  const halves = el("div", { class: "halves" }, first.element);
  const codes = el("div", { class: "codes" }, first.code.element);
  const table = el("div", { class: "scroll" }), note = el("p", { class: "caption" }, WAITING), bar = el("div", {});
  const about = el("p", { class: "caption" });
  const open = button("path", "Open in Explore", () => state && onexplore(state.columns[0].now, model),
                      { title: "Take this code to the sliders" });
  const bounds = button(null, "Open in Bounds", () => state && onbounds(),
                        { title: "See how far its ELBO lies below log p(x)" });
  open.disabled = bounds.disabled = true;
  const terms = el("section", { class: "card terms-card", "aria-label": "What this image costs" },
    el("header", {}, el("h3", {}, "What this image costs"), el("span", { class: "unit" }, "nats")),
    bar, table, note, standing.element);
  const under = el("div", { class: "under" }, el("div", { class: "column" }, damage, sweep), terms, codes);
  let second = null, state = null;

  function titled(on) {
    first.titled(on);
    const halves = [first, second].filter(Boolean), seen = halves.some((half) => binarized(half.model));
    for (const half of halves) {
      half.element.classList.toggle("two", on);
      half.chain.seen(seen);
    }
    under.classList.toggle("two", on);
  }

  return {
    standing,
    /** Codes of a model's held-out images, for its plane. */
    learn(of, cloud) {
      for (const half of [first, second]) if (half?.model === of) half.code.learn(cloud);
    },
    way: el("section", { class: "card way", "aria-label": "Through the model" },
            el("header", {}, el("h3", {}, "Through the model"), title, open, bounds), words, halves, about),
    under,
    compare(rival) {
      second?.element.remove();
      second?.code.element.remove();
      second = rival ? createHalf(rival, "b", true) : null;
      if (second) {
        halves.append(second.element);
        codes.append(second.code.element);
      }
      titled(Boolean(second));
    },
    show(next) {
      state = next;
      const { columns, damaged } = next, end = commonEnd(columns.map(({ now }) => now));
      columns.forEach(({ now, clean }, i) => {
        const half = [first, second][i];
        half?.chain.show(now, end);
        half?.code.show(now, clean, damaged);
      });
      const [{ now, clean }] = columns;
      open.disabled = bounds.disabled = false;
      setText(title, clean.title + (damaged ? ", damaged" : ""));
      setText(words, now.words ? `As the model receives it: ${now.words}.` : "As the model receives it: unchanged.");
      if (damaged && clean.words) setText(words, `Before the damage: ${clean.words}.`);
      const comparable = columns.length < 2 || !incomparable(columns[0].model, columns[1].model);
      table.replaceChildren(termsTable(columns.map((one) => ({ ...one, name: one.model.name })), damaged, comparable));
      const split = columns.length > 1 ? null : termsBar(now);
      bar.replaceChildren(...(split ? [split] : []));
      setText(note, termsWords(now, damaged, columns.length > 1));
      setText(about, picturesWords(now, model.posterior));
      standing.show(now, clean, damaged);
    },
    busy(on) {
      if (!state) setText(title, on ? "loading the model…" : "nothing chosen yet");
      for (const half of [first, second]) half?.chain.busy(on);
    },
    draw(colours, theme) {
      for (const half of [first, second]) half?.code.draw(colours, theme);
      standing.draw(colours);
    },
  };
}
