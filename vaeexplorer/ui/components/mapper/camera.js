// Which part of the plane is in sight: one scale for both axes, so that circles stay circles; up is up. No DOM.

export const NEAREST = 20_000;          // times closer than the whole: beyond, float32 coordinates begin to show
export const FARTHEST = 0.2;            // of the scale that shows everything
const ROOM = 0.05;                      // of the picture, left free at each side of what is fitted

/** The view of a plane in a picture of width x height CSS pixels. */
export class Camera {
  constructor() {
    [this.width, this.height] = [1, 1];
    this.home = { u: 0, v: 0, halfU: 1, halfV: 1 };
    Object.assign(this, { u: 0, v: 0, scale: 1, moved: false });
  }

  /** CSS pixels per unit at which all that `fit` was told is in sight. */
  get homeScale() {
    const { halfU, halfV } = this.home, inside = 1 - 2 * ROOM;
    return inside * Math.min(this.width / (2 * halfU), this.height / (2 * halfV));
  }

  /** How much closer than the whole. */
  get zoom() {
    return this.scale / this.homeScale;
  }

  /** The picture has another size: the middle and how close stay, and what showed everything still does. */
  resize(width, height) {
    const { zoom } = this;
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
    if (this.moved) this.scale = zoom * this.homeScale;
    else this.reset();
  }

  /** What `reset` shows from now on: [u0, u1, v0, v1]. */
  fit([u0, u1, v0, v1]) {
    const size = Math.max(u1 - u0, v1 - v0), least = size > 0 ? size * 1e-3 : 1;
    this.home = { u: (u0 + u1) / 2, v: (v0 + v1) / 2,
                  halfU: Math.max(u1 - u0, least) / 2, halfV: Math.max(v1 - v0, least) / 2 };
  }

  reset() {
    Object.assign(this, { u: this.home.u, v: this.home.v, scale: this.homeScale, moved: false });
  }

  /** Move the picture by CSS pixels. */
  pan(dx, dy) {
    this.u -= dx / this.scale;
    this.v += dy / this.scale;
    this.moved = true;
    this.hold();
  }

  /** Closer by a factor, the point under pixel (x, y) staying where it is. */
  zoomAt(x, y, factor) {
    const [u, v] = this.toData(x, y), { homeScale } = this;
    this.scale = Math.min(NEAREST * homeScale, Math.max(FARTHEST * homeScale, this.scale * factor));
    this.u = u - (x - this.width / 2) / this.scale;
    this.v = v + (y - this.height / 2) / this.scale;
    this.moved = true;
    this.hold();
  }

  /** Whether one more step away would change nothing. */
  get farthest() {
    return this.scale <= FARTHEST * this.homeScale * 1.0001;
  }

  /** Do not lose the points: the middle of the picture stays near what `fit` was told. */
  hold() {
    const { u, v, halfU, halfV } = this.home, half = Math.max(halfU, halfV) * 1.2;
    const slackU = half + this.width / (3 * this.scale), slackV = half + this.height / (3 * this.scale);
    this.u = Math.min(u + slackU, Math.max(u - slackU, this.u));
    this.v = Math.min(v + slackV, Math.max(v - slackV, this.v));
  }

  toPixel(u, v) {
    return [this.width / 2 + (u - this.u) * this.scale, this.height / 2 - (v - this.v) * this.scale];
  }

  toData(x, y) {
    return [this.u + (x - this.width / 2) / this.scale, this.v - (y - this.height / 2) / this.scale];
  }

  /** [u0, u1, v0, v1] of what is in sight. */
  get window() {
    const [u0, v1] = this.toData(0, 0), [u1, v0] = this.toData(this.width, this.height);
    return [u0, u1, v0, v1];
  }
}
