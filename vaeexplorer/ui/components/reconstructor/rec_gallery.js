// The gallery of held-out images: sorted by a term, filtered by class, a page at a time; the next page is fetched
// ahead. Orders come from the terms of all images; pictures are asked for only where they are seen.

import { binarized, commonEnd, createScales } from "./chain.js";
import { button, el, figure, setText } from "./dom.js";
import { createEntry, headsOf } from "./gallery_row.js";
import { createProgressLine } from "./fetching.js";
import { createLadder } from "./ladder.js";
import { ORDERS, TERMS, classCounts, ordered, sorted } from "./rank.js";
import { count } from "./scales.js";

const PAGE = 8;
const KEPT = 40;                // pages whose findings are remembered
const FIRST = Array.from({ length: PAGE }, (_, i) => i);

const select = (label, entries, onchange) => el("select", { "aria-label": label, onchange },
  entries.map(([value, words]) => el("option", { value }, words)));

/** Findings by model and page, the newest few. */
function createMemory(server) {
  const known = new Map();
  return (model, indices) => {
    const key = `${model.name} ${indices.join()}`;
    if (!known.has(key)) {
      const answer = server.some(model.name, indices);
      answer.catch(() => known.delete(key));
      known.set(key, answer);
      if (known.size > KEPT) known.delete(known.keys().next().value);
    }
    return known.get(key);
  };
}

/**
 * Args: model; server; onexplore(finding, model); ontake(index), onbounds(index); redraw().
 * Returns: { element, open(), wait(progress), learn(heldOut), unknown(line), compare(rival), draw(colours) }.
 */
export function createRecGallery({ model, server, onexplore, ontake, onbounds, redraw }) {
  const state = { term: "elbo", order: "given", wanted: null, start: 0, rival: null, touched: false };
  const ask = createMemory(server), list = el("div", { class: "entries" }), heads = el("div", {});
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const progress = createProgressLine("gallery-progress"), caption = el("p", { class: "caption" });
  const where = el("span", { class: "words where-page", "data-testid": "gallery-where" });
  const scales = createScales();
  let heldOut = null, indices = FIRST, ascending = null, newest = 0, failed = false;

  const named = Object.entries(TERMS).map(([key, [name]]) => [key, name]);
  const terms = select("sort by", named, () => sort({ term: terms.value }));
  const orders = select("order", Object.entries(ORDERS), () => sort({ order: orders.value }));
  const classes = select("class", [["", "all classes"]],
                         () => sort({ wanted: classes.value === "" ? null : Number(classes.value) }));
  orders.value = state.order;
  const ladder = createLadder({ testid: "gallery-ladder", onPick: goTo,
                                label: "held-out images by the chosen term; click to go there" });
  const previous = button("left", "", () => turn(state.start - PAGE), { label: "previous page", kind: "small" });
  const next = button("right", "", () => turn(state.start + PAGE), { label: "next page", kind: "small" });
  const first = button(null, "first", () => turn(0), { label: "first page", kind: "small" });
  for (const control of [terms, orders, classes]) control.disabled = true;
  ladder.element.hidden = true;
  const element = el("section", { class: "card rec-gallery", "aria-label": "Held-out images" },
    el("header", {}, el("h3", {}, "Held-out images"),
       el("span", { class: "line" }, el("label", { class: "choice" }, "sort by ", terms), orders, classes),
       el("span", { class: "line turns" }, first, previous, where, next)),
    ladder.element, progress.element, error, heads, list, scales.element, caption);

  const say = (line) => {
    error.textContent = line;
    error.hidden = false;
  };

  function sort(change) {
    Object.assign(state, change, { start: 0, touched: true });
    arrange();
    show();
  }

  function arrange() {
    const values = heldOut.terms[state.term];
    indices = ordered(values, state.term, state.order, heldOut.labels, state.wanted);
    ascending = sorted(indices.map((i) => values[i]));
    ladder.set(ascending);
  }

  function turn(to) {
    state.start = Math.max(0, Math.min(to, PAGE * Math.floor((indices.length - 1) / PAGE)));
    state.touched = true;
    show();
  }

  /** To the page of the image whose term is nearest to a value. */
  function goTo(value) {
    const values = heldOut.terms[state.term];
    let best = 0;
    indices.forEach((i, k) => {
      if (Math.abs(values[i] - value) < Math.abs(values[indices[best]] - value)) best = k;
    });
    turn(PAGE * Math.floor(best / PAGE));
  }

  const pageAt = (start) => indices.slice(start, start + PAGE);
  const models = () => (state.rival ? [model, state.rival] : [model]);

  async function show() {
    const mine = ++newest, { start } = state, page = pageAt(start);
    describe(page);
    if (!page.length) {
      list.replaceChildren(el("p", { class: "words" }, "No held-out image is of this class."));
      return;
    }
    const patience = setTimeout(() => list.classList.add("busy"), 150);
    try {
      const findings = await Promise.all(models().map((one) => ask(one, page)));
      if (mine !== newest) return;
      fill(findings, start);
      if (!failed) error.hidden = true;
      const ahead = pageAt(start + PAGE);
      if (ahead.length && heldOut) for (const one of models()) ask(one, ahead).catch(() => {});
    } catch (problem) {
      if (mine !== newest) return;
      if (heldOut || failed) say(problem.message);      // else what comes for all images says what is wrong
    } finally {
      clearTimeout(patience);
      if (mine === newest) list.classList.remove("busy");
    }
  }

  /** What put an image where it is. */
  function rankOf(index) {
    if (!heldOut || state.order === "given") return null;
    const value = heldOut.terms[state.term][index];
    return Number.isFinite(value) ? `sorted by ${TERMS[state.term][0]} ${figure(value)}` : "not a finite number";
  }

  function fill(findings, start) {
    const end = commonEnd(findings.flat());
    const seen = models().some(binarized);
    scales.set(end);
    heads.replaceChildren(headsOf(seen));
    list.replaceChildren(...findings[0].map((_, k) => createEntry({
      place: count(start + k + 1), ranked: rankOf(findings[0][k].index), end, seen, onexplore, ontake,
      onbounds,
      columns: models().map((one, m) => ({ model: one, finding: findings[m][k] })),
    })));
    const { elbo, reconstruction, kl } = findings[0][0];
    setText(caption, `Each image's own terms in nats: ELBO (${elbo.kind}) and reconstruction (${reconstruction.kind}) `
      + `with one standard error over n = ${elbo.n} draws of q, KL (${kl.kind}). Difference: mean reconstruction − `
      + "what the model saw; uncertainty: standard deviation of E[x|z] over the draws. Click an image to open it in "
      + "Explore. "
      + (heldOut ? `The order is that of ${heldOut.title} with one draw of q each.` : ""));
  }

  function describe(page) {
    const total = heldOut ? indices.length : null;
    const [from, to] = [state.start + 1, state.start + page.length];
    setText(where, page.length ? `${count(from)} to ${count(to)}${total ? ` of ${count(total)}` : ""}` : "none");
    previous.disabled = first.disabled = state.start === 0;
    next.disabled = !heldOut || state.start + PAGE >= indices.length;
    if (!heldOut) return;
    const values = page.map((i) => heldOut.terms[state.term][i]).filter(Number.isFinite);
    ladder.mark(values.length ? [{ from: Math.min(...values), to: Math.max(...values), kind: "z" }] : []);
    redraw();
  }

  return {
    element,
    open: show,
    wait: (state) => progress.show(state),
    /** The terms of all images are known: they can be sorted now, the most typical first until something is chosen. */
    learn(found) {
      heldOut = found;
      failed = false;
      progress.hide();
      for (const control of [terms, orders]) control.disabled = false;
      if (found.labels) {
        const named = (label) => (label < 0 ? "no class" : found.names[label] ?? String(label));
        classes.append(...[...classCounts(found.labels)].map(([label, n]) => (
          el("option", { value: String(label) }, `${named(label)} (${count(n)})`))));
        classes.disabled = false;
      } else classes.hidden = true;
      ladder.element.hidden = false;
      if (!state.touched) state.order = "typical";
      orders.value = state.order;
      arrange();
      show();
    },
    unknown(line) {
      progress.hide();
      failed = true;
      say(line);
    },
    compare(rival) {
      state.rival = rival;
      show();
    },
    draw: (colours) => ladder.draw(colours),
  };
}
