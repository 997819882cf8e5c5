// The map itself: the canvas with its buttons, keys and words, and what the pointer does on it.

import { button, el } from "./dom.js";
import { Scatter } from "./scatter.js";

const STEP = 1.5;               // of one press of + or −
const READ = 6000;              // ms that a line over the map stays

/**
 * Args: onPoint(event), onView(view) as scatter.js tells them.
 * Returns: { element, canvas, scatter, overlay (for the bubble), tools, toast(text), describe(words) }.
 */
export function createStage({ onPoint, onView }) {
  const canvas = el("canvas", { "data-testid": "latent-map", class: "latent-map", role: "application", tabIndex: 0,
                                "aria-roledescription": "map", "aria-label": "latent map" });
  const toast = el("p", { class: "error toast", role: "alert", hidden: true });
  const overlay = el("div", { class: "overlay" }, toast);
  let patience = 0;
  const scatter = new Scatter(canvas, { onView, onPoint: (event) => {
    if (event.kind === "lasso") lasso(false);
    onPoint(event);
  } });
  const toggle = button(null, "Lasso", () => lasso(scatter.mode !== "lasso"), {
    title: "Draw a loop around points; holding Shift does the same" });
  toggle.setAttribute("aria-pressed", "false");
  const tools = el("div", { class: "tools" }, toggle, el("span", { class: "joined" },
    button(null, "+", () => scatter.zoomBy(STEP), { label: "closer" }),
    button(null, "−", () => scatter.zoomBy(1 / STEP), { label: "farther" }),
    button("reset", "", () => scatter.reset(), { label: "show everything" })));
  const element = el("div", { class: "stage" }, canvas, overlay, tools);

  function lasso(on) {
    scatter.mode = on ? "lasso" : "pan";
    toggle.setAttribute("aria-pressed", String(on));
    canvas.classList.toggle("lassoing", on);
  }

  return {
    element, canvas, scatter, overlay, tools,
    /** A line over the map, for a moment: what the hand just did led to nothing. */
    toast(text) {
      toast.textContent = text;
      toast.hidden = false;
      clearTimeout(patience);
      patience = setTimeout(() => { toast.hidden = true; }, READ);
    },
    describe(words) {
      if (canvas.ariaLabel !== words) canvas.ariaLabel = words;
    },
  };
}
