// The snapshots of a run, fetched once and kept in memory, coarse ones first; and the latest observation.

import { readDocument } from "./documents.js";

const AT_ONCE = 3;              // requests under way
const TRIES = 3;                // for a snapshot that cannot be fetched
const MOST_BYTES = 192 * 2 ** 20;

/** A snapshot document as arrays: what was seen of the model at `step`. */
export function readFrame(buffer) {
  const { header, body } = readDocument(buffer), size = header.shape.reduce((a, b) => a * b, 1);
  const [count, dimensions] = header.codes_shape;
  return {
    step: header.step, shape: header.shape, shown: header.shown, decodedCount: header.decoded_count,
    estimates: header.estimates, kl: header.kl_per_dimension, bytes: buffer.byteLength, count, dimensions,
    reconstructions: new Uint8Array(buffer, body + header.reconstructions, header.shown * size),
    decoded: new Uint8Array(buffer, body + header.decoded, header.decoded_count * size),
    codes: new Float32Array(buffer, body + header.codes, count * dimensions),
  };
}

/** The fixed images of a run as arrays. */
export function readOriginals(buffer) {
  const { header, body } = readDocument(buffer), size = header.shape.reduce((a, b) => a * b, 1);
  return { shape: header.shape, count: header.count, labels: header.labels, shownLabels: header.shown_labels,
           images: new Uint8Array(buffer, body + header.images, header.count * size) };
}

/** The order in which n things are best fetched: the ends, then the middle, then the quarters. */
export function coarseToFine(n) {
  const order = [], seen = new Set();
  const take = (i) => {
    if (i >= 0 && i < n && !seen.has(i)) {
      seen.add(i);
      order.push(i);
    }
  };
  take(n - 1);
  take(0);
  for (let part = 2; order.length < n; part *= 2) {
    for (let k = 1; k < part; k += 2) take(Math.round((k * (n - 1)) / part));
  }
  return order;
}

/** How far apart two steps lie on the time line. */
const apart = (a, b) => Math.abs(Math.log1p(a) - Math.log1p(b));

/** `onFrame(frame)` comes whenever a snapshot has arrived, `onNow(frame)` for the latest observation. */
export class Film {
  constructor(server, { onFrame, onNow }) {
    this.server = server;
    this.onFrame = onFrame;
    this.onNow = onNow;
    this.clear();
  }

  clear() {
    this.resting = true;        // until the latest observation is here
    this.steps = [];            // that the run keeps, ascending
    this.frames = new Map();    // step -> frame
    this.now = null;            // the latest observation
    this.version = null;        // of the latest observation that was asked for
    this.failed = new Map();    // step -> how often it could not be fetched
    this.busy = new Set();
    this.epoch = (this.epoch ?? 0) + 1;
    this.bytes = 0;
    this.sorted = null;         // `known`, until something arrives
  }

  /** What the run has: its kept steps, and the version of its latest observation or null. */
  update(steps, now) {
    this.steps = steps;
    if (now && now.version !== this.version) this.fetchNow(now.version);
    if (!this.resting) this.fill();
  }

  /** Begin to fetch what is not needed yet. */
  prefetch() {
    this.resting = false;
    this.fill();
  }

  get first() {
    return this.steps[0] ?? this.now?.step ?? 0;
  }

  get last() {
    return this.now?.step ?? this.steps.at(-1) ?? 0;
  }

  async fetchNow(version) {
    const { epoch } = this;
    this.version = version;
    try {
      const frame = readFrame(await this.server.snapshot("now", version));
      if (epoch !== this.epoch || this.version !== version) return;
      this.now = frame;
      this.sorted = null;
      if (this.steps.includes(frame.step) && !this.frames.has(frame.step)) this.keep(frame);
      this.onNow(frame);
    } catch {
      if (epoch === this.epoch && this.version === version) this.version = null;      // the next poll tries again
    }
  }

  keep(frame) {
    this.frames.set(frame.step, frame);
    this.sorted = null;
    this.bytes += frame.bytes;
  }

  missing() {
    const given = (step) => this.frames.has(step) || this.busy.has(step) || this.failed.get(step) >= TRIES;
    return this.steps.filter((step) => !given(step));
  }

  fill() {
    const missing = this.missing(), order = coarseToFine(missing.length);
    for (const i of order) {
      if (this.busy.size >= AT_ONCE || this.bytes > MOST_BYTES) return;
      this.fetch(missing[i]);
    }
  }

  async fetch(step) {
    const { epoch, busy } = this;
    busy.add(step);
    try {
      const frame = readFrame(await this.server.snapshot(step));
      if (epoch !== this.epoch) return;
      this.keep(frame);
      this.onFrame(frame);
    } catch {
      if (epoch === this.epoch) this.failed.set(step, (this.failed.get(step) ?? 0) + 1);
    } finally {
      busy.delete(step);
      if (epoch === this.epoch && !this.resting) this.fill();
    }
  }

  /** Fetch the neighbours of a step before all others. */
  want(step) {
    const near = this.missing().sort((a, b) => apart(a, step) - apart(b, step));
    for (const wanted of near.slice(0, 2)) if (this.busy.size < AT_ONCE + 2) this.fetch(wanted);
  }

  /** Frames in memory, by step, the latest observation among them. */
  known() {
    if (!this.sorted) {
      const all = [...this.frames.values()].filter((frame) => frame.step !== this.now?.step);
      this.sorted = (this.now ? [...all, this.now] : all).sort((a, b) => a.step - b.step);
    }
    return this.sorted;
  }

  /** The two frames in memory around a step, and how far between them it lies: { a, b, t } or null without any. */
  around(step) {
    const known = this.known();
    if (!known.length) return null;
    const after = known.findIndex((frame) => frame.step >= step);
    if (after === 0 || known.length === 1) return { a: known[0], b: known[0], t: 0 };
    if (after < 0) return { a: known.at(-1), b: known.at(-1), t: 0 };
    const a = known[after - 1], b = known[after], from = Math.log1p(a.step);
    const t = (Math.log1p(step) - from) / (Math.log1p(b.step) - from);
    return t >= 1 ? { a: b, b, t: 0 } : { a, b, t };
  }

  /** The kept step nearest to one, on the scale of the time line. */
  nearest(step) {
    return this.steps.reduce((best, other) => (apart(other, step) < apart(best, step) ? other : best), this.first);
  }
}
