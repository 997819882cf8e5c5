// "What this picture costs": the two terms of the bound for the picture one started from.

import { el, figure, tint } from "./dom.js";

/** "−70.2 ± 0.4"; an exact number has no error. */
function withError({ value, stderr }) {
  if (!(stderr > 0)) return figure(value, 1);
  return `${figure(value, 1)} ± ${stderr.toFixed(stderr < 0.095 ? 2 : 1)}`;
}

/** Where the estimate comes from: "unbiased, 64 samples". */
function provenance({ kind, n, stderr }) {
  return stderr > 0 && n ? `${kind}, ${n} samples` : kind;
}

/** What fits into a part of the bar; the numbers stand below it as well. */
function label(words, value, share) {
  if (share < 0.1) return "";
  return share < 0.25 ? words.slice(0, 5) : `${words} ${figure(value, 1)}`;
}

/** Costs add up when the reconstruction term is negative; densities may exceed 1, then each bar starts at zero. */
function bars(reconstruction, kl) {
  const largest = Math.max(Math.abs(reconstruction.value), kl.value, 1e-9);
  const sum = Math.abs(reconstruction.value) + kl.value || 1;
  const stacked = reconstruction.value <= 0;
  const part = (kind, words, { value }, share) => (
    el("div", { class: `part ${kind}`, style: `flex-basis:${100 * share}%` }, label(words, value, share)));
  const share = (value) => (stacked ? Math.max(0.02, Math.abs(value) / sum) : Math.abs(value) / largest);
  return el("div", { class: stacked ? "costbar" : "costbar apart" },
            part("decoder", "reconstruction", reconstruction, share(reconstruction.value)),
            part("encoder", "KL", kl, share(kl.value)));
}

/** The terms of one picture: reconstruction, kl and elbo are Estimates in nats. */
export function costsOf({ reconstruction, kl, elbo }) {
  return el("div", { class: "costs" }, bars(reconstruction, kl),
    el("p", { class: "bound" }, "log p(", tint("input", "x"), ") ≥ ",
       tint("decoder", "E", el("sub", {}, "q"), "[log p(x|z)]"), " − ", tint("encoder", "KL(q(z|x) ‖ p(z))")),
    el("p", { class: "bound" }, "= ", tint("decoder", withError(reconstruction)), " − ", tint("encoder", withError(kl)),
       " = ", el("b", {}, `${withError(elbo)} nats`)),
    el("p", { class: "words" }, `Reconstruction: ${provenance(reconstruction)}; KL: ${provenance(kl)}. `,
       "± is one standard error. The sum is a lower bound of log p(x); the rest is the ", tint("gap", "gap"), "."));
}

/** The card: what one started from and what it costs, or how to begin. */
export function createCosts({ onback }) {
  const body = el("div", {});
  const element = el("section", { class: "card", "aria-label": "What this picture costs" },
                     el("h3", {}, "What this picture costs"), body);
  const empty = () => body.replaceChildren(el("p", { class: "words" },
    "Start from a picture, and its bill appears here: how many nats the decoder needs for the pixels ",
    "(", tint("decoder", "reconstruction"), ") and how many the code itself takes (", tint("encoder", "KL"), ")."));
  empty();
  return {
    element, empty,
    /** Show the answer of /vaex/encode. */
    show(answer) {
      const picture = el("img", { class: "started", src: answer.png, alt: "what the model received" });
      body.replaceChildren(
        el("div", { class: "source" }, picture, el("div", {},
          el("p", {}, el("b", {}, "Started from "), answer.title),
          answer.words ? el("p", { class: "words" }, answer.words) : null,
          el("button", { type: "button", class: "text", onclick: onback }, "Back to its code"))),
        costsOf(answer));
    },
  };
}
