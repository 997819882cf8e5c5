// Nats into what the visitor reads: nats, bits or bits per dimension; log-likelihoods or surprisals. No DOM.
//
// Inside, everything is nats and log-likelihoods, and stays so: only what is written or drawn passes through here.

import { parts } from "./scales.js";

const DIGITS = 7;               // of a number: an error beyond them is not written
const TURNED = { "lower bound": "upper bound", "upper bound": "lower bound" };

const long = (value) => String(Number(value.toPrecision(DIGITS))).replace("-", "−");

/**
 * Args: state with units and sign; pixels, C*H*W of the model's images: the dimensions of "bits per dimension".
 * Returns, always for the state as it is now:
 *   number(nats)   a log-likelihood or a bound of one, in the unit and with the sign of the page;
 *   amount(nats)   a difference, a KL, a gap or an error: the unit only;
 *   nats(number)   back from number;
 *   text(value, stderr, kind), amountText(value, stderr): "−92.1 ± 0.4", without the unit; stderr null: not known;
 *   label()        the unit; kindWord(kind): "lower bound" of log p(x) is an "upper bound" of the surprisal;
 *   name()         "log p(x)" or "surprisal"; turned(): whether surprisals are shown; names() =
 *                  { marginal, bound, gap, better } as the page calls them with this sign.
 */
export function createUnits(state, pixels) {
  const factors = { nats: 1, bits: 1 / Math.LN2, "bits per dimension": 1 / (Math.LN2 * pixels) };
  const factor = () => factors[state.units], turned = () => state.sign === "surprisal";
  const amount = (nats) => (nats === null ? null : nats * factor());
  const number = (nats) => (nats === null ? null : nats * (turned() ? -factor() : factor()));
  const write = (value, stderr) => {
    if (stderr > 0 && stderr < 10 ** -DIGITS * Math.max(1, Math.abs(value))) return long(value);
    const { value: shown, error } = parts({ value: value ?? NaN, stderr });
    return error ? `${shown} ${error}` : shown;
  };
  const kindWord = (kind) => (turned() ? TURNED[kind] ?? kind : kind);
  return {
    number, amount, kindWord,
    nats: (value) => (turned() ? -value : value) / factor(),
    text: (value, stderr = null, kind = null) => (
      write(number(value), amount(stderr)) + (kind ? ` (${kindWord(kind)})` : "")),
    amountText: (value, stderr = null) => write(amount(value), amount(stderr)),
    label: () => state.units,
    turned,
    name: () => (turned() ? "surprisal" : "log p(x)"),
    names: () => (turned()
      ? { marginal: "surprisal −log p(x)", bound: "U = −ELBO", gap: "gap E = U − S", better: "lower is better" }
      : { marginal: "log p(x)", bound: "ELBO", gap: "KL gap", better: "higher is better" }),
  };
}
