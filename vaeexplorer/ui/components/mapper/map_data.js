// Where the points come from when the images are not here: fetch the data set, or open a file of codes.

import { button, el, setText } from "./dom.js";
import { Withdrawn } from "./jobs.js";

const LARGEST = 400 * 2 ** 20;  // bytes of a file of codes

/**
 * A strip that says what is missing and offers what helps.
 * Args: model (data_here, fetchable, dataset, data_env); server; progress; onFetched(); onFailure(error).
 * Returns: { element, offer(why or null) }.
 */
export function createFetch({ model, server, progress, onFetched, onFailure }) {
  const words = el("span", {});
  const get = button("down", `Fetch ${model.dataset}`, async () => {
    get.disabled = true;
    try {
      await progress.run(`Fetching ${model.dataset}`, (watch) => server.fetchData(watch));
      onFetched();
    } catch (error) {
      if (!(error instanceof Withdrawn)) onFailure(error);
    } finally {
      get.disabled = false;
    }
  }, { title: "Downloads the data set through torchvision onto the machine that runs this app", kind: "primary" });
  const element = el("div", { class: "missing", hidden: true, "data-testid": "map-missing" }, el("p", {}, words), get);
  return {
    element,
    offer(why) {
      element.hidden = why === null;
      get.hidden = !model.fetchable;
      setText(words, why ?? "");
    },
  };
}

/**
 * A button and a place to drop a file of codes.
 * Args: server; progress; onUploaded({ source, count, dimensions, title }); say(text).
 * Returns: { element, drop(place): files dropped there are opened }.
 */
export function createUpload({ server, progress, onUploaded, say }) {
  const field = el("input", { type: "file", accept: ".npz", hidden: true, "aria-label": "file of codes" });
  field.addEventListener("change", () => {
    take(field.files[0]);
    field.value = "";
  });
  const open = button("down", "Open codes (.npz)", () => field.click(), {
    title: "A NumPy file with codes (N, D), and if you like labels (N,) and names; up to 400 MB" });
  const element = el("span", { class: "upload" }, field, open);
  element.querySelector(".icon").classList.add("upwards");

  async function take(file) {
    if (!file) return;
    const size = `${Math.round(file.size / 2 ** 20)} MB`;
    if (file.size > LARGEST) return void say(`${file.name} has ${size}; at most 400 MB are accepted.`);
    if (!file.size) return void say(`${file.name} is empty: expected a NumPy .npz file with an array “codes” (N, D)`);
    try {
      const found = await progress.run(`Reading ${file.name} (${size})`, () => server.upload(file), false);
      say("");
      onUploaded(found);
    } catch (error) {
      if (!(error instanceof Withdrawn)) say(error.message);
    }
  }

  return {
    element,
    drop(place) {
      const carries = (event) => event.dataTransfer?.types.includes("Files");
      place.addEventListener("dragover", (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        place.classList.add("over");
      });
      place.addEventListener("dragleave", () => place.classList.remove("over"));
      place.addEventListener("drop", (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        place.classList.remove("over");
        take(event.dataTransfer.files[0]);
      });
    },
  };
}
