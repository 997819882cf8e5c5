// What is shown: the source of the codes, the kind of picture with its options and seed, means or samples.

import { button, debounce, el } from "./dom.js";

const SOURCE_WORDS = { kept: "Codes kept in the model's file", test: "Held-out images", train: "Training images",
                       all: "All images", course: "Over the training" };
const KINDS = ["dimensions", "pca", "tsne", "umap", "pca3"];     // in the menu; pca3 is PCA in three dimensions
const AXES = ["Across", "Up", "Depth"];
const SOON = 450;               // ms after the last change of a number

/** A label above its field. */
const labelled = (words, field) => el("label", { class: "field" }, el("span", {}, words), field);

function select(name, onchange) {
  return el("select", { "aria-label": name, onchange });
}

function options(values, chosen) {
  return values.map(([value, words, disabled = false]) => (
    el("option", { value, disabled, selected: value === chosen, title: disabled || null }, words)));
}

/** The number fields of one method; dimensions are menus z1 .. zD. */
function optionFields(method, described, dims, latent, changed) {
  const entries = Object.entries(described.options);
  if (method === "dimensions") {
    if (latent === 1) return [];
    return entries.slice(0, dims).map(([name], k) => {
      const title = AXES[k], field = select(title, changed);
      field.append(...options(Array.from({ length: latent }, (_, d) => [d, `z${d + 1}`]), Math.min(k, latent - 1)));
      return { name, title, field, read: () => Number(field.value) };
    });
  }
  return entries.map(([name, { title, default: value, least, most, whole }]) => {
    const field = el("input", { type: "number", value, min: least, max: most ?? "", step: whole ? 1 : "any",
                                "aria-label": title, oninput: changed });
    return { name, title, field, read: () => {
      const given = field.valueAsNumber;
      const sound = Number.isFinite(given) && given >= least && (most === null || given <= most);
      field.setAttribute("aria-invalid", String(!sound));
      return sound ? (whole ? Math.round(given) : given) : value;
    } };
  });
}

/**
 * Args: latent D; onSource(id), onPicture() when something else is to be drawn.
 * Returns: { element, fields, setMethods(methods), setSources(sources, id), setUpload(dimensions or null), simplest(),
 * wish() }.
 * wish() is { method, dims, options, of, embed_seed }, or null before the methods are known.
 */
export function createControls({ latent, onSource, onPicture }) {
  let methods = null, fields = [], dimensions = latent;
  const later = debounce(() => onPicture(), SOON);
  const source = select("what is shown", () => onSource(source.value));
  const kind = select("kind of picture", () => {
    fill();
    onPicture();
  });
  const seed = el("input", { type: "number", class: "seed", value: 0, min: 0, max: 2 ** 31, step: 1,
                             "aria-label": "seed of the picture", oninput: later });
  const another = button("die", "", () => {
    seed.value = Number(seed.value) + 1;
    onPicture();
  }, { label: "another seed", title: "Draw it again with another seed" });
  const seeded = labelled("Seed", el("span", { class: "joined" }, seed, another));
  const more = el("span", { class: "fields more" });
  const codeButtons = [["mean", "means"], ["sample", "samples"]].map(([value, words]) => el("button", {
    type: "button", class: "tab", "aria-pressed": String(value === "mean"), "data-of": value, onclick: () => {
      codeButtons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.of === value)));
      onPicture();
    },
  }, words));
  const means = el("div", { class: "field", role: "group", "aria-label": "means or samples" },
                   el("span", {}, "Of each image"), el("span", { class: "choices" }, codeButtons));
  const element = el("div", { class: "fields", role: "group", "aria-label": "The picture" },
                     labelled("Show", source), labelled("Picture", kind), more, seeded, means);

  const methodOf = () => (kind.value === "pca3" ? "pca" : kind.value);
  const dims = () => (kind.value === "pca3" ? 3 : 2);

  function fill() {
    const described = methods[methodOf()];
    fields = optionFields(methodOf(), described, dims(), dimensions, later);
    more.replaceChildren(...fields.map(({ title, field }) => labelled(title, field)));
    seeded.hidden = !described.slow;
  }

  function fillKinds(chosen) {
    const known = KINDS.filter((name) => methods[name === "pca3" ? "pca" : name]
                                && (dimensions > 2 || name !== "pca3") && (dimensions > 1 || name !== "pca"));
    const title = (name) => (name === "pca3" ? "PCA in 3-D" : name === "dimensions" ? "Two dimensions"
      : methods[name].title);
    const fits = known.includes(chosen) ? chosen : dimensions > 2 ? "pca" : "dimensions";
    kind.replaceChildren(...options(known.map((name) => [name, title(name)]), fits));
    kind.value = fits;
    fill();
  }

  return {
    element,
    setMethods(found) {
      methods = found;
      fillKinds(null);
    },
    /** What may be chosen: [{ id, title, here, why }]; those that are not here stay visible and say why. */
    setSources(sources, id) {
      const words = ({ id: name, title, here, why }) => [name, here ? title || SOURCE_WORDS[name] || name
        : `${title || SOURCE_WORDS[name] || name} (not here)`, here ? false : why || "not on this machine"];
      source.replaceChildren(...options(sources.map(words), id));
      source.value = id;
    },
    /** Codes of a file may have other dimensions than the model, and come without draws of q. */
    setUpload(size) {
      const next = size ?? latent;
      means.hidden = size !== null || next === 1;
      if (next === dimensions || !methods) return;
      dimensions = next;
      fillKinds(kind.value);
    },
    /** Choose latent dimensions as they are.  Returns: whether that is a change. */
    simplest() {
      const before = kind.value;
      kind.value = "dimensions";
      fill();
      return before !== "dimensions";
    },
    wish() {
      if (!methods) return null;
      const of = means.hidden ? "mean" : codeButtons.find((one) => one.ariaPressed === "true").dataset.of;
      return { method: methodOf(), dims: dims(), of, embed_seed: Math.max(0, Math.round(Number(seed.value) || 0)),
               options: Object.fromEntries(fields.map(({ name, read }) => [name, read()])) };
    },
  };
}
