// The slow walk before the first touch: a smooth curve through prior samples, along the active dimensions.

import { through } from "./path.js";

const SECONDS_PER_SAMPLE = 2.6;
const FRAME = 30;               // ms: half the screen's rate, to be gentle with batteries
const REACH = 0.9;              // of the way from the middle to a sample: a little more typical than typical

/** Samples of the walk: prior draw number n, with the dead dimensions at rest. */
function stop(prior, active, n) {
  const draw = prior.draw(n);
  return draw.map((v, i) => (active[i] ? prior.middle[i] + REACH * (v - prior.middle[i]) : prior.middle[i]));
}

/** The place after `seconds` of walking; `first` is the seed of the first sample. */
export function walkPlace(prior, active, first, seconds) {
  const leg = Math.floor(seconds / SECONDS_PER_SAMPLE), t = seconds / SECONDS_PER_SAMPLE - leg;
  const [p0, p1, p2, p3] = [0, 1, 2, 3].map((k) => stop(prior, active, first + leg + k));
  return through(p0, p1, p2, p3, t);
}

/** For bits: every two thirds of a second one active bit takes its value in the next sample. */
export function walkBits(prior, active, first, seconds) {
  const bits = active.flatMap((on, i) => (on ? [i] : [])), count = Math.max(1, bits.length);
  const step = Math.floor(seconds / 0.65), round = Math.floor(step / count);
  const [from, to] = [prior.draw(first + round), prior.draw(first + round + 1)];
  return from.map((v, i) => (!active[i] ? 0 : bits.indexOf(i) < step - round * count ? to[i] : v));
}

/** Walk until `stop` is called. A hidden tab stands still: the browser gives it no frames.  Returns: { stop }. */
export function startWalk({ place, prior, active, first }) {
  const at = prior.bits ? walkBits : walkPlace;
  let seconds = 0, last = performance.now(), frame = 0;
  const step = (now) => {
    frame = requestAnimationFrame(step);
    const passed = now - last;
    if (passed < FRAME) return;
    last = now;
    seconds += Math.min(passed, 100) / 1000;
    const next = at(prior, active, first, seconds);
    if (!prior.bits || next.some((v, i) => v !== place.z[i])) place.go(next);
  };
  frame = requestAnimationFrame(step);
  return { stop: () => cancelAnimationFrame(frame) };
}
