// The film player: which moment is shown, and when the next one is. No DOM but timers.

const PLEASANT = 12_000;        // ms that a whole film takes where its moments allow it
const FASTEST = 60, SLOWEST = 420;      // ms between two moments

/** Milliseconds between two moments of a film with so many of them. */
export const pace = (count) => Math.min(SLOWEST, Math.max(FASTEST, PLEASANT / Math.max(1, count)));

/** How many moments a film will have, by the part of the work that is done. */
export function expected(moments, complete) {
  const done = moments.at(-1)?.fraction ?? 0;
  return complete || done <= 0 ? moments.length : Math.max(moments.length, Math.round(moments.length / done));
}

/** The moment at which a film waits for the visitor: data.hold. */
export const holds = (moment) => moment?.data.hold === true;

/** The moment at which a film waits, next after one or before it; null where there is none (yet). */
export function stepFrom(moments, index, by) {
  const all = moments.map((_, i) => i).filter((i) => holds(moments[i]) && (by > 0 ? i > index : i < index));
  return (by > 0 ? all[0] : all.at(-1)) ?? null;
}

/**
 * Plays moments as they come. Args: onShow(moments, index) to draw one; onState(player) when playing or what there is
 * has changed. `awake`: whether anybody could see it; a film that nobody sees costs nothing.
 */
export class Player {
  constructor({ onShow, onState }) {
    Object.assign(this, { onShow, onState, awake: false, speed: 1, timer: 0 });
    this.begin();
  }

  /** A new film; `from`: the moment that it goes on from, where it has the same beginning as the one before. */
  begin({ from = 0, playing = true } = {}) {
    this.rest();
    Object.assign(this, { fresh: [], complete: false, from, playing });
    if (!this.moments) Object.assign(this, { moments: [], index: -1 });
  }

  /** More moments. Until the first one that is to be seen, the film before stays in sight. */
  add(moments, complete) {
    this.fresh.push(...moments);
    this.complete = complete;
    if (this.moments !== this.fresh && (complete || this.fresh.length > this.from)) {
      this.moments = this.fresh;
      this.index = -1;
      this.seek(Math.min(this.from, this.moments.length - 1), this.playing);
      return;
    }
    if (this.moments === this.fresh) this.go();
    this.onState(this);
  }

  get count() { return this.moments.length; }

  get last() { return this.count - 1; }

  /** Whether all of the film in sight is here. */
  get whole() { return this.complete && this.moments === this.fresh; }

  /** Whether there is nothing behind the present moment, now or later. */
  get ended() { return this.whole && this.index >= this.last; }

  get moment() { return this.moments[this.index] ?? null; }

  /** Show a moment, and play on from there or rest. */
  seek(index, playing = false) {
    this.rest();
    this.index = Math.min(this.last, Math.max(0, index));
    this.onShow(this.moments, this.index);
    this.playing = playing && !this.ended && !holds(this.moment);
    this.go();
    this.onState(this);
  }

  /** One moment on or back. */
  step(by) { this.seek(this.index + by); }

  play() {
    if (this.ended && this.count) {
      this.seek(0, true);
      return;
    }
    this.playing = true;
    this.go(true);
    this.onState(this);
  }

  pause() {
    this.playing = false;
    this.rest();
    this.onState(this);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  wake(awake) {
    if (this.awake === awake) return;
    this.awake = awake;
    if (awake) this.go();
    else this.rest();
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Plan the next moment, if there is one to be seen. */
  go(atOnce = false) {
    const { playing, awake, timer, index, last, moments } = this;
    if (!playing || !awake || timer || index >= last) return;
    const wait = atOnce ? 0 : pace(expected(moments, this.complete)) / this.speed;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.index += 1;
      this.onShow(this.moments, this.index);
      if (this.ended || holds(this.moment)) this.playing = false;
      this.go();
      this.onState(this);
    }, wait);
  }
}
