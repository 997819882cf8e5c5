// Grids of pictures: traversals at the present z, and for two dimensions the whole plane.

import { button, el, figure, tabs, throttle, zName } from "./dom.js";
import { normalCdf, normalQuantile } from "./prior.js";
import { fileName, savePng } from "./share.js";

const STEPS = 9;                // columns of the traversal grid
const SIDE = 17;                // pictures along each side of the plane
const SIGMAS = ["−3 σ", "mean", "3 σ"];
const EVEN = 3;                 // even spacing covers -3..3 standard deviations

/** Draw rows of pictures into one canvas as they come. */
function painter(canvas, engine, rows, columns) {
  const [, height, width] = engine.shape;
  if (canvas.width !== columns * width || canvas.height !== rows * height) {
    [canvas.width, canvas.height] = [columns * width, rows * height];
  }
  const context = canvas.getContext("2d");
  return (index, pixels) => context.putImageData(new ImageData(pixels, columns * width, height), 0, index * height);
}

/** What the traversal grid shows: rows of steps along each dimension, or for bits a row of zeros and a row of ones. */
function layoutOf(prior, dims) {
  if (prior.bits) {
    return { rows: 2, columns: dims.length, cell: (row, column) => [dims[column], row],
             rowNames: () => ["0", "1"], columnNames: () => dims.map(zName) };
  }
  const value = (i, column) => {
    const [low, high] = prior.range(i), inset = (high - low) / 14;      // -3 to 3 standard deviations
    return low + inset + ((high - low - 2 * inset) * column) / (STEPS - 1);
  };
  const ends = [0, (STEPS - 1) / 2, STEPS - 1];
  return { rows: dims.length, columns: STEPS, cell: (row, column) => [dims[row], value(dims[row], column)],
           rowNames: () => dims.map(zName),
           columnNames: () => ends.map((c, i) => (prior.standard ? figure(value(dims[0], c), 1) : SIGMAS[i])) };
}

/** Pictures of single changes to the present z. A click goes there. */
function createTraversal({ model, place, prior, engine, order }) {
  const canvas = el("canvas", { class: "grid", role: "img", "aria-label": "traversal grid" });
  const active = order.filter((i) => model.active[i]);
  const choices = [...new Set([6, 10, 20, 50].map((n) => Math.min(n, active.length)))].filter((n) => n > 0);
  const names = el("div", { class: "names" }), heads = el("div", { class: prior.bits ? "scale even" : "scale" });
  let layout = null, drawn = 0;
  const placeAt = (row, column) => {
    const z = Float64Array.from(place.z), [i, value] = layout.cell(row, column);
    z[i] = value;
    return z;
  };
  const draw = () => {
    const { rows, columns } = layout, paint = painter(canvas, engine, rows, columns);
    for (let row = 0; row < rows; row++) {
      engine.request(`traversal ${row}`, () => {
        if (row >= layout.rows || columns !== layout.columns) return null;
        const zs = new Float32Array(columns * place.z.length);
        for (let column = 0; column < columns; column++) zs.set(placeAt(row, column), column * place.z.length);
        return { zs, count: columns };
      }, (pixels) => {
        if (row >= layout.rows || columns !== layout.columns) return;
        paint(row, pixels);
        drawn++;
      }, drawn < rows);
    }
  };
  const choose = (count) => {
    layout = layoutOf(prior, active.slice(0, count));
    names.replaceChildren(...layout.rowNames().map((name) => el("span", {}, name)));
    heads.replaceChildren(...layout.columnNames().map((name) => el("span", {}, name)));
  };
  const select = el("select", { "aria-label": "number of dimensions in the grid", onchange: () => {
    choose(Number(select.value));
    draw();
  } }, choices.map((n) => el("option", { value: n }, n === 1 ? "1 dimension" : `${n} dimensions`)));
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    place.go(placeAt(Math.floor(((event.clientY - box.top) / box.height) * layout.rows),
                     Math.floor(((event.clientX - box.left) / box.width) * layout.columns)));
    place.rest();
  });
  choose(choices[0] ?? 0);
  const words = prior.bits ? "Above with the bit off, below with it on" : "Each row moves one dimension";
  const save = button("down", "PNG", () => savePng(canvas, fileName(model.name, "traversals")),
                      { label: "PNG of the traversal grid" });
  return {
    draw: () => choices.length && draw(),
    element: el("div", {}, el("div", { class: "labelled" }, names, canvas), heads,
                el("div", { class: "line" }, select, save),
                el("p", { class: "words" }, `${words}, the rest stays at the present z. Click a picture to go there.`)),
  };
}

/** The plane of a 2-D model, spaced by prior quantiles (every picture equally probable) or evenly. Press and roam. */
function createPlane({ model, place, prior, engine, onhold }) {
  const canvas = el("canvas", { class: "grid plane", role: "img",
                                "aria-label": "manifold grid, z1 to the right and z2 up" });
  const ring = el("i", { class: "ring", "aria-hidden": "true" });
  let quantiles = true, drawn = 0;
  const inside = (share) => Math.min(0.9995, Math.max(0.0005, share));
  const coordinate = (share) => (quantiles ? normalQuantile(inside(share)) : (2 * share - 1) * EVEN);
  const share = (e) => (quantiles ? normalCdf(e) : (e / EVEN + 1) / 2);
  const placeAt = (x, y) => prior.fromStandard([coordinate(x), coordinate(1 - y)]);
  const draw = () => {
    const paint = painter(canvas, engine, SIDE, SIDE);
    for (let row = 0; row < SIDE; row++) {
      engine.request(`plane ${row}`, () => {
        const zs = new Float32Array(2 * SIDE);
        for (let column = 0; column < SIDE; column++) {
          zs.set(placeAt((column + 0.5) / SIDE, (row + 0.5) / SIDE), 2 * column);
        }
        return { zs, count: SIDE };
      }, (pixels) => {
        paint(row, pixels);
        drawn++;
      }, drawn < SIDE);
    }
    mark();
  };
  const mark = () => {
    const [e1, e2] = prior.toStandard(place.z), clamp = (v) => Math.min(1, Math.max(0, v));
    ring.style.left = `${100 * clamp(share(e1))}%`;
    ring.style.top = `${100 * clamp(1 - share(e2))}%`;
  };
  const roam = (event) => {
    const box = canvas.getBoundingClientRect();
    place.go(placeAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
  };
  let roaming = false;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    roaming = true;
    onhold(true);
    roam(event);
  });
  canvas.addEventListener("pointermove", (event) => roaming && roam(event));
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (!roaming) return;
      roaming = false;
      onhold(false);
      place.rest();
    });
  }
  const choice = (value, words) => el("label", { class: "choice" }, el("input", {
    type: "radio", name: `spacing-${model.name}`, checked: quantiles === value, onchange: () => {
      quantiles = value;
      draw();
    } }), words);
  return {
    draw, mark: throttle(mark, 16),
    element: el("div", {}, el("div", { class: "ringed" }, canvas, ring),
                el("div", { class: "line", role: "radiogroup", "aria-label": "spacing" },
                   choice(true, "by prior quantiles"), choice(false, "evenly, −3 to 3"),
                   button("down", "PNG", () => savePng(canvas, fileName(model.name, "manifold")),
                          { label: "PNG of the manifold grid" })),
                el("p", { class: "words" }, "The whole latent plane: z1 to the right, z2 up. Press and roam.")),
  };
}

/**
 * The card. Returns: { element, refresh(), mark() }; refresh redraws the traversals when the card is in view,
 * mark moves the ring on the plane.
 */
export function createGrids({ model, place, prior, engine, order, onhold }) {
  const traversal = createTraversal({ model, place, prior, engine, order });
  const plane = model.latent_dim === 2 && !prior.bits
    ? createPlane({ model, place, prior, engine, onhold }) : null;
  let inView = false, planeDrawn = false;
  const draw = () => {
    if (!inView) return;
    if (!traversalPanel.hidden) traversal.draw();
    if (plane && !planePanel.hidden && !planeDrawn) {
      planeDrawn = true;
      plane.draw();
    }
  };
  const traversalPanel = el("div", { class: "panel" }, traversal.element);
  const planePanel = plane ? el("div", { class: "panel" }, plane.element) : null;
  const tabbed = tabs("Grids", [...(plane ? [["The plane", planePanel]] : []), ["Traversals", traversalPanel]], draw);
  tabbed.open(plane ? "The plane" : "Traversals");
  const element = el("section", { class: "card grids", "aria-label": "Grids" }, el("h3", {}, "Grids"), tabbed.element);
  const observer = new IntersectionObserver(([entry]) => {
    inView = entry.isIntersecting;
    draw();
  }, { rootMargin: "100px" });
  observer.observe(element);
  return {
    element, refresh: draw, hasPlane: Boolean(plane),
    mark: () => plane?.mark(),
    stop: () => observer.disconnect(),
  };
}
