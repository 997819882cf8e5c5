// The real images of the points: fetched a few at a time, kept while there is room. No DOM.

import { readDocument } from "./documents.js";

const BYTES = 48 * 2 ** 20;     // of images kept
const MOST = 100;               // images in one question

/**
 * Args: server. Returns: { use(codes), get(i) -> Uint8Array or null, want(indices) -> Promise once all are here,
 * shape }. After use() with other codes, answers about the old ones are dropped.
 */
export function createImageStore(server) {
  let codes = null, kept = new Map(), asked = new Map(), shape = null, size = 0;

  function keep(index, bytes) {
    kept.set(index, bytes);
    size += bytes.length;
    for (const [old, its] of kept) {
      if (size <= BYTES) break;
      kept.delete(old);
      size -= its.length;
    }
  }

  async function fetchSome(indices) {
    const mine = codes, buffer = await server.images(mine.source, indices);
    if (mine !== codes) return;
    const { header, body } = readDocument(buffer), each = header.shape.reduce((a, b) => a * b, 1);
    shape = header.shape;
    indices.forEach((index, k) => keep(index, new Uint8Array(buffer, body + header.images + k * each, each)));
  }

  return {
    use(next) {
      codes = next;
      [kept, asked, size] = [new Map(), new Map(), 0];
    },
    get shape() { return shape; },
    get: (index) => kept.get(index) ?? null,
    async want(indices) {
      if (!codes?.hasImages) return;
      const waiting = new Set(), fresh = [];
      for (const index of indices) {
        if (kept.has(index)) continue;
        if (asked.has(index)) waiting.add(asked.get(index));
        else fresh.push(index);
      }
      for (let from = 0; from < fresh.length; from += MOST) {
        const some = fresh.slice(from, from + MOST), table = asked;
        const task = fetchSome(some).finally(() => some.forEach((index) => table.delete(index)));
        some.forEach((index) => table.set(index, task));
        waiting.add(task);
      }
      await Promise.all(waiting);
    },
  };
}
