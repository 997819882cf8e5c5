// The points of a cloud as a camera sees them: all of them at rest, as many as a frame can afford while it moves.

import { Layer } from "./layer.js";

const BUDGET = { moving: 6, first: 30, still: 10 };     // milliseconds of a frame for points
const LEAST = 15_000;           // points that are always drawn while the picture moves
const FRAMES = 7;               // whose cost is remembered
const BEHIND = 0.3;             // opacity of the rest while some points are chosen
const LARGEST = 5, SMALLEST = 0.5, GROWTH = 0.3;        // radius of a point, and how it grows with the zoom

/** Radius of a point in CSS pixels: 4 of a thousand points, 1.1 of 70,000; larger when closer. */
export function radiusFor(count, zoom) {
  const small = Math.max(SMALLEST, Math.min(LARGEST, 4 * (Math.max(count, 1) / 1000) ** -GROWTH));
  return Math.min(LARGEST + 1, small * Math.max(1, zoom) ** GROWTH);
}

/** How many points a frame of a movement can afford, by what the last ones cost. */
export class Pace {
  constructor() {
    Object.assign(this, { limit: Infinity, coarse: false, rates: [] });
  }

  /** A frame took `elapsed` milliseconds for `drawn` of `count` points. */
  note(elapsed, drawn, count) {
    if (drawn < Math.min(count, LEAST)) return;
    this.rates = [...this.rates.slice(1 - FRAMES), drawn / Math.max(elapsed, 0.05)];
    if (this.rates.length < 3) return;          // one slow frame says little: something else was going on
    const affordable = BUDGET.moving * [...this.rates].sort((a, b) => a - b)[this.rates.length >> 1];
    // Changed for good reason only: points that come and go at the end of the order would flicker.
    if (affordable > 0.8 * this.limit && affordable < 1.6 * this.limit) return;
    this.limit = affordable < 1.2 * count ? Math.max(LEAST, Math.round(affordable)) : Infinity;
    // Fewer pixels first: on a fine screen a coarser picture is less of a loss than missing points.
    if (this.limit < count && !this.coarse) [this.coarse, this.limit, this.rates] = [true, Infinity, []];
  }
}

/** Layers for the rest of the points and for the chosen ones, of the picture that moves and of the one at rest. */
export class Painting {
  constructor() {
    this.layers = { still: [new Layer(), new Layer()], moving: [new Layer(), new Layer()] };
    Object.assign(this, { pace: new Pace(), stale: true, moving: false, shown: [] });
  }

  /**
   * Draw what a frame has time for.  Args: scene = { cloud, camera, turning, ratio, page }; moving: whether the view
   * changes just now.   Returns: whether some points are left for the next frame.
   */
  draw(scene, moving) {
    const { groups } = scene.cloud, fresh = this.stale || moving !== this.moving, begin = performance.now();
    this.shown = this.layers[moving ? "moving" : "still"].slice(0, groups.apart ? 2 : 1);
    if (fresh) this.begin(scene, groups, moving);
    else if (moving || this.complete) return false;
    const until = begin + (moving ? 2 * BUDGET.moving : fresh ? BUDGET.first : BUDGET.still);
    const limit = moving ? this.pace.limit : Infinity;
    const drawn = this.shown.reduceRight((sum, layer) => sum + layer.advance(until, limit), 0);
    if (moving) this.pace.note(performance.now() - begin, drawn, scene.cloud.count);
    for (const layer of this.shown) layer.show();
    return !moving && !this.complete;
  }

  get complete() {
    return this.shown.every((layer) => layer.done >= layer.group.count);
  }

  /** How many points the picture has so far. */
  get drawn() {
    return this.shown.reduce((sum, layer) => sum + layer.done, 0);
  }

  /** Empty layers for this view. */
  begin({ cloud: { count, crowd }, camera, turning, ratio, page }, { rest, apart }, moving) {
    const radius = radiusFor(count, camera.zoom), share = rest.count / Math.max(1, count);
    const area = Math.PI * Math.max(radius, 0.6) ** 2 / camera.scale ** 2;      // of a point, in units of the data
    const fine = moving && this.pace.coarse ? Math.min(1, ratio) : ratio;
    const look = { camera, turning, ratio: fine, page, radius, crowd: crowd * area * share };
    this.shown[0].begin(rest, look);
    if (apart) this.shown[1].begin(apart, { ...look, radius: radius + 0.5, crowd: 1 });
    Object.assign(this, { stale: false, moving });
  }

  /** Lay what has been drawn onto a canvas of width x height pixels. */
  lay(context, width, height) {
    this.shown.forEach(({ canvas }, k) => {
      context.globalAlpha = k < this.shown.length - 1 ? BEHIND : 1;
      context.drawImage(canvas, 0, 0, width, height);
    });
    context.globalAlpha = 1;
  }
}
