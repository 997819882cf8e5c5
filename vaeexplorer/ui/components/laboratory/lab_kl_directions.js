// The picture of "Which way round is the KL?": both fits side by side, and what draws tell of each.

import { button, el, tint } from "./dom.js";
import { kl } from "./lab_kl_numbers.js";
import { createPanel } from "./lab_kl_panel.js";
import { formula, keyOf } from "./panel.js";
import { XY } from "./xy.js";

const DIRECTIONS = [
  { direction: "q_p", title: "KL(q ‖ p)", colour: "encoder",
    asks: "q draws: is each draw plausible under the target?" },
  { direction: "p_q", title: "KL(p ‖ q)", colour: "z",
    asks: "The target draws: did q expect each of them?" },
];
const EVERY = 4;                // of the estimates during the fit, one in so many is shown
const LEAST = 1e-4;             // nats: what is below is no KL to speak of, and has its place on a logarithmic axis
const BOTH = 2;                 // standard errors of a band

const { line, link, words } = formula;
const q = () => tint("encoder", "q"), p = () => tint("z", "p");

const lines = () => [
  line("KL(", q(), " ‖ ", p(), ") = E", formula.sub("q"), "[log ", q(), "(x) − log ", p(), "(x)] ≈ (1/n) Σ [log ", q(),
       "(x", formula.sub("i"), ") − log ", p(), "(x", formula.sub("i"), ")],   x", formula.sub("i"), " ~ ", q()),
  words("Large where q has mass and p has none. The best q near one of two humps far apart costs −log of its share: "
    + "log 2 = 0.693 nats for equal humps."),
  line("KL(", p(), " ‖ ", q(), ") = E", formula.sub("p"), "[log ", p(), "(x) − log ", q(), "(x)]"),
  words("Large where p has mass and q has none. Least for the Gaussian with the mean and the variance of p, which is "
    + "moment matching: Bishop 2006, section 10.1.2."),
  line("log p(x) − ELBO = KL(", tint("encoder", "q(z|x)"), " ‖ ", tint("z", "p(z|x)"), ")"),
  words("A variational autoencoder minimises the first kind, as it can draw from q but not from the posterior. ",
        link("https://blog.evjang.com/2016/08/variational-bayes.html", "E. Jang's post"), ", which text 001 refers to."),
];

const upTo = (moments, index, act) => moments.slice(0, index + 1).filter(({ data }) => data.act === act);
const bar = ([mean, stderr]) => [mean, mean - BOTH * stderr, mean + BOTH * stderr];

/** Marks of the fit: the exact KLs by steps, and what 200 draws say of them now and then. */
export function fitMarks(moments, index) {
  const told = upTo(moments, index, "fit"), some = told.filter((_, i) => i % EVERY === 0);
  return DIRECTIONS.flatMap(({ direction, title, colour }) => [
    { type: "dots", colour, radius: 2.4, points: some.map(({ data }) => [data.step, ...bar(data[direction].drawn)]) },
    { type: "line", colour, width: 2.6, dots: false, label: `${title}, exact`,
      points: told.map(({ data }) => [data.step, Math.max(LEAST, data[direction].own)]) },
  ]);
}

/** Marks of counting: the running means by the number of draws, and the exact values. */
export function countMarks(moments, index) {
  const told = upTo(moments, index, "count");
  if (!told.length) return [];
  return DIRECTIONS.flatMap(({ direction, title, colour }) => [
    { type: "level", colour, y: told[0].data[direction].own, label: `${title}, exact` },
    { type: "line", colour, dots: false, label: `${title} by draws`,
      points: told.map(({ data }) => [data.n, ...bar(data[direction].drawn)]) },
  ]);
}

/** A q with its exact KL in both directions. */
const judged = ({ mean, std }, target) => ({
  mean, std, ...Object.fromEntries(DIRECTIONS.map(({ direction }) => [direction, kl({ mean, std }, target, direction)])),
});

/** See the contract of the Lab's pictures. */
export function picture() {
  let moment = null, own = null;
  const back = button("play", "Back to the film", () => move(null));
  const hint = el("p", { class: "words" }, "Take q yourself: drag it sideways; up or down for narrower or wider.");
  const panels = DIRECTIONS.map((one) => createPanel({ ...one, onMove: (to) => move(to) }));
  const fit = new XY({ label: "both KLs while q is fitted", testid: "kl-fit", height: 150 });
  const tally = new XY({ label: "both KLs estimated by draws", testid: "kl-count", height: 150,
                         empty: "after the fit: estimates by more and more draws" });
  const chart = (title, one) => el("div", { class: "kl-chart" }, el("h4", {}, title), one.element);
  const element = el("div", { class: "kl", "data-testid": "kl-directions" }, panels.map((one) => one.element),
                     chart("The KLs in nats while q is fitted", fit),
                     chart("Then by more draws, ± 2 standard errors", tally),
                     el("div", { class: "kl-hand" },
                        el("div", { class: "keys" }, keyOf({ colour: "z", words: "target p", filled: true }),
                           keyOf({ colour: "encoder", words: "q" })), hint, back));
  back.hidden = true;

  function refresh() {
    if (!moment) return;
    const { target } = moment.data;
    DIRECTIONS.forEach(({ direction }, i) => panels[i].show({ target, seen: moment.data[direction], own }));
  }
  /** A q by hand, or null: that of the film. */
  function move(to) {
    if (!moment) return;
    const { target } = moment.data;
    own = to && judged(to, target);
    back.hidden = own === null;
    refresh();
  }
  /** While a slider moves: the q of the film before the coming target. */
  function react({ distance, share }) {
    if (!moment) return;
    const target = { humps: [-distance / 2, distance / 2], weights: [share, 1 - share] };
    DIRECTIONS.forEach(({ direction }, i) => {
      const seen = moment.data[direction];
      panels[i].show({ target, seen, own: judged(own ?? seen, target) });
    });
  }

  return {
    element, formula: lines(), react,
    show(moments, index) {
      const before = moment;
      moment = moments[index] ?? null;
      if (!moment) return;
      if (own && JSON.stringify(before?.data.target) !== JSON.stringify(moment.data.target)) move(null);
      refresh();
      fit.show({ marks: fitMarks(moments, index), x: { low: 0, high: moment.data.steps, label: "steps" },
                 y: { kind: "log" } });
      tally.show({ marks: countMarks(moments, index), x: { kind: "log", low: 10, high: 1e5, label: "draws" } });
    },
    theme(colours) {
      for (const one of [...panels, fit, tally]) one.theme(colours);
    },
    stop() {
      for (const one of [...panels, fit, tally]) one.stop();
    },
  };
}
