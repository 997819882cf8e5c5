// One group of points as a picture of its own: drawn in slices, so that no frame waits long for a million of them.

import { Splats } from "./splats.js";

const CHUNK = 16_384;           // points between two looks at the clock
const EYE = 0.45;               // how much of their colour the farthest of three-dimensional points keep

/** The picture of one group on a canvas of its own, which is laid below the overlays. */
export class Layer {
  constructor() {
    this.splats = new Splats();
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.group = null;
    this.done = 0;
  }

  /**
   * Begin anew.  Args: group (cloud.js); camera; turning or null; ratio (device pixels per CSS pixel); radius in CSS
   * pixels; crowd: points on a pixel where there are many; page: the background's colour as a pixel.
   */
  begin(group, { camera, turning, ratio, radius, crowd, page }) {
    const width = Math.round(camera.width * ratio), height = Math.round(camera.height * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
    }
    this.splats.begin(width, height, radius * ratio, crowd);
    const scale = camera.scale * ratio, turned = turning ? [0, 0] : null, [u, v] = turned ?? [0, 0];
    // Whole pixels: while the picture is moved, points keep their places among each other and do not shimmer.
    const left = Math.round(width / 2 + (u - camera.u) * scale), top = Math.round(height / 2 + (camera.v - v) * scale);
    Object.assign(this, { group, turning, page, scale, left, top, done: 0 });
  }

  /** Draw on until `limit` points are done or the clock says `deadline`.  Returns: how many have been drawn by this. */
  advance(deadline, limit = Infinity) {
    const { group: { count }, done } = this, end = Math.min(count, limit);
    while (this.done < end) {
      const next = Math.min(end, this.done + CHUNK);
      if (this.turning) this.addTurned(this.done, next);
      else {
        const { us, vs, colours } = this.group;
        this.splats.add(us, vs, colours, this.done, next, this.scale, this.left, this.top);
      }
      this.done = next;
      if (performance.now() > deadline) break;
    }
    return this.done - done;
  }

  /** Points as they are turned, the nearer ones later and stronger. */
  addTurned(from, to) {
    const size = to - from, { turning, group: { us, vs, ws, colours } } = this;
    this.room ??= { us: new Float32Array(CHUNK), vs: new Float32Array(CHUNK), depths: new Float32Array(CHUNK),
                    order: new Uint32Array(CHUNK), u: new Float32Array(CHUNK), v: new Float32Array(CHUNK),
                    colours: new Uint32Array(CHUNK) };
    const { room, page } = this;
    turning.project(us, vs, ws, from, to, room.us, room.vs, room.depths);
    turning.sort(room.depths, size, room.order);
    for (let k = 0; k < size; k++) {
      const i = room.order[k], near = Math.max(0, Math.min(1, (room.depths[i] / turning.reach + 1) / 2));
      const keep = Math.round(256 * (EYE + (1 - EYE) * near)), away = 256 - keep, colour = colours[from + i];
      const rb = ((Math.imul(colour & 0xff00ff, keep) + Math.imul(page & 0xff00ff, away)) >>> 8) & 0xff00ff;
      const g = ((Math.imul(colour & 0xff00, keep) + Math.imul(page & 0xff00, away)) >>> 8) & 0xff00;
      room.colours[k] = rb | g;
      [room.u[k], room.v[k]] = [room.us[i], room.vs[i]];
    }
    this.splats.add(room.u, room.v, room.colours, 0, size, this.scale, this.left, this.top);
  }

  /** Bring what has been drawn so far onto the canvas. */
  show() {
    this.splats.show(this.context, this.group.count ? this.done / this.group.count : 1);
  }
}
