// Points into pixels. Each pixel gathers the mean colour of the points on it and how many they were; in the end their
// number becomes its opacity, by its logarithm, so that the middle of a cloud still has a shape. No DOM but ImageData.
//
// A pixel is one number: blue, green, red in the low 24 bits as ImageData has them, the count in the high 8. The colour
// is a running mean over the points in the order in which they come; that order is shuffled by the caller, so no class
// covers another. Beyond MEMORY points the mean forgets, which 8 bits a channel could not tell apart anyway.

const MEMORY = 8;               // points whose mean a pixel is
const FULL = 255;               // the largest count
const HARDLY = 0.22;            // of a pixel
const LONE = 0.85, FAINTEST = 0.4;      // opacity of a point alone: where points are few, and where they are crowded
const FADE = 0.3;               // how quickly the first becomes the second with the logarithm of the crowd

/** Counts that one point adds where it covers a pixel wholly, for up to `crowd` points on a pixel. */
const unitFor = (crowd) => Math.max(1, Math.min(8, Math.floor(FULL / Math.max(1, crowd))));

/** Pixels from the middle of a disc to its last one. */
const reachOf = (radius) => Math.ceil(radius - 0.5);

/**
 * A disc of `radius` pixels on a grid `width` wide, as pairs: offset of a pixel, and the parts of `unit` that are
 * covered, moved to the bits of `steps`. What is hardly covered is left out: it costs as much as the rest.
 */
export function disc(radius, width, unit) {
  const reach = reachOf(radius), pairs = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(1, radius + 0.5 - Math.hypot(dx, dy)), parts = Math.max(1, Math.round(share * unit));
      if (share > HARDLY) pairs.push(dy * width + dx, parts << 8);
    }
  }
  return Int32Array.from(pairs);
}

/**
 * What a point makes of a pixel, by [parts of the unit it covers][count so far]: the new count in the high 8 bits, and
 * in the low 9 how far it pulls the colour, of 256.
 */
function steps(unit) {
  const table = new Int32Array((unit + 1) * 256);
  for (let parts = 1; parts <= unit; parts++) {
    for (let count = 0; count < 256; count++) {
      const share = Math.max(parts / (parts + count), parts / (unit * MEMORY));
      table[parts * 256 + count] = (Math.min(FULL, count + parts) << 24) | Math.round(256 * share);
    }
  }
  return table;
}

/** Opacity (0..255, in the high 8 bits) of each count, where a pixel of a dense region has `crowd` points. */
export function opacities(unit, crowd) {
  const table = new Int32Array(256), log = Math.log(Math.max(crowd, 1));
  const lone = Math.max(FAINTEST, LONE / (1 + FADE * log));
  for (let count = 1; count < 256; count++) {
    const points = count / unit;
    const more = log > 0 ? Math.log(Math.max(1, points)) / log : 0;
    const share = points < 1 ? lone * points : lone + (1 - lone) * Math.min(1, more);
    table[count] = Math.round(255 * share) << 24;
  }
  return table;
}

/** A picture of width x height pixels that points are added to. */
export class Splats {
  constructor() {
    [this.width, this.height] = [0, 0];
  }

  /**
   * Begin an empty picture.  Args: radius of the points in pixels; crowd: how many points lie on a pixel where many do.
   */
  begin(width, height, radius, crowd) {
    // A rim all around, so that no point that is half outside must be cut.
    const edge = 2 * reachOf(radius) + 1, wide = width + 2 * edge, high = height + 2 * edge;
    if (this.wide !== wide || this.high !== high) {
      this.cells = new Int32Array(wide * high);
      this.image = new ImageData(wide, high);
      this.shown = new Int32Array(this.image.data.buffer);
    } else this.cells.fill(0);
    const unit = unitFor(crowd);
    if (this.wide !== wide || this.radius !== radius || this.unit !== unit) {
      this.disc = disc(radius, wide, unit);
      if (this.unit !== unit) this.steps = steps(unit);
    }
    Object.assign(this, { width, height, edge, wide, high, radius, unit, crowd });
  }

  /**
   * Add points number from..to-1: pixel x = us * scale + left, y = top - vs * scale; those outside or NaN are skipped.
   * Args: colours (as pixels of ImageData, opacity ignored).
   */
  add(us, vs, colours, from, to, scale, left, top) {
    const { cells, wide, high, edge, steps, disc } = this, size = disc.length;
    const x0 = left + edge, y0 = top + edge, low = edge >> 1, maxX = wide - low, maxY = high - low;
    for (let i = from; i < to; i++) {
      const x = us[i] * scale + x0, y = y0 - vs[i] * scale;
      if (!(x >= low && x < maxX && y >= low && y < maxY)) continue;
      const at = (y | 0) * wide + (x | 0), colour = colours[i], redBlue = colour & 0xff00ff, green = colour & 0xff00;
      for (let j = 0; j < size; j += 2) {       // no branches, two channels at once: most of the time goes by here
        const place = (at + disc[j]) | 0, old = cells[place], next = steps[disc[j + 1] | (old >>> 24)];
        const pull = next & 0x1ff, oldRedBlue = old & 0xff00ff, oldGreen = old & 0xff00;
        const rb = oldRedBlue + ((Math.imul(redBlue - oldRedBlue, pull) + 0x800080) >> 8);
        const g = oldGreen + ((Math.imul(green - oldGreen, pull) + 0x8000) >> 8);
        cells[place] = (next & 0xff000000) | (rb & 0xff00ff) | (g & 0xff00);
      }
    }
  }

  /** Put the picture on a canvas of the same size.  Args: share of all points that have been added, for the opacity. */
  show(context, share = 1) {
    const { cells, shown, edge } = this, table = opacities(this.unit, Math.max(1, this.crowd * share));
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i];
      shown[i] = cell === 0 ? 0 : (cell & 0xffffff) | table[cell >>> 24];
    }
    context.putImageData(this.image, -edge, -edge);
  }
}
