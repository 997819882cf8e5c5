// Which moment of the run is shown: now, or a step that was chosen; and the way from one to the other.

import { prefersStillness } from "./theme.js";

const FADE = 320;               // ms from one observation to the next while "now" is followed
const SETTLE = 180;             // ms from where the handle was let go to the snapshot nearest to it
const FILM = 9000;              // ms that a replay of the whole run takes

const ease = (t) => t * t * (3 - 2 * t);

/**
 * `changed()` comes whenever another picture must be drawn, `chosen(step)` when a step was settled on, null for now.
 * Returns: { follow, step, underWay, moving, shown(), go(step, held), settle(), now(), replay(), arrived(frame),
 *            stop(), onReplay }.
 */
export function createMoment(film, changed, chosen) {
  let follow = true, step = 0, held = false, fade = null, travel = null, playing = false;
  const still = prefersStillness();

  const long = (s) => Math.log1p(s);

  /** Where a journey stands at this time; at its end what it was for happens. */
  function advance() {
    if (!travel) return;
    const t = Math.min(1, (performance.now() - travel.start) / travel.time), way = travel.even ? t : ease(t);
    step = Math.expm1(long(travel.from) + way * (long(travel.to) - long(travel.from)));
    if (t < 1) return;
    const { done, to } = travel;
    step = to;
    travel = null;
    done();
  }

  function journey(to, time, even, done) {
    travel = { from: step, to, time, even, start: performance.now(), done };
    changed();
  }

  function halt() {
    travel = null;
    if (playing) self.onReplay(playing = false);
  }

  /** Where the pictures come from: two frames and the way between them. */
  function shown() {
    advance();
    if (follow) {
      const frame = film.now ?? film.known().at(-1);
      if (!frame) return null;
      if (fade) {
        const t = (performance.now() - fade.start) / FADE;
        if (t < 1) return { a: fade.from, b: frame, t: ease(t) };
        fade = null;
      }
      return { a: frame, b: frame, t: 0 };
    }
    film.want(step);
    const around = film.around(step), newest = film.now ?? undefined;
    if (!around) return null;
    if (!still) return { ...around, newest };
    const one = around.t < 0.5 ? around.a : around.b;          // no blending for those who asked for stillness
    return { a: one, b: one, t: 0, newest };
  }

  const self = {
    get follow() { return follow; },
    get step() { return follow ? film.last : step; },
    /** Under way by itself: another picture follows at the next frame. */
    get underWay() { return Boolean(fade || travel); },
    /** Under way, or in the hand. */
    get moving() { return Boolean(held || fade || travel); },
    onReplay: () => {},
    shown,
    /** Look at a step; `hold` while the hand has not let go. */
    go(to, hold) {
      halt();
      fade = null;
      held = hold;
      if (to >= film.last) {
        follow = true;
        step = film.last;
        if (!hold) chosen(null);
      } else {
        follow = false;
        step = Math.max(film.first, to);
        if (!hold) self.settle();
      }
      changed();
    },
    /** Come to rest on the nearest snapshot: what stands still is what was seen, not a blend. */
    settle() {
      held = false;
      if (follow) {
        chosen(null);
        changed();
        return;
      }
      const nearest = film.nearest(step), end = film.last;
      const to = Math.abs(long(end) - long(step)) < Math.abs(long(nearest) - long(step)) ? end : nearest;
      journey(to, still ? 0 : SETTLE, false, () => {
        follow = to >= film.last;
        chosen(follow ? null : to);
      });
    },
    now() {
      halt();
      [follow, held, fade] = [true, false, null];
      chosen(null);
      changed();
    },
    /** See the run from its beginning to now; a second time halts it. */
    replay() {
      if (playing) {
        halt();
        self.settle();
        return;
      }
      [follow, held, fade, step, playing] = [false, false, null, film.first, true];
      self.onReplay(true);
      journey(film.last, FILM, true, () => {
        self.onReplay(playing = false);
        self.now();
      });
    },
    /** A new observation of now: fade to it if it is what is shown. */
    arrived(frame) {
      if (follow && latest && latest !== frame && !still && latest.codes.length === frame.codes.length) {
        fade = { from: latest, start: performance.now() };
      }
      latest = frame;
      changed();
    },
    stop() {
      [travel, fade] = [null, null];
    },
  };
  let latest = null;
  return self;
}
