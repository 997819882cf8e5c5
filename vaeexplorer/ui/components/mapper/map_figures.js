// Numbers beside the picture: every Estimate of the codes with its error, kind, n and unit, asked for once in sight.

import { el, setText, tint } from "./dom.js";
import { Withdrawn } from "./jobs.js";
import { estimateWords } from "./map_words.js";
import { plain } from "./scales.js";

/** name -> [words, what it says]; the order of the table. */
const NAMES = {
  kl: ["E KL(q(z|x) ‖ p(z))", "what a code costs, on average"],
  mutual_information: ["I(x; z), from below", "how much a code tells which image it is of"],
  mutual_information_upper: ["I(x; z), from above", ""],
  marginal_kl: ["KL(q(z) ‖ p(z)), from above", "how far all codes together are from the prior"],
  marginal_kl_lower: ["KL(q(z) ‖ p(z)), from below", ""],
  active_units: ["Active units", "dimensions with a KL above 0.01 nats"],
  active_units_covariance: ["Active units by variance", "dimensions whose mean moves: variance above 0.01"],
  linear_probe: ["Linear probe", "share of classes that a linear rule reads off the means"],
  nearest_neighbours: ["Nearest neighbours", "share of classes that the nearest codes tell"],
  "mutual information gap": ["MIG", "is each factor in one dimension? 0 to 1"],
  dci_disentanglement: ["DCI disentanglement", "is each dimension about one factor? 0 to 1"],
  dci_completeness: ["DCI completeness", "is each factor in one dimension? 0 to 1"],
  dci_informativeness: ["DCI informativeness", "are the factors known at all? share right"],
  factor_vae_score: ["FactorVAE score", "does the quietest dimension tell which factor was fixed?"],
};
const COLUMNS = ["quantity", "value ± standard error", "unit", "kind", "n"];
const BARS = 16;                // dimensions with a bar of their own

/** "kl_12" -> 12, other names -> null. */
const dimensionOf = (name) => (/^kl_\d+$/.test(name) ? Number(name.slice(3)) : null);

function row(estimate) {
  const [name, help] = NAMES[estimate.name] ?? [estimate.name.replaceAll("_", " "), ""];
  const { value, unit, kind, n } = estimateWords(estimate);
  return el("tr", {}, el("th", { scope: "row" }, name, help ? el("small", {}, help) : null),
            [value, unit, kind, n].map((text) => el("td", {}, text)));
}

function bars(estimates) {
  const sorted = [...estimates].sort((a, b) => b.value - a.value), most = Math.max(sorted[0].value, 1e-9);
  const rows = sorted.slice(0, BARS).map((estimate) => {
    const { value, kind, n } = estimateWords(estimate);
    const name = tint("z", "z", el("sub", {}, String(dimensionOf(estimate.name))));
    return el("li", { title: `${value} nats, ${kind}, ${n}` }, name,
              el("span", { class: "rule" }, el("i", { style: `width:${Math.max(0, (100 * estimate.value) / most)}%` })),
              el("b", {}, value));
  });
  const { kind, n } = estimateWords(sorted[0]);
  const more = sorted.length > BARS ? ` The ${BARS} largest of ${sorted.length}.` : "";
  return el("div", { class: "dimensions" }, el("h4", {}, "KL of each dimension"),
            el("ul", { class: "counts" }, rows), el("p", { class: "words" }, `nats, ${kind}, n = ${n}.${more}`));
}

/** One sentence from the estimates: how E KL splits. */
export function splitSentence(estimates) {
  const of = (name) => estimates.find((estimate) => estimate.name === name);
  const [kl, low, rest] = ["kl", "mutual_information", "marginal_kl"].map(of);
  if (!kl || !low || !rest) return "";
  const part = (estimate) => plain(Number(estimate.value.toPrecision(3)));
  return `Of the ${part(kl)} nats that a code costs, at least ${part(low)} tell which image it is of; at most `
    + `${part(rest)} are paid because all codes together do not lie as the prior does.`;
}

/** Args: server. Returns: { element, use(codes), stop() }. */
export function createFigures(server) {
  const status = el("p", { class: "words", role: "status" }), sentence = el("p", { class: "lead" });
  const body = el("tbody", {}), each = el("div", {}), notes = el("div", {});
  const heads = el("tr", {}, COLUMNS.map((name) => el("th", { scope: "col" }, name)));
  const table = el("div", { class: "scroll", hidden: true, tabIndex: 0, role: "group", "aria-label": "the numbers" },
                   el("table", {}, el("thead", {}, heads), body));
  const element = el("section", { class: "card numbers", "data-testid": "map-figures", "aria-label": "Numbers" },
                     el("h3", {}, "What the codes hold"), status, sentence,
                     el("div", { class: "beside" }, table, each), notes);
  let now = null, asked = null, question = null, inSight = false;
  const sight = new IntersectionObserver(([entry]) => {
    inSight = entry.isIntersecting;
    begin();
  });
  sight.observe(element);

  function show({ estimates, notes: said }) {
    const dims = estimates.filter(({ name }) => dimensionOf(name) !== null), known = Object.keys(NAMES);
    const place = ({ name }) => (known.indexOf(name) + 1 || known.length + 1);
    const others = estimates.filter(({ name }) => dimensionOf(name) === null).sort((a, b) => place(a) - place(b));
    setText(status, "");
    setText(sentence, splitSentence(estimates));
    body.replaceChildren(...others.map(row));
    each.replaceChildren(...(dims.length ? [bars(dims)] : []));
    notes.replaceChildren(...(said ?? []).map((text) => el("p", { class: "words" }, text)));
    table.hidden = !others.length;
  }

  async function begin() {
    if (!inSight || !now || asked === now) return;
    const mine = asked = now;
    question = new AbortController();
    setText(status, "Measuring: mutual information, probes …");
    try {
      const answer = await server.figures(mine, { signal: question.signal, onProgress: ({ fraction, text }) => (
        mine === now && setText(status, `${text || "Measuring"} (${Math.round(100 * (fraction || 0))} %)`)) });
      if (mine === now) show(answer);
    } catch (error) {
      if (!(error instanceof Withdrawn) && mine === now) setText(status, error.message);
    }
  }

  return {
    element,
    /** Other codes: what was measured of the ones before is cleared, and asked anew when in sight. */
    use(codes) {
      if (now?.digest === codes.header.digest) return;
      question?.abort();
      [now, asked] = [{ source: codes.source, digest: codes.header.digest }, null];
      for (const one of [body, each, notes]) one.replaceChildren();
      setText(sentence, "");
      setText(status, "");
      table.hidden = true;
      begin();
    },
    stop() {
      sight.disconnect();
      question?.abort();
    },
  };
}
