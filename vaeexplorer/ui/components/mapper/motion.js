// When the view changes: by a hand, by itself, and when it has come to rest.

import { prefersStillness } from "./theme.js";

const REST = 140;               // milliseconds without a movement after which it is over
const GLIDE = 180;              // milliseconds of a movement that no hand makes

/** The changes of a camera (and of a turning, or null).  Args: onChange() is called after each one. */
export class Motion {
  constructor(camera, onChange) {
    Object.assign(this, { camera, onChange, turning: null, moving: false, tween: null, timer: 0 });
  }

  get place() {
    const { camera: { u, v, scale }, turning } = this;
    return [u, v, scale, ...(turning?.matrix ?? [])];
  }

  /** A hand's movement.  Returns: whether it changed anything. */
  move(change) {
    const before = this.place;
    this.tween = null;
    change();
    if (this.place.every((value, k) => value === before[k])) return false;
    this.begin();
    return true;
  }

  begin() {
    this.moving = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), REST);
    this.onChange();
  }

  /** Something else is shown: there is nothing to follow. */
  halt() {
    clearTimeout(this.timer);
    Object.assign(this, { moving: false, tween: null });
    this.onChange();
  }

  /** The hand rests. */
  settle() {
    if (this.moving && !this.tween) this.halt();
  }

  /** Change the view in a short movement, or at once where people prefer stillness. */
  glide(change) {
    const { camera } = this, at = () => [camera.u, camera.v, Math.log(camera.scale)], from = at();
    change();
    if (prefersStillness()) {
      this.halt();
      return;
    }
    this.tween = { from, to: at(), moved: camera.moved, begin: performance.now() };
    this.step();
    this.begin();
  }

  /** One frame of a movement that no hand makes.  Returns: whether there was one. */
  step() {
    if (!this.tween) return false;
    const { from, to, moved, begin } = this.tween, t = Math.min(1, (performance.now() - begin) / GLIDE);
    const eased = t * t * (3 - 2 * t), [u, v, log] = from.map((value, k) => value + eased * (to[k] - value));
    Object.assign(this.camera, { u, v, scale: Math.exp(log), moved });
    if (t < 1) this.begin();
    else this.halt();
    return true;
  }

  stop() {
    clearTimeout(this.timer);
  }
}
