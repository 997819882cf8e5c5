// From z to pixels: at once in the browser where that is quick enough, else by asking the server.
//
// The large picture is decoded inside the input event. Rows of small pictures are jobs for the worker: one runs at a
// time, urgent ones (nothing is shown yet) first, else first come first served. A job waits under a key and is made
// when its turn comes, so it shows the newest z.

import { UnknownLayerError, createDecoder } from "./decoder.js";
import { decodeRow, writePicture } from "./pictures.js";

const TOO_SLOW = 30;        // ms per image beyond which the server decodes
const TRIALS = 25;          // images over which speed is judged; the first ones run before the engine has compiled them

const STOPPED = new Error("The worker was stopped.");

/** A worker with the decoder document, as a function (zs, count) -> Promise of an RGBA row. */
function startWorker(documentBuffer) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const waiting = new Map();
  let number = 0;
  const failAll = (error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.postMessage({ document: documentBuffer });
  worker.onmessage = ({ data: { id, row, error } }) => {
    const job = waiting.get(id);
    waiting.delete(id);
    if (error) job ? job.reject(new Error(error)) : failAll(new Error(error));
    else job?.resolve(row);
  };
  worker.onerror = () => failAll(new Error("The filmstrips could not be drawn: this browser refused the worker."));
  return {
    row: (zs, count) => new Promise((resolve, reject) => {
      waiting.set(++number, { resolve, reject });
      worker.postMessage({ id: number, zs, count });
    }),
    stop() {
      worker.terminate();
      failAll(STOPPED);
    },
  };
}

/** Latest-wins access to the server's decoder: while one request is under way, only the newest z waits. */
function remoteDecoder(server, paint, report) {
  let busy = false, next = null;
  const send = async () => {
    busy = true;
    const z = next;
    next = null;
    try {
      paint(await server.decode(Float32Array.from(z)));
    } catch (error) {
      report(error);
    }
    busy = false;
    if (next) send();
  };
  return (z) => {
    next = Float64Array.from(z);
    if (!busy) send();
  };
}

/**
 * Args: shape [C, H, W]; canvas the large picture; server (server.js); onServer(reason) when the server takes over;
 * onError(Error).  Returns: { load(buffer), show(z), request(key, make, done, urgent), ... }.
 */
export function createEngine({ shape, canvas, server, onServer, onError }) {
  const [, height, width] = shape;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { alpha: false });
  const picture = new ImageData(width, height), pixels = new Uint32Array(picture.data.buffer);
  const jobs = new Map(), times = [];
  let decoder = null, worker = null, remote = null, running = false, timer = 0, stopped = false, rest = 0, cost = 1;

  const paint = (values) => {
    if (stopped) return;
    writePicture(values, shape, pixels);
    context.putImageData(picture, 0, 0);
  };
  const goRemote = (reason) => {
    remote = remoteDecoder(server, paint, onError);
    worker?.stop();
    worker = null;
    onServer(reason);
  };
  /** Judge the speed by the median of so many images: a busy machine makes single ones slow. */
  const judge = (milliseconds) => {
    times.push(milliseconds);
    if (times.length < TRIALS) return;
    const median = times.sort((a, b) => a - b)[TRIALS >> 1];
    cost = median;
    times.length = 0;
    if (median > TOO_SLOW) goRemote(`an image takes ${Math.round(median)} ms in this browser.`);
  };
  const rowOf = async (zs, count) => {
    if (worker) return worker.row(zs, count);
    const values = await server.decode(zs), size = values.length / count;
    let at = -size;
    return decodeRow(() => values.subarray(at += size, at + size), shape, zs, count);
  };
  const anyUrgent = () => [...jobs.values()].some(({ urgent }) => urgent);
  const runNext = async () => {
    timer = 0;
    const [key, job] = [...jobs].find(([, { urgent }]) => urgent) ?? jobs.entries().next().value;
    jobs.delete(key);
    const made = job.make();
    if (made) {
      running = true;
      const begin = performance.now();
      try {
        const row = await rowOf(made.zs, made.count);
        if (!stopped) job.done(row, made);
      } catch (error) {
        if (error === STOPPED) jobs.set(key, job);      // the server takes it over
        else if (!stopped) onError(error);
      }
      running = false;
      if (jobs.size && !anyUrgent()) return pump(rest * (performance.now() - begin));
    }
    return pump(0);
  };
  const pump = (wait) => {
    if (!running && !timer && !stopped && jobs.size && (worker || remote)) timer = setTimeout(runNext, wait);
  };

  return {
    shape,
    /** True once z can be shown. */
    get ready() { return Boolean(decoder || remote); },
    get remote() { return Boolean(remote); },
    /** Milliseconds an image takes here, as measured so far. */
    get cost() { return remote ? TOO_SLOW : cost; },
    /** Idle time between two rows as a multiple of a row's time; more leaves the processor to the drag. */
    set pause(multiple) { rest = multiple; },
    /** Take the decoder document.  Raises DecoderError if it cannot be read. */
    load(buffer) {
      try {
        decoder = createDecoder(buffer);
      } catch (error) {
        if (!(error instanceof UnknownLayerError)) throw error;
        goRemote(error.message);
      }
    },
    /** Start the worker; apart from `load`, so that the first picture need not wait for it. */
    startRows(buffer) {
      if (remote) return pump(0);
      worker = startWorker(buffer);
      return pump(0);
    },
    /** Decode and paint z now (or soon, where the server decodes). */
    show(z) {
      if (remote) return remote(z);
      const begin = performance.now();
      paint(decoder.decode(z));
      return judge(performance.now() - begin);
    },
    /** Ask for a row: make() -> { zs Float32Array, count, ... } or null when no longer wanted; done(row, made). */
    request(key, make, done, urgent = false) {
      jobs.set(key, { make, done, urgent });
      if (urgent) {
        clearTimeout(timer);
        timer = 0;
      }
      pump(0);
    },
    waiting: (key) => jobs.has(key),
    /** One row now, for an export: Promise of RGBA bytes. */
    row: (zs, count) => rowOf(zs, count),
    stop() {
      stopped = true;
      clearTimeout(timer);
      worker?.stop();
    },
  };
}
