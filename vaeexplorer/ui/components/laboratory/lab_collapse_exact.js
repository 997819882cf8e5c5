// The linear models: five pictures as they come back at each price, and a bar for each number of the code.

import { el, setText } from "./dom.js";
import { createTiles } from "./lab_packed.js";
import { surface } from "./plot.js";

const PICTURES = 5, IN_USE = 0.005;
const NAMES = { 1: "ordinary", 4: "dear", 8: "very dear", 16: "too dear" };

/** What theory gives each number of the code: ½ log(variance / (price noise)) nats, or nothing. */
export function expected(variances, price, noise) {
  return variances.map((one) => Math.max(0, 0.5 * Math.log(one / (price * noise))));
}

/** How many numbers of the code are in use. */
export const inUse = (nats) => nats.filter((one) => one > IN_USE).length;

/** Bars of one model and the marks of theory. Args: kl and theory, nats, the largest first; top of the scale. */
function drawBars(canvas, { kl, theory, top, colours }) {
  const ground = surface(canvas);
  if (!ground) return;
  const { context, width, height } = ground, base = height - 3, room = base - 20, pitch = width / theory.length;
  const y = (nats) => base - Math.min(1, Math.max(0, nats) / top) * room;
  theory.forEach((wanted, j) => {
    const left = j * pitch + pitch * 0.12, wide = pitch * 0.76, now = kl[j] ?? 0;
    context.fillStyle = now > IN_USE ? colours.encoder : colours.quiet;
    context.globalAlpha = now > IN_USE ? 0.85 : 0.6;
    context.fillRect(left, y(now), wide, Math.max(2, base - y(now)));
    context.globalAlpha = 1;
    if (wanted <= 0) return;
    context.fillStyle = colours.text;
    context.fillRect(left - pitch * 0.08, y(wanted) - 1, wide + pitch * 0.16, 2);
  });
}

function createRow(price, dimensions) {
  const tiles = createTiles({ count: PICTURES, kind: "made", label: `pictures that come back at price ${price}`,
                              testid: `collapse-pictures-${price}` });
  const bars = el("canvas", { class: "collapse-bars", role: "img", "data-testid": `collapse-bars-${price}` });
  const count = el("b", {}), used = el("span", { class: "collapse-wide" }, " in use"), nats = el("span", {});
  const head = el("span", { class: "collapse-price" }, el("b", {}, `×${price}`), el("span", {}, NAMES[price] ?? ""));
  return {
    cells: [head, tiles.element, el("span", { class: "collapse-said" }, bars,
                                    el("span", { class: "collapse-words" }, count, used, nats))],
    show(pictures, kl, theory, top, colours) {
      tiles.show(pictures);
      if (!kl) return;
      const active = inUse(kl), sum = kl.reduce((a, b) => a + b, 0);
      setText(count, active ? `${active} of ${dimensions}` : "silent");
      count.className = active ? "" : "is-gap";
      used.hidden = !active;
      setText(nats, `, ${Math.max(0, sum).toFixed(2)} nats`);
      bars.setAttribute("aria-label", `At price ${price}: ${active} of ${dimensions} numbers in use, `
        + `${sum.toFixed(2)} nats; theory says ${inUse(theory)}`);
      if (colours) drawBars(bars, { kl, theory, top, colours });
    },
  };
}

const heightOf = (theory) => 1.08 * Math.max(...theory.flat(), 0.3);

/** The whole picture for a film. Args: first, the data of its first moment. */
export function exactRows(first) {
  const { prices, variances } = first, dimensions = first.theory[0].length;
  let { theory } = first, top = heightOf(theory);
  const originals = createTiles({ count: PICTURES, kind: "given", label: "pictures as they are" });
  const rows = prices.map((price) => createRow(price, dimensions));
  const element = el("div", { class: "collapse-rows exact", style: `--rows:${prices.length}` },
    el("span", { class: "collapse-price" }, el("span", {}, "price")),
    originals.element,
    el("span", { class: "collapse-legend" },
       el("span", {}, `What each of the ${dimensions} numbers says about the picture`),
       el("span", { class: "keys" },
          el("span", { class: "key is-encoder" }, el("i", { class: "stroke filled" }), "now"),
          el("span", { class: "key is-text" }, el("i", { class: "stroke" }), "theory"))),
    rows.flatMap(({ cells }) => cells));
  let colours = null, again = () => {};
  const sizes = new ResizeObserver(() => again());
  sizes.observe(element);

  function show(moments, index, latest) {
    again = () => show(moments, index, latest);
    originals.show(latest("originals"));
    const kl = latest("kl"), pictures = latest("pictures");
    rows.forEach((row, i) => row.show(pictures?.[i] ?? null, kl?.[i], theory[i], top, colours));
  }

  /** While a slider moves, the marks of theory go ahead of the film. */
  function react({ noise, dimensions: wanted }) {
    if (!(noise > 0)) return;
    theory = prices.map((price) => expected(variances.slice(0, wanted), price, noise));
    top = heightOf(theory);
    again();
  }

  return { element, show, react, theme(found) { colours = found; again(); }, stop: () => sizes.disconnect() };
}
