// The document of a picture: where the points lie. No DOM.

import { readDocument } from "./documents.js";

/** Read the answer of /vaex/map/picture.  Returns: { header, dims, coordinates (count * dims) }. */
export function readPicture(buffer, count) {
  const { header, body } = readDocument(buffer);
  const coordinates = new Float32Array(buffer, body + header.coordinates, count * header.dims);
  return { header, dims: header.dims, coordinates };
}

const LANES = 0.5;              // height of the strip that one dimension is spread over, in units of its own spread

/** One latent dimension as a line: z1 across, spread up and down at random so that points do not hide one another. */
export function linePicture(codes) {
  const { count, mean } = codes, coordinates = new Float32Array(2 * count);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < count; i++) [low, high] = [Math.min(low, mean[i]), Math.max(high, mean[i])];
  const tall = LANES * (high - low || 1);
  for (let i = 0; i < count; i++) {
    const wave = Math.sin((i + 1) * 12.9898) * 43758.5453;      // evenly spread, the same each time
    coordinates[2 * i] = mean[i];
    coordinates[2 * i + 1] = tall * (wave - Math.floor(wave) - 0.5);
  }
  const caution = "One latent dimension: z1 runs across. Up and down means nothing, it only keeps points apart.";
  return { dims: 2, coordinates, header: { method: "dimensions", axis_titles: ["z1", ""], axes: null, centre: null,
                                           shares: null, caution, window_note: "" } };
}

/** Whether a place of this picture is a z: a straight picture in two axes of a model with two latent dimensions. */
export const isPlane = ({ codes, picture }) => (
  picture.dims === 2 && Boolean(picture.header.axes) && codes.dimensions === 2 && codes.modelDimensions === 2
  && !codes.bits);

/** The z at a place of a plane: its axes are orthonormal. */
export function zAt({ axes, centre }, [u, v]) {
  return Float64Array.from(centre, (c, d) => c + axes[0][d] * u + axes[1][d] * v);
}
