// The rows of a run's metrics as columns of numbers: what the curves, the heat map and the figures read. No DOM.

const TRAIN = ["elbo", "reconstruction", "kl", "gradient_norm", "learning_rate", "beta", "images", "epoch", "seconds"];
export const HELD_OUT = ["elbo", "reconstruction", "kl", "subo", "surprisal", "gap"];
const MOST_CELLS = 4e6;         // numbers of the heat map in memory; more rows are thinned, the older ones with them

/** An array of numbers that grows. */
class Column {
  constructor() {
    this.values = new Float64Array(256);
    this.length = 0;
  }

  push(value) {
    if (this.length === this.values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  at(i) {
    return this.values[i];
  }
}

const columns = (names) => Object.fromEntries(names.map((name) => [name, new Column()]));
const number = (value) => (typeof value === "number" ? value : NaN);

/** Index of the last step that is not above `step`, -1 if all are. Steps ascend. */
export function lastUpTo(steps, step) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps.at(middle) <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** KL of each dimension, row after row. */
class Cells {
  constructor() {
    this.steps = [];
    this.rows = [];
  }

  push(step, kl) {
    this.steps.push(step);
    this.rows.push(Float32Array.from(kl));
    if (this.rows.length * kl.length > MOST_CELLS && this.rows.length > 400) {
      this.steps = this.steps.filter((_, i) => i % 2 === 0);
      this.rows = this.rows.filter((_, i) => i % 2 === 0);
    }
  }
}

/** What is known of a run. */
export class Rows {
  constructor() {
    this.clear();
  }

  clear() {
    this.train = { step: new Column(), ...columns(TRAIN) };
    this.held = { step: new Column(), ...columns(HELD_OUT), ...columns(HELD_OUT.map((name) => `${name}_error`)) };
    this.about = {};                    // name -> the latest estimate, which says n, kind, over and unit
    this.cells = new Cells();           // KL in training
    this.heldCells = new Cells();       // KL on held-out images
  }

  get length() {
    return this.train.step.length;
  }

  /** The last step that has a row, 0 if there is none. */
  get last() {
    return this.length ? this.train.step.at(this.length - 1) : 0;
  }

  get dimensions() {
    return this.cells.rows.at(-1)?.length ?? 0;
  }

  /** Take new rows; one that is not beyond the last is known already and left out. */
  add(rows) {
    for (const row of rows) {
      if (!Number.isFinite(row.step) || (this.length && row.step <= this.last)) continue;
      this.train.step.push(row.step);
      for (const name of TRAIN) this.train[name].push(number(row[name]));
      if (Array.isArray(row.kl_per_dimension)) this.cells.push(row.step, row.kl_per_dimension);
      if (Array.isArray(row.held_out) && row.held_out.length) this.addHeldOut(row);
    }
  }

  addHeldOut(row) {
    const found = Object.fromEntries(row.held_out.map((estimate) => [estimate.name, estimate]));
    this.held.step.push(row.step);
    for (const name of HELD_OUT) {
      this.held[name].push(number(found[name]?.value));
      this.held[`${name}_error`].push(number(found[name]?.stderr));
      if (found[name]) this.about[name] = found[name];
    }
    if (Array.isArray(row.held_out_kl)) this.heldCells.push(row.step, row.held_out_kl);
  }

  /** A held-out estimate as it was last measured up to `step`: { ...estimate, step }, or null. */
  heldAt(name, step) {
    const i = lastUpTo(this.held.step, step);
    if (i < 0 || !this.about[name] || Number.isNaN(this.held[name].at(i))) return null;
    return { ...this.about[name], value: this.held[name].at(i), stderr: this.held[`${name}_error`].at(i),
             step: this.held.step.at(i) };
  }

  /** KL of each dimension on held-out images (in training where there is none) up to `step`: Float32Array or null. */
  klAt(step) {
    for (const cells of [this.heldCells, this.cells]) {
      const i = lastUpTo(cells.steps, step);
      if (i >= 0) return cells.rows[i];
    }
    return null;
  }
}
