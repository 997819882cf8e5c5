// Numbers and sentences of the Map page. No DOM.

import { count, parts, plain } from "./scales.js";
import { TERMS } from "./map_codes.js";

const METHOD_WORDS = { mean: "means of q(z|x)", sample: "one draw of q(z|x) for each image" };

/** "1,234 points", "1 point". */
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;

/** What one row of a source is called: "test image 17", "point 17". */
export function nameOf(codes, i) {
  const things = { test: "test image", train: "training image", kept: "kept code", course: "code" };
  const step = codes.step ? `, step ${count(codes.step[i])}` : "";
  return `${things[codes.source] ?? (codes.hasImages ? "image" : "point")} ${i}${step}`;
}

/** "test image 17, a “4”" */
export function titleOf(codes, i) {
  const label = codes.labelOf(i);
  return label === null ? nameOf(codes, i) : `${nameOf(codes, i)}, “${label}”`;
}

/** The factors of a point: "shape 2, angle 30". */
export function factorWords(codes, i) {
  return codes.factors.map((factor) => `${factor.name} ${factorValue(factor, factor.index[i])}`).join(", ");
}

/** The value of a factor by its position; numbers to four digits. */
export function factorValue(factor, k) {
  const value = factor.values?.[k];
  return value === undefined || value === null ? String(k) : typeof value === "number" ? plain(value) : String(value);
}

/** The terms of a point as lines: [["ELBO", "−96.1 nats", "from one draw"], ...]. */
export function termLines(codes, i) {
  const kinds = { elbo: "unbiased for a lower bound of log p(x), one draw", reconstruction: "unbiased, one draw",
                  kl: "exact" };
  return Object.keys(TERMS).filter((key) => codes[key])
    .map((key) => [key, TERMS[key], `${plain(Number(codes[key][i].toPrecision(4)))} nats`, kinds[key]]);
}

/** An Estimate for people: { value: "−94.52 ± 0.26", unit, n: "10,000 test images", kind }. */
export function estimateWords(estimate) {
  const { value, error } = parts(estimate), unknown = estimate.stderr === null && estimate.kind !== "exact";
  return {
    value: unknown ? `${value} (error unknown)` : [value, error].filter(Boolean).join(" "),
    unit: estimate.unit || "0 to 1",
    n: `${count(estimate.n)} ${estimate.over}`, kind: estimate.kind,
  };
}

/** What the picture is, one sentence for the caption. */
export function pictureWords(codes, picture, of) {
  const { method, axis_titles: axes, shares } = picture.header;
  const titles = { dimensions: "Latent dimensions", pca: "PCA", tsne: "t-SNE", umap: "UMAP" };
  const what = of === "sample" && codes.source !== "upload" ? METHOD_WORDS.sample : METHOD_WORDS.mean;
  const across = method === "dimensions" ? ` ${axes.filter(Boolean).join(", ")}` : "";
  const held = shares?.reduce((a, b) => a + b, 0);
  const share = shares ? `, ${plain(Number((100 * held).toPrecision(3)))} % of the variance` : "";
  return `${titles[method] ?? method}${across}${share}: ${uploaded(codes) ? "codes as given" : what}.`;
}

export const uploaded = (codes) => codes.source.startsWith("upload");

/** z as people read it: "(0.31, −1.20)", at most `most` numbers. */
export function placeWords(z, most = 6) {
  const shown = Array.from(z).slice(0, most).map((v) => v.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "−"));
  return `(${shown.join(", ")}${z.length > most ? ", …" : ""})`;
}
