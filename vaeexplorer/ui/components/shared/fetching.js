// Where the data are not on the machine: one button fetches them, with progress; or the line that says how.

import { button, el, setText } from "./dom.js";
import { Withdrawn } from "./jobs.js";

/** A line of progress: words and a bar.  Returns: { element, show({ fraction, text }), hide() }. */
export function createProgressLine(testid) {
  const words = el("span", { class: "words" }), fill = el("i", {});
  const bar = el("span", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  const element = el("div", { class: "progress", "data-testid": testid, hidden: true }, words, bar);
  return {
    element,
    show({ fraction, text }) {
      element.hidden = false;
      const known = Number.isFinite(fraction);
      bar.classList.toggle("unknown", !known);
      if (known) bar.setAttribute("aria-valuenow", String(Math.round(100 * fraction)));
      else bar.removeAttribute("aria-valuenow");
      fill.style.width = known ? `${100 * Math.min(1, Math.max(0.01, fraction))}%` : "";
      setText(words, text ?? "");
      bar.setAttribute("aria-label", text ?? "");
    },
    hide() {
      element.hidden = true;
    },
  };
}

/**
 * The card in place of a gallery without images. Args: model; fetchData(watch) -> Promise; ondone().
 * Returns: { element, stop() }.
 */
export function createFetching({ model, fetchData, ondone }) {
  const progress = createProgressLine("fetch-progress");
  const error = el("p", { class: "error", role: "alert", hidden: true });
  let quit = null;
  const stop = () => quit?.abort();
  const start = async () => {
    quit = new AbortController();
    error.hidden = true;
    [go.hidden, cancel.hidden] = [true, false];
    progress.show({ fraction: NaN, text: `Fetching ${model.dataset}…` });
    try {
      await fetchData({ onProgress: progress.show, signal: quit.signal, cancels: true, again: true });
      ondone();
    } catch (problem) {
      if (!(problem instanceof Withdrawn)) {
        error.textContent = problem.message;
        error.hidden = false;
      }
    } finally {
      progress.hide();
      [go.hidden, cancel.hidden] = [false, true];
    }
  };
  const go = button("down", `Fetch ${model.dataset}`, start, { label: `Fetch ${model.dataset}` });
  const cancel = button("stop", "Cancel", stop, { label: "Cancel the download" });
  cancel.hidden = true;
  go.classList.add("fetch");
  return {
    stop,
    element: el("section", { class: "card fetching", "aria-label": "Held-out images" },
      el("h3", {}, "Held-out images"),
      el("p", {}, `The test images of ${model.dataset} are not on the machine that runs this app. Drawing, uploading `
         + "and damaging work without them; the gallery and the comparison with held-out images need them."),
      model.fetchable === false ? null : el("div", { class: "line" }, go, cancel), progress.element, error,
      el("p", { class: "words" }, model.data_hint)),
  };
}
