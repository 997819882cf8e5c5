// How each estimator of the gradient looks, everywhere on the page the same. No DOM.

import { classColours } from "./colours.js";

const COLOURS = 10;             // of classColours
const OWN = "text";             // of one that has no colour of its own: the page's ink

/**
 * Name -> index of its colour. Estimators that never meet share one: ARM needs bits, pathwise a Gaussian. Relatives lie
 * close together: slopes are blue and green, score functions red to yellow, bounds of K samples violet.
 */
const COLOUR = {
  pathwise: 6, pathwise_joint: 5, sticking_the_landing: 3,
  score_function: 0, score_function_mean_baseline: 1, score_function_optimal_baseline: 2,
  score_function_learned_baseline: 9, leave_one_out: 8,
  iwae: 7, doubly_reparameterized: 4,
  arm: 6, disarm: 5, rebar: 3, gumbel_softmax: 7, straight_through: 4,
};

/** The colour of an estimator: CSS, or the name of one of the page's.  Args: theme "dark" or "light". */
export function colourOf(estimator, theme) {
  const index = COLOUR[estimator];
  return index === undefined ? OWN : classColours(theme, COLOURS)[index];
}

/** The same for an element's style. */
export const inkOf = (estimator, theme) => (estimator in COLOUR ? colourOf(estimator, theme) : `var(--${OWN})`);

/** What is looked at before anybody chose: those that differ the most, for Gaussian codes and for bits. */
const FIRST = ["pathwise", "sticking_the_landing", "disarm", "score_function", "leave_one_out",
               "gumbel_softmax", "straight_through"];

/** Up to `most` names of estimators that apply, the telling ones first.  Args: estimators of gradients/about. */
export function telling(estimators, most) {
  const able = estimators.filter(({ applies }) => applies).map(({ name }) => name);
  const first = FIRST.filter((name) => able.includes(name));
  return (first.length ? first : able).slice(0, most);
}
