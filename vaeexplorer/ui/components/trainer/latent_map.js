// The latent map: where the codes of held-out images lie, coloured by class. Two dimensions as they are, more by the
// plane of largest variance, one as a line.

import { DISTINCT, classColours } from "./colours.js";
import { el, setText, tint } from "./dom.js";
import { principalPlane, project } from "./pca.js";
import { surface } from "./plot.js";
import { plain, tickText, ticks } from "./scales.js";

const QUANTILE = 0.995;         // of the codes that the map must hold

const hash = (n) => {           // evenly spread in 0..1, the same each time: where a point of a line stands beside it
  const v = Math.sin(n * 12.9898) * 43758.5453;
  return v - Math.floor(v);
};

/** Half the side of a square around the origin (or the middle of bits) that holds nearly all points. */
function reach(points, centre) {
  const away = (i) => Math.max(Math.abs(points[2 * i] - centre), Math.abs(points[2 * i + 1] - centre));
  const far = Float32Array.from({ length: points.length / 2 }, (_, i) => away(i)).sort();
  return far[Math.min(far.length - 1, Math.floor(QUANTILE * far.length))] || 1;
}

/**
 * Returns: { element, open(originals, config), forget(), learn(frame) (the newest codes fix the plane),
 *            show({ a, b, t, newest }), draw(colours, theme), describe(when) }.
 */
export function createMap() {
  const canvas = el("canvas", { class: "map", "data-testid": "train-map", role: "img", "aria-label": "latent map",
                                hidden: true });
  const waiting = el("p", { class: "waiting" }, "waiting for the first codes");
  const legend = el("ul", { class: "legend", "aria-label": "classes" });
  const stamp = el("span", { class: "when" }), caption = el("p", { class: "caption" });
  const element = el("section", { class: "card" },
    el("header", {}, el("h3", {}, "The latent map"),
       el("span", { class: "unit" }, tint("mu", "μ(x)"), " of held-out images"), stamp),
    el("div", { class: "mapbox" }, canvas, waiting), legend, caption);
  let labels = null, config = null, axes = null, version = 0, moment = null, paint = null;
  let seen = new WeakMap();     // frame -> { version, points, share }
  let names = [];

  function placed(frame) {
    const known = seen.get(frame);
    if (known?.version === version) return known;
    const { codes, count, dimensions } = frame;
    const found = dimensions === 1
      ? { points: Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 ? lane(i >> 1) : codes[i >> 1])), share: 1 }
      : project(codes, count, dimensions, axes);
    seen.set(frame, { ...found, reach: reach(found.points, half()), version });
    return seen.get(frame);
  }

  /** One latent dimension: a lane for each class, so that points do not hide one another. */
  function lane(i) {
    const lanes = Math.max(1, names.length), at = labels ? labels[i] : 0;
    return 2.6 * (0.5 - (at + 0.15 + 0.7 * hash(i + 1)) / lanes);
  }

  function points() {
    const { a, b, t } = moment, from = placed(a);
    if (a === b || t === 0) return from.points;
    const to = placed(b).points;
    return from.points.map((v, i) => v + t * (to[i] - v));
  }

  /** Whether there is something to show and a plane to show it in: kept snapshots may come before the newest codes. */
  const ready = () => moment && (axes || moment.a.dimensions === 1);

  const half = () => (config?.posterior === "bernoulli" ? 0.5 : 0);

  /** How far the map reaches: nearly all codes, of the newest frame and the shown one, and the prior's second ring. */
  function wanted() {
    const least = config?.posterior === "bernoulli" ? 0.55 : config?.prior === "standard_normal" ? 2.6 : 0;
    const of = (frame) => placed(frame).reach, { a, b, t, newest } = moment;
    return 1.08 * Math.max(least, newest ? of(newest) : 0, of(a) + t * (of(b) - of(a)));
  }

  function drawAxes(context, { left, top, wide, high, endX, endY }, scale, colours) {
    const middle = half(), values = ticks(middle - endY, middle + endY, 5);
    const each = values.length > 1 ? values[1] - values[0] : 1;
    context.fillStyle = colours.quiet;
    context.strokeStyle = colours.edge;
    context.lineWidth = 1;
    context.beginPath();
    context.textAlign = "center";
    context.textBaseline = "top";
    for (let k = Math.ceil((middle - endX) / each); k * each <= middle + endX; k++) {
      const [x] = scale(k * each, 0);
      context.fillText(tickText(k * each, each), x, top + high + 4);
      context.moveTo(x, top);
      context.lineTo(x, top + high);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of moment.a.dimensions === 1 ? [] : values) {
      const [, y] = scale(0, value);
      context.fillText(tickText(value, each), left - 5, y);
      context.moveTo(left, y);
      context.lineTo(left + wide, y);
    }
    context.stroke();
  }

  function drawPrior(context, scale, colours) {
    if (config?.prior !== "standard_normal" || config.latent_dim === 1) return;
    const [x, y] = scale(0, 0);
    context.strokeStyle = colours.z;
    context.lineWidth = 1.2;
    context.setLineDash([4, 4]);
    for (const radius of [1, 2]) {
      context.beginPath();
      context.arc(x, y, scale(radius, 0)[0] - x, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  function drawPoints(context, xy, scale, colour) {
    const radius = xy.length > 800 ? 2.4 : 3, groups = labels ? Math.max(...labels) + 1 : 1;
    const paths = Array.from({ length: groups }, () => new Path2D());
    for (let i = 0; 2 * i < xy.length; i++) {
      const [x, y] = scale(xy[2 * i], xy[2 * i + 1]), path = paths[labels ? labels[i] : 0];
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.globalAlpha = 0.85;
    paths.forEach((path, k) => {
      context.fillStyle = colour(k);
      context.fill(path);
    });
    context.globalAlpha = 1;
  }

  function fillLegend(theme) {
    const many = names.length > DISTINCT, palette = classColours(theme, names.length);
    legend.replaceChildren(...(labels ? names.slice(0, 2 * DISTINCT) : []).map((name, k) => (
      el("li", {}, el("i", { style: `background:${palette[k]}` }), name))));
    if (many) legend.append(el("li", {}, `… ${names.length} classes, colours repeat`));
  }

  return {
    element,
    open(originals, about) {
      const none = originals.labels?.some((label) => label < 0);        // images whose class is not known
      labels = originals.labels;
      config = about;
      const numbers = labels ? Array.from({ length: Math.max(...labels) + 1 }, (_, k) => String(k)) : [];
      names = [...(about?.class_names?.length ? about.class_names : numbers), ...(none ? ["unknown"] : [])];
      if (none) labels = labels.map((label) => (label < 0 ? names.length - 1 : label));
      paint = null;
    },
    forget() {
      [axes, moment] = [null, null];
      [canvas.hidden, waiting.hidden] = [true, false];
      seen = new WeakMap();
    },
    /** The newest codes decide on the plane; it is turned to lie as the one before. */
    learn(frame) {
      if (frame.dimensions === 1 || (frame.dimensions === 2 && axes)) return;
      axes = principalPlane(frame.codes, frame.count, frame.dimensions, axes);
      version++;
    },
    show(next) {
      moment = next;
    },
    draw(colours, theme) {
      if (!ready()) return;
      canvas.hidden = false;
      waiting.hidden = true;
      const ground = surface(canvas);
      if (!ground) return;
      if (paint !== theme) fillLegend(paint = theme);
      const { context, width, height } = ground, left = 30, top = 6, wide = width - left - 8, high = height - top - 20;
      const limit = wanted(), flat = moment.a.dimensions === 1, middle = half();
      const k = flat ? wide / (2 * limit) : Math.min(wide, high) / (2 * limit), ky = flat ? high / 3 : k;
      const box = { left, top, wide, high, endX: wide / (2 * k), endY: flat ? limit : high / (2 * k) };
      const scale = (x, y) => [left + wide / 2 + (x - middle) * k, top + high / 2 - (y - (flat ? 0 : middle)) * ky];
      context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
      drawAxes(context, box, scale, colours);
      context.save();
      context.beginPath();
      context.rect(left, top, wide, high);
      context.clip();
      drawPrior(context, scale, colours);
      const palette = classColours(theme, names.length);
      drawPoints(context, points(), scale, (k) => (labels ? palette[k] : colours.z));
      context.restore();
    },
    describe(when) {
      if (!ready()) return;
      const { a } = moment, share = plain(Number((100 * placed(a).share).toPrecision(2)));
      const rings = config?.prior === "standard_normal" && a.dimensions > 1;
      const what = a.dimensions === 1 ? "Across: z1; up: the class."
        : a.dimensions === 2 ? "Across: z1; up: z2."
          : `The plane in which the newest codes vary most; it holds ${share} % of the variance in ${a.dimensions} `
            + "dimensions.";
      const classes = labels ? ", coloured by class, which the model never sees" : "";
      const dashed = rings ? " Dashed: 1 and 2 standard deviations of the prior." : "";
      setText(stamp, when);
      setText(caption, `${a.count} held-out images${classes}. ${what}${dashed}`);
      const label = `latent map: codes of ${a.count} held-out images. ${when}`;
      if (canvas.ariaLabel !== label) canvas.ariaLabel = label;
    },
  };
}
