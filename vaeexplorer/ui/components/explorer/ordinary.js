// "How ordinary is this place?": against the prior, and against the codes of held-out images.

import { el, figure, throttle, tint } from "./dom.js";
import { chiSquareCdf, distanceQuantile } from "./prior.js";

const FAR = 0.999;              // share of prior samples beyond which a place is off the map
const EMPTY = 1;                // per cent of held-out codes below which a place is off the map

/** A bar with coloured zones [end in 0..1, class] and a marker that `mark(position)` moves. */
function meter(label, zones) {
  const marker = el("i", { class: "marker" });
  let begin = 0;
  const parts = zones.map(([end, kind]) => {
    const part = el("span", { class: `zone ${kind}`, style: `width:${100 * (end - begin)}%` });
    begin = end;
    return part;
  });
  const element = el("div", { class: "meter", role: "img", "aria-label": label }, parts, marker);
  return { element, mark: (position) => { marker.style.left = `${100 * Math.min(1, Math.max(0, position))}%`; } };
}

const percent = (share) => {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  if (value < 100 && value > 99.9) return "more than 99.9 %";
  return `${value < 10 || value > 99 ? Number(value.toFixed(1)) : Math.round(value)} %`;
};

/** The prior's part: distance from the middle, on a bar from 0 to just beyond the warning. */
function priorPart(prior) {
  const D = prior.dimensions, at = (p) => distanceQuantile(p, D);
  const end = at(FAR) * 1.18, name = prior.standard ? "‖z‖" : "Mahalanobis distance of z";
  const bar = meter("distance from the middle of the prior",
                    [[at(0.001) / end, "hollow"], [at(0.95) / end, "common"], [at(FAR) / end, "rare"], [1, "off"]]);
  const words = el("p", { class: "words" });
  return {
    element: el("div", {}, bar.element, words),
    show(z) {
      const distance = prior.distance(z), inside = chiSquareCdf(distance * distance, D);
      bar.mark(distance / end);
      const hollow = inside < 0.001 && D > 2;
      words.textContent = hollow
        ? `${name} = ${figure(distance)}: the very middle. With ${D} dimensions that is itself unusual: `
          + `99.9 % of prior samples lie farther out, typically near ${figure(at(0.5), 1)}.`
        : `${name} = ${figure(distance)}: `
          + (inside > FAR ? "farther out than 99.9 %" : `closer to the middle than ${percent(1 - inside)}`)
          + " of prior samples" + (D > 2 ? ` (typical: ${figure(at(0.5), 1)}).` : ".");
      if (inside <= FAR) return null;
      return `${name} = ${figure(distance)} lies farther out than ${percent(inside)} of prior samples.`;
    },
  };
}

/** The data's part: log qhat(z) among the codes of held-out images, once they have been loaded. */
function dataPart(density) {
  const bar = meter("rank of this place among the codes of held-out images",
                    [[EMPTY / 100, "off"], [0.05, "rare"], [1, "common"]]);
  const words = el("p", { class: "words" });
  return {
    element: el("div", {}, bar.element, words),
    show(z) {
      const value = density.logDensity(z), rank = density.rank(value);
      bar.mark(rank / 100);
      const number = `log q̂(z) = ${figure(value, 2)}`;
      words.textContent = rank > 0
        ? `${number}: denser with real pictures than ${percent(rank / 100)} of held-out codes.`
        : `${number}: emptier than the place of any held-out code.`;
      if (rank >= EMPTY) return null;
      return `Few real pictures live here: ${number}, where 99 % of held-out codes have more than `
        + `${figure(density.quantiles[1], 2)}.`;
    },
  };
}

/** Returns: { element, update(), quiet(on), learn(density) }; `learn` adds the data's part once the codes are here. */
export function createOrdinary({ prior, place, hasCodes }) {
  const parts = prior.bits ? [] : [priorPart(prior)];
  const warning = el("p", { class: "warning", role: "status", hidden: true });
  const room = el("div", { class: "parts" }, parts.map((part) => part.element));
  const note = prior.bits
    ? el("p", { class: "words" }, "Under the prior every pattern of bits is equally probable.") : null;
  let walking = false;
  const update = throttle(() => {
    const reasons = parts.map((part) => part.show(place.z)).filter(Boolean);
    const text = reasons.length && !walking ? `Off the map. ${reasons.join(" ")}` : "";
    warning.hidden = !text;
    if (warning.textContent !== text) warning.textContent = text;
  }, 60);
  const about = el("details", { class: "about" }, el("summary", {}, "What the bars mean"),
    prior.bits ? null
      : el("p", {}, "Upper bar: distance of ", tint("z", "z"), " from the middle of the prior ", tint("z", "p(z)"),
           `, compared with the chi-square law of ${prior.dimensions} degrees of freedom (exact). `,
           "Pale: nearer the middle than 99.9 % of prior samples. Red: farther out than 99.9 % of them."),
    !hasCodes ? null
      : el("p", {}, prior.bits ? "The bar: " : "Lower bar: ", "log of the aggregate posterior ",
           tint("encoder", "q̂(z)"), ", the mean of ", tint("encoder", "q(z|x)"), " over held-out images, ranked ",
           "among the codes of other held-out images. Red: below 99 % of them."));
  return {
    element: el("section", { class: "ordinary", "aria-label": "How ordinary is this place?" },
                el("h3", {}, "How ordinary is this place?"), room, note, warning, about),
    update,
    /** No warning about places that nobody chose: during the walk. */
    quiet(on) {
      walking = on;
      update();
    },
    learn(density) {
      const part = dataPart(density);
      parts.push(part);
      room.append(part.element);
      update();
    },
  };
}
