// Lines over a straight picture: where the codes of all images lie beside the prior, and the holes between them.

import { cellArea, contourLines, ellipseOf, holes, levelsOf } from "./contours.js";
import { readDocument } from "./documents.js";
import { debounce, el, setText } from "./dom.js";
import { Withdrawn } from "./jobs.js";
import { plain } from "./scales.js";

const SIZE = 96;                // grid points along the longer side
const SHARES = [0.5, 0.9];      // of the probability that lies inside a line
const REST = 250;               // ms of a still view before its lines are made finer
const CIRCLE = 2.3;             // standard deviations of the prior that the first view shows: its outer line
const WIDE = 3.5;               // standard deviations of the prior that the grid reaches
const CLOSER = 0.6;             // of the whole: nearer than this, the view gets lines of its own

/** Why there can be no lines in a picture, in plain words; null where there can. */
export function noLines(codes, picture) {
  if (codes.bits) return "No contours: these latents are on or off, and have probabilities but no density.";
  if (codes.dimensions === 1) return "No contours: one latent dimension has no plane to draw them in.";
  if (!codes.std) return "No contours: these points come without their q(z|x), so there is no density to draw.";
  if (!picture.header.axes) return "No contours: this picture bends the latent space, densities have no place in it.";
  if (picture.dims !== 2) return "No contours: a picture in three dimensions would need surfaces.";
  return null;
}

/** The prior as a straight picture shows it: [x, y] of its mean and its standard deviations along both axes. */
export function priorOnPicture({ axes, centre }, { mean, std, cholesky }) {
  const place = axes.map((axis) => axis.reduce((sum, a, d) => sum + a * (mean[d] - centre[d]), 0));
  const spread = axes.map((axis) => Math.hypot(...(cholesky
    ? mean.map((_, j) => axis.reduce((sum, a, i) => sum + a * (cholesky[i][j] ?? 0), 0))
    : axis.map((a, d) => a * std[d]))));
  return { place, spread };
}

/** [x0, x1, y0, y1] of the prior's outer line, in sight from the first where a picture can show it; else null. */
export function priorInSight(codes, picture, prior) {
  if (noLines(codes, picture)) return null;
  const { place, spread } = priorOnPicture(picture.header, prior);
  return [0, 1].flatMap((k) => [place[k] - CIRCLE * spread[k], place[k] + CIRCLE * spread[k]]);
}

/** [x0, x1, y0, y1] that holds the points' window and nearly all of the prior: the levels need all of both. */
export function wholeWindow([x0, x1, y0, y1], { place, spread }) {
  const low = (k, edge) => Math.min(edge, place[k] - WIDE * spread[k]);
  const high = (k, edge) => Math.max(edge, place[k] + WIDE * spread[k]);
  return [low(0, x0), high(0, x1), low(1, y0), high(1, y1)];
}

function readDensity(buffer) {
  const { header, body } = readDocument(buffer), [width, height] = header.size;
  const grid = (offset) => (offset === null || offset === undefined ? null
    : new Float32Array(buffer, body + offset, width * height));
  return { ...header, q: grid(header.log_q), prior: grid(header.log_prior) };
}

/**
 * Args: model (its prior); server; onLines({ lines }).
 * Returns: { choice (the switch), words (a line below the map), use(codes, picture, wish), viewed(window), stop() }.
 */
export function createDensity({ model, server, onLines }) {
  const box = el("input", { type: "checkbox", checked: true, onchange: () => begin() });
  const choice = el("label", { class: "choice" }, box, "Contours and holes");
  const words = el("p", { class: "words lines", "data-testid": "map-contours" });
  let now = null, levels = null, question = null, view = null;
  const closer = debounce(() => refine(), REST);

  function clear(text = "") {
    question?.abort();
    onLines({ lines: [] });
    setText(words, text);
  }

  async function ask(window) {
    question?.abort();
    const mine = question = new AbortController(), { wish } = now;
    const buffer = await server.density({ ...wish, window, size: SIZE }, { signal: mine.signal });
    if (mine.signal.aborted) throw new Withdrawn("Density");
    return readDensity(buffer);
  }

  function draw(density) {
    const { q, prior, size, window } = density, lines = [];
    if (prior) {
      const found = holes(q, prior, size, window, { inside: SHARES.at(-1), priorLevel: levels.prior.at(-1) });
      if (window === now.whole) now.empty = found.share;
      lines.push({ kind: "hole", points: found.points });
      lines.push({ kind: "prior", points: contourLines(prior, size, window, levels.prior) });
    }
    lines.push({ kind: "aggregate", points: contourLines(q, size, window, levels.q) });
    onLines({ lines });
  }

  async function begin() {
    const why = now && noLines(now.codes, now.picture);
    box.disabled = Boolean(why) || !now;
    if (!now || why || !box.checked) return clear(why ?? "");
    const mine = now;
    setText(words, "Measuring the density of the codes …");
    try {
      const density = await ask(mine.whole), area = cellArea(density.size, density.window);
      levels = { q: levelsOf(density.q, area, SHARES), prior: density.prior && levelsOf(density.prior, area, SHARES) };
      density.window = mine.whole;
      draw(density);
      const shares = SHARES.map((share) => `${100 * share} %`).join(" and ");
      const red = `Shaded red: holes, where codes are ten times rarer than the prior says; they hold `
        + `${plain(Number((100 * now.empty).toPrecision(2)))} % of it in this picture. `;
      const dashed = density.prior ? "; dashed: of the prior" : "";
      setText(words, `Lines: ${shares} of the aggregate posterior q(z)${dashed}. `
        + `${density.prior ? red : ""}${density.note ?? ""}`);
      if (view) closer();
    } catch (error) {
      if (error instanceof Withdrawn || mine !== now) return;
      clear(`No contours: ${error.message.replace(/^Density: /, "")}`);
    }
  }

  /** Nearer than the whole, the lines are drawn from a finer grid over what is in sight; their levels stay. */
  async function refine() {
    if (!now || !levels || !box.checked || box.disabled || !view) return;
    const [x0, x1, y0, y1] = now.whole, mine = now;
    const inside = (view[1] - view[0]) < CLOSER * (x1 - x0) || (view[3] - view[2]) < CLOSER * (y1 - y0);
    const [w, h] = [(view[1] - view[0]) * 0.15, (view[3] - view[2]) * 0.15];
    const window = inside ? [view[0] - w, view[1] + w, view[2] - h, view[3] + h] : now.whole;
    if (now.drawn === String(window)) return;
    now.drawn = String(window);
    try {
      const density = await ask(window);
      if (mine === now) draw(density);
    } catch {
      // The coarser lines stay.
    }
  }

  return {
    choice, words,
    /** Another picture: its lines, or why it has none. */
    use(codes, picture, wish) {
      const { header } = picture;
      const whole = !noLines(codes, picture) ? wholeWindow(header.window, priorOnPicture(header, model.prior)) : null;
      now = { codes, picture, wish, whole };
      now.drawn = String(now.whole);
      [levels, view] = [null, null];
      clear();
      begin();
    },
    viewed({ window, moving }) {
      view = window;
      if (!moving) closer();
    },
    stop: () => question?.abort(),
  };
}

/**
 * Ellipses of q(z|x) in a straight picture of two axes: one and two standard deviations.
 * Args: axes [[D], [D]]; centre [D]; mean, std (D) of q. Returns: for Scatter.setEllipses.
 */
export function posteriorEllipses({ axes, centre }, mean, std) {
  const place = axes.map((axis) => axis.reduce((sum, a, d) => sum + a * (mean[d] - (centre?.[d] ?? 0)), 0));
  const over = (a, b) => a.reduce((sum, v, d) => sum + v * b[d] * std[d] ** 2, 0);
  const [xx, xy, yy] = [over(axes[0], axes[0]), over(axes[0], axes[1]), over(axes[1], axes[1])];
  return [1, 2].map((k) => ({ centre: place, ...ellipseOf([[xx, xy], [xy, yy]], k), kind: "q" }));
}
