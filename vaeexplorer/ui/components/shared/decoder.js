// The decoder document -> a function from z to the mean image. Arithmetic only: no DOM, the same in page and worker.
//
// Document: uint32 little-endian length of the header, JSON header (padded to 8 bytes), then the weights; offsets count
// bytes from the end of the header. Everything between layers is flat and channel-major, as in torch.

import { ACTIVATIONS } from "./activations.js";
import { readDocument as split } from "./documents.js";

/** The document cannot be read; the message is one line for a person. */
export class DecoderError extends Error {}
/** The document is sound but holds a layer that this file does not know: decode on the server instead. */
export class UnknownLayerError extends DecoderError {}

/** Split a document into its JSON header and the offset of its first buffer.  Raises DecoderError. */
export function readDocument(buffer) {
  try {
    return split(buffer);
  } catch {
    throw new DecoderError("The model's document could not be read: it is truncated or of another format.");
  }
}

/** IEEE half precision (as uint16) -> float32, exact. Weights are finite, so infinities need no care. */
function widen(halves) {
  const floats = new Float32Array(halves.length);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    if (half & 0x7c00) bits[i] = ((half & 0x8000) << 16) | (((half & 0x7fff) << 13) + 0x38000000);
    else floats[i] = (half & 0x8000 ? -1 : 1) * (half & 0x3ff) * 2 ** -24;
  }
  return floats;
}

const LANES = 8;

/**
 * A matrix (outputs x inputs) stored for the products below: eight outputs side by side, so that one input value meets eight
 * weights in a row. JavaScript has no vector instructions; eight independent sums keep the processor busy where a
 * single one would wait for its own additions. Row o is weight[start(o)], weight[start(o) + step], ...
 */
function packMatrix(weight, outputs, inputs, start, step) {
  const packed = new Float32Array(Math.ceil(outputs / LANES) * LANES * inputs);
  for (let o = 0; o < outputs; o++) {
    let at = Math.floor(o / LANES) * LANES * inputs + (o % LANES), from = start(o);
    for (let i = 0; i < inputs; i++, at += LANES, from += step) packed[at] = weight[from];
  }
  return packed;
}

/**
 * A function (x, from, y): y = matrix x, the one inner loop of every layer. x starts at `from`; y has room for a whole
 * number of lanes. Inputs that are 0, about half of them after a relu, are left out once for all outputs.
 */
function createProduct(packed, inputs) {
  const value = new Float64Array(inputs), place = new Int32Array(inputs), block = inputs * LANES;
  return (x, from, y) => {
    let count = 0;
    for (let i = 0; i < inputs; i++) {
      const v = x[from + i];
      value[count] = v;
      place[count] = i * LANES;
      count += v === 0 ? 0 : 1;
    }
    for (let o = 0, base = 0; base < packed.length; o += LANES, base += block) {
      sumLanes(packed, base, value, place, count, y, o);
    }
  };
}

/** y[o .. o + 7] = sum over the given inputs of value times its eight weights. */
function sumLanes(packed, base, value, place, count, y, o) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
  for (let k = 0; k < count; k++) {
    const v = value[k], w = base + place[k];
    s0 += v * packed[w];
    s1 += v * packed[w + 1];
    s2 += v * packed[w + 2];
    s3 += v * packed[w + 3];
    s4 += v * packed[w + 4];
    s5 += v * packed[w + 5];
    s6 += v * packed[w + 6];
    s7 += v * packed[w + 7];
  }
  y[o] = s0; y[o + 1] = s1; y[o + 2] = s2; y[o + 3] = s3;
  y[o + 4] = s4; y[o + 5] = s5; y[o + 6] = s6; y[o + 7] = s7;
}

/** Room for `count` outputs of a product. */
const room = (count) => new Float32Array(Math.ceil(count / LANES) * LANES);

/** y = W x + b, W (outputs, inputs) row-major as torch.nn.Linear has it. */
function dense(spec, read) {
  const { inputs, outputs } = spec;
  const weight = read(spec.weight, inputs * outputs), bias = read(spec.bias, outputs);
  const product = createProduct(packMatrix(weight, outputs, inputs, (o) => o * inputs, 1), inputs);
  const whole = room(outputs), y = whole.subarray(0, outputs);
  return {
    inputs, outputs,
    run(x) {
      product(x, 0, whole);
      for (let o = 0; o < outputs; o++) y[o] += bias[o];
      return y;
    },
  };
}

/** Copy a channel-major image into `data` with the channels innermost: one pixel's channels then lie together. */
function channelsLast(x, data, channels, height, width, pitch, at) {
  for (let c = 0, i = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let col = 0, to = at + row * pitch + c; col < width; col++, to += channels) data[to] = x[i++];
    }
  }
}

/** Weights (outputs, inputs, taps) as (outputs, taps, inputs), the order in which a patch is read. */
function tapsFirst(weight, outputs, inputs, taps) {
  const turned = new Float32Array(weight.length);
  for (let o = 0, i = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      for (let tap = 0; tap < taps; tap++) turned[(o * taps + tap) * inputs + c] = weight[i++];
    }
  }
  return turned;
}

/** Convolution, weight (outputs, inputs, k, k) as torch.nn.Conv2d: per output pixel, matrix times patch. */
function conv(spec, read) {
  const { inputs, outputs, kernel, stride, padding } = spec, size = kernel * kernel * inputs;
  const height = Math.floor((spec.height + 2 * padding - kernel) / stride) + 1;
  const width = Math.floor((spec.width + 2 * padding - kernel) / stride) + 1;
  const weight = read(spec.weight, outputs * size), bias = read(spec.bias, outputs);
  const turned = tapsFirst(weight, outputs, inputs, kernel * kernel);
  const product = createProduct(packMatrix(turned, outputs, size, (o) => o * size, 1), size);
  const pitch = (spec.width + 2 * padding) * inputs, run = kernel * inputs;
  const frame = new Float32Array((spec.height + 2 * padding) * pitch), patch = new Float32Array(size);
  const pixel = room(outputs), y = new Float32Array(outputs * height * width);
  return {
    inputs: inputs * spec.height * spec.width, outputs: y.length,
    run(x) {
      channelsLast(x, frame, inputs, spec.height, spec.width, pitch, padding * (pitch + inputs));
      for (let at = 0; at < height * width; at++) {
        const corner = Math.floor(at / width) * stride * pitch + (at % width) * stride * inputs;
        for (let k = 0; k < kernel; k++) {
          for (let i = 0, from = corner + k * pitch; i < run; i++) patch[k * run + i] = frame[from + i];
        }
        product(patch, 0, pixel);
        for (let o = 0; o < outputs; o++) y[o * height * width + at] = pixel[o] + bias[o];
      }
      return y;
    },
  };
}

/**
 * Transposed convolution, weight (inputs, outputs, k, k) as torch.nn.ConvTranspose2d: per input pixel one product gives
 * its k x k stamp, channels innermost, which is added to a frame; the frame is cropped by the padding at the end.
 */
function convTranspose(spec, read) {
  const { inputs, outputs, kernel, stride, padding } = spec, area = kernel * kernel, size = area * outputs;
  const weight = read(spec.weight, inputs * size), bias = read(spec.bias, outputs);
  const start = (o) => (o % outputs) * area + Math.floor(o / outputs);
  const product = createProduct(packMatrix(weight, size, inputs, start, size), inputs);
  const across = (spec.width - 1) * stride + kernel, pitch = across * outputs, run = kernel * outputs;
  const frame = new Float32Array(((spec.height - 1) * stride + kernel) * pitch);
  const pixels = new Float32Array(inputs * spec.height * spec.width), stamp = room(size);
  const height = (spec.height - 1) * stride + kernel - 2 * padding, width = across - 2 * padding;
  const y = new Float32Array(outputs * height * width);
  const press = (corner) => {
    for (let k = 0, i = 0; k < kernel; k++) {
      for (let to = corner + k * pitch, end = to + run; to < end; to++) frame[to] += stamp[i++];
    }
  };
  return {
    inputs: pixels.length, outputs: y.length,
    run(x) {
      channelsLast(x, pixels, inputs, spec.height, spec.width, spec.width * inputs, 0);
      frame.fill(0);
      for (let row = 0, from = 0; row < spec.height; row++) {
        for (let col = 0; col < spec.width; col++, from += inputs) {
          product(pixels, from, stamp);
          press(row * stride * pitch + col * stride * outputs);
        }
      }
      for (let o = 0, i = 0; o < outputs; o++) {
        for (let row = 0; row < height; row++) {
          let from = (row + padding) * pitch + padding * outputs + o;
          for (let col = 0; col < width; col++, from += outputs) y[i++] = frame[from] + bias[o];
        }
      }
      return y;
    },
  };
}

/** An activation, in place on the layer before it. */
function activation(spec, _read, inputs) {
  const apply = ACTIVATIONS[spec.name];
  if (!apply) throw new UnknownLayerError(`The activation “${spec.name}” is not known to this page.`);
  return { inputs, outputs: inputs, run: (x) => (apply(x), x) };
}

/** Keep the first values only (drops the variance half of a Gaussian head). */
function take(spec, _read, inputs) {
  let from = null, part = null;
  return {
    inputs, outputs: spec.count,
    run(x) {
      if (from !== x) [from, part] = [x, x.subarray(0, spec.count)];
      return part;
    },
  };
}

const LAYERS = { dense, conv, conv_transpose: convTranspose, activation, take };

function buildLayers(header, read) {
  let width = header.latent_dim;
  return header.layers.map((spec) => {
    if (!LAYERS[spec.type]) throw new UnknownLayerError(`The layer “${spec.type}” is not known to this page.`);
    const layer = LAYERS[spec.type](spec, read, width);
    if (layer.inputs !== width) {
      throw new DecoderError(`Layer “${spec.type}” expects ${layer.inputs} values but receives ${width}.`);
    }
    width = layer.outputs;
    return layer;
  });
}

/**
 * Build the decoder that a document describes.
 * Returns: { shape [C, H, W], latentDim, decode(z) -> Float32Array of C*H*W means in [0, 1], reused by the next call }.
 * Raises: UnknownLayerError for a layer outside the list above; DecoderError for anything else that does not fit.
 */
export function createDecoder(buffer) {
  const { header, body } = readDocument(buffer);
  const read = (offset, length) => {
    const at = body + offset, bytes = header.dtype === "float16" ? 2 : 4;
    if (!(at + bytes * length <= buffer.byteLength)) throw new DecoderError("The model's document is truncated.");
    return bytes === 2 ? widen(new Uint16Array(buffer, at, length)) : new Float32Array(buffer, at, length);
  };
  const layers = buildLayers(header, read);
  const [channels, height, width] = header.shape;
  if (layers.at(-1)?.outputs !== channels * height * width) {
    throw new DecoderError("The model's last layer does not have the size of its image.");
  }
  const input = new Float32Array(header.latent_dim);
  return {
    shape: header.shape, latentDim: header.latent_dim,
    decode(z) {
      input.set(z);
      let x = input;
      for (const layer of layers) x = layer.run(x);
      return x;
    },
  };
}
