// What the map begins with: the codes of the images where these are quick, else the kept ones in the meantime. No DOM.

import { Withdrawn } from "./jobs.js";

const AT_ONCE = 350;            // ms that the images' codes may take before the kept ones are shown

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** An answer under way that can still be followed: follow(watch) tells of its progress and can be withdrawn. */
function underWay(ask) {
  let tell = () => {};
  const answer = ask({ onProgress: (state) => tell(state) });
  answer.catch(() => {});               // told where it is followed
  return {
    answer,
    follow({ onProgress, signal }) {
      tell = onProgress;
      return Promise.race([answer, new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Withdrawn("Codes")));
      })]);
    },
  };
}

/**
 * Args: model (data_here, has_codes); server. Returns: { now: the document to show, later: null, or the images' codes
 * under way, with follow(watch) }.
 */
export async function firstCodes({ data_here: here, has_codes: kept }, server) {
  if (!here) return { now: await server.encoded("kept"), later: null };
  const images = underWay((watch) => server.encoded("test", watch));
  const now = await Promise.race([images.answer, pause(AT_ONCE)]).catch(() => null);
  if (now || !kept) return { now: now ?? await images.answer, later: null };
  return { now: await server.encoded("kept"), later: images };
}
