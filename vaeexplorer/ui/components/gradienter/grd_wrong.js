// The wrong estimator: the average of f grad q over draws of q, which counts q twice, beside the right one. Both means
// run on over the same draws; where they are heading is known.

import { button, el, setText, tint } from "./dom.js";
import { averageOfGradQ, densityOf, momentsOf } from "./grd_formulas.js";
import { FUNCTIONS } from "./grd_functions.js";
import { START } from "./grd_playground_controls.js";
import { exactly, roughly } from "./grd_playground_words.js";
import { createChoice, createPanel, formula, kept, keyOf, whenSeen } from "./panel.js";
import { freshSeed, normals } from "./random.js";
import { count, parts } from "./scales.js";
import { prefersStillness } from "./theme.js";
import { XY } from "./xy.js";

const DRAWS = 100_000;
const PER_DECADE = 24;          // points of a running mean
const PACE = 1.06, FRAME = 40;  // times as many draws each frame; ms between two of them
const SURE = 1.96;
const NONE = 1e-9;

/** The numbers of the reference's first row. */
const EXAMPLE = { kind: "quadratic", values: { a: 1.5, b: -0.7 }, c: 2, mu: 0.4, sigma: 0.8 };

/** Numbers of draws at which a running mean is shown. */
function places() {
  const found = new Set([1]), steps = Math.round(PER_DECADE * Math.log10(DRAWS));
  for (let i = 0; i <= steps; i++) found.add(Math.round(DRAWS ** (i / steps)));
  return [...found].sort((a, b) => a - b);
}

/**
 * Running means of f(z) dq/dmu (printed) and of f(z) dlog q/dmu (right) over the same draws.
 * Returns: { printed, right }, each [[draws, mean, low, high], ...] with the ends of 95 % where there are enough draws.
 */
export function runningMeans(f, mu, sigma, noise, at = places()) {
  const sums = { printed: [0, 0], right: [0, 0] }, found = { printed: [], right: [] };
  let next = 0;
  for (let i = 0; i < noise.length && next < at.length; i++) {
    const value = f.value(mu + sigma * noise[i]) * noise[i] / sigma;
    const each = { printed: value * densityOf(noise[i], sigma), right: value }, n = i + 1;
    for (const name of Object.keys(sums)) {
      sums[name][0] += each[name];
      sums[name][1] += each[name] ** 2;
    }
    if (n !== at[next]) continue;
    next += 1;
    for (const [name, [sum, squares]] of Object.entries(sums)) {
      const mean = sum / n, far = SURE * Math.sqrt(Math.max(0, squares / n - mean * mean) / Math.max(1, n - 1));
      found[name].push(n > 9 ? [n, mean, mean - far, mean + far] : [n, mean]);
    }
  }
  return found;
}

/** What the two means say.  Args: last, { printed, right } points; truth; limit of the printed one. */
export function wrongWords({ printed, right }, truth, limit) {
  const value = ([n, mean, low, high]) => {
    const both = parts({ value: mean, stderr: n > 9 ? (high - low) / (2 * SURE) : NaN });
    return both.error ? `${both.value} ${both.error}` : both.value;
  };
  const so = `After ${count(printed[0])} ${printed[0] === 1 ? "draw" : "draws"} the printed average says `
    + `${value(printed)}, the right one ${value(right)}. The true gradient is ${exactly(truth)}; more draws only make `
    + `the printed one surer of ${exactly(limit)}`;
  if (Math.abs(limit) < NONE || Math.abs(truth) < NONE) return `${so}.`;
  const ratio = limit / truth;
  if (ratio < 0) return `${so}, which points the wrong way.`;
  return `${so}, ${ratio < 1 ? `${roughly(1 / ratio)} times too small` : `${roughly(ratio)} times too large`}.`;
}

function lines() {
  const { line, words, sub, link } = formula, f = () => tint("decoder", "f"), z = () => tint("z", "z");
  const q = () => tint("encoder", "q"), m = () => sub("m");
  return [
    line(tint("gap", "printed"), ":  1⁄M ∑", m(), " ", f(), "(", z(), m(), ") ∇", q(), "(", z(), m(), ") → ∫ ", q(),
         "(", z(), ") ", f(), "(", z(), ") ∇", q(), "(", z(), ") d", z()),
    line(tint("decoder", "right"), ":  1⁄M ∑", m(), " ", f(), "(", z(), m(), ") ∇", q(), "(", z(), m(), ") ⁄ ", q(),
         "(", z(), m(), ") → ∫ ", f(), "(", z(), ") ∇", q(), "(", z(), ") d", z()),
    words("The division by ", q(), " is the logarithm in ∇log ", q(), " = ∇", q(), " ⁄ ", q(),
          ". On a hill the printed average tends to the gradient times 1 ⁄ (4 √π σ). The notes on latent variable "
          + "models and variational inference (text 002) call it tempting, and warn of it. The right one: ",
          link("https://doi.org/10.1007/BF00992696", "R. J. Williams 1992"), "."),
  ];
}

/** The panel (ctx as gradienter.js makes it). */
export function wrong(ctx) {
  const panel = createPanel({ page: "gradients", id: "wrong", title: "A wrong average, and where it leads",
                              lines: lines() });
  const keep = kept(ctx, "gradients-wrong", () => ({ of: "example", seed: 1 }));
  const ground = kept(ctx, "gradients-playground", () => ({ ...START, values: { ...START.values } }));
  const chart = new XY({ label: "Running means of the printed and of the right average", testid: "wrong-chart",
                         height: 280 });
  const said = el("p", { class: "lead", role: "status", "data-testid": "wrong-now" });
  const of = createChoice("numbers of the example", [["example", "an example"],
                                                     ["playground", "the playground's f and q"]],
                          keep.of, (id) => again({ of: id }));
  const another = button("die", "Other draws", () => again({ seed: freshSeed() }));
  let found = null, shown = 0, timer = 0, seen = false;

  panel.tools.append(of.element, another);
  panel.body.append(
    said, chart.element,
    el("div", { class: "keys" }, [{ colour: "gap", words: "as printed: f ∇q" },
                                  { colour: "decoder", words: "right: f ∇log q" }].map(keyOf)));
  panel.say("It is tempting to average f times the gradient of q over draws of q. But the draws come from q already: q "
    + "is counted twice, and no number of draws will help.");

  function again(patch) {
    Object.assign(keep, patch);
    compute();
    start();
  }

  function compute() {
    const { kind, values, c, mu, sigma } = keep.of === "example" ? EXAMPLE : ground;
    const f = FUNCTIONS[kind].of({ ...values, c }), { gradient } = momentsOf(f, mu, sigma).by.mu;
    found = { ...runningMeans(f, mu, sigma, normals(keep.seed, DRAWS)), truth: gradient,
              limit: averageOfGradQ(f, mu, sigma).mean };
    const numbers = Object.entries({ ...values, c }).map(([name, value]) => `${name} = ${exactly(value)}`).join(", ");
    panel.note(`${FUNCTIONS[kind].words}, ${numbers}; q = N(${exactly(mu)}, ${exactly(sigma)}²), gradient by μ. Both `
      + `means use the same draws (seed ${keep.seed}); bands are 95 %, the dashed levels are exact.`);
  }

  function draw() {
    const upTo = (points) => points.filter(([n]) => n <= shown), { truth, limit } = found;
    const [printed, right] = [upTo(found.printed), upTo(found.right)];
    const all = found.right.filter(([n]) => n >= 100).flatMap(([, , low, high]) => [low, high]);
    const low = Math.min(...all, truth, limit, 0), high = Math.max(...all, truth, limit, 0);
    const room = 0.1 * (high - low);
    chart.show({
      marks: [
        { type: "level", y: truth, colour: "text", words: "true gradient", label: "true gradient" },
        { type: "level", y: limit, colour: "gap", words: "where the printed one leads", label: "where it leads" },
        { type: "line", points: right, colour: "decoder", dots: false, label: "right" },
        { type: "line", points: printed, colour: "gap", dots: false, label: "as printed" },
      ],
      x: { kind: "log", low: 1, high: DRAWS, label: "draws" }, y: { low: low - room, high: high + room },
    });
    setText(said, wrongWords({ printed: printed.at(-1), right: right.at(-1) }, truth, limit));
    panel.element.dataset.draws = String(shown);
  }

  /** Draws come in, faster and faster; all at once for those who want stillness. */
  function start() {
    clearTimeout(timer);
    shown = prefersStillness() ? DRAWS : 1;
    const step = () => {
      draw();
      if (shown >= DRAWS) return;
      shown = Math.min(DRAWS, Math.ceil(shown * PACE));
      timer = setTimeout(step, FRAME);
    };
    step();
  }

  const forget = whenSeen(panel.element, () => {
    seen = true;
    again({});
  });

  return {
    element: panel.element,
    refresh() {
      if (seen && keep.of === "playground") compute();
    },
    theme: (colours) => chart.theme(colours),
    stop() {
      clearTimeout(timer);
      forget();
      chart.stop();
    },
  };
}
