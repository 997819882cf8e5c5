// The table of estimators as a file. No DOM.

import { numberCell } from "./csv.js";
import { partsOf } from "./grd_numbers.js";

/** The rows of the file: names, then a line for each estimator. */
export function csvRows({ rows, target, truth }) {
  const parts = partsOf(rows), number = (value) => numberCell(value ?? NaN);
  const three = (found) => [found?.value, found?.low, found?.high].map(number);
  const names = ["estimator", "title", "objective", "unbiased", "target", "truth", "samples", "replicates",
                 "evaluations", "seconds",
                 ...parts.flatMap((part) => [`variance ${part}`, `low ${part}`, `high ${part}`]),
                 "variance x evaluations", "variance x seconds", "snr", "snr low", "snr high", "cosine of one",
                 "cosine of the mean", "largest z", "limit of z", "biased", "variance from sampling",
                 "variance from images", "warnings"];
  return [names, ...rows.map((row) => [
    row.estimator, row.title, row.objective, String(row.unbiased), target, truth ?? "", String(row.samples),
    String(row.replicates), number(row.evaluations), number(row.seconds),
    ...parts.flatMap((part) => three(row.variance?.[part])), number(row.per_evaluation), number(row.per_second),
    ...three(row.snr), number(row.cosine_of_one), number(row.cosine), number(row.bias?.largest_z),
    number(row.bias?.limit), String(row.bias?.biased ?? ""),
    number(row.minibatch?.sampling), number(row.minibatch?.images), (row.warnings ?? []).join("; "),
  ])];
}
