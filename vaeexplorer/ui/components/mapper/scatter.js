// Many points in a plane or in space on one canvas: seen through a camera, moved by hand, found under the pointer.

import { Camera } from "./camera.js";
import { Cloud } from "./cloud.js";
import { pixelOf } from "./colouring.js";
import { listen } from "./gestures.js";
import { pointsInside, thinned } from "./lasso.js";
import { Motion } from "./motion.js";
import { drawContours, drawEllipses, drawLasso, drawMarks, drawRing } from "./overlays.js";
import { Painting } from "./painting.js";
import { PointIndex, nearestOfAll } from "./point_index.js";
import { drawGrid, drawNumbers, drawTitles, drawTriad } from "./scatter_axes.js";
import { Turning } from "./turning.js";

const INDEX = 4;                // milliseconds of a frame for the index of the points
const AT_ONCE = 100_000;        // points whose index is made without a pause
const HOVER = 9, TOUCH = 20;    // CSS pixels around the pointer in which a point counts
const PLAIN = { text: "#262730", quiet: "#666", edge: "#ddd", page: "#fff", z: "#1878b8", encoder: "#7440e0",
                gap: "#c0302a" };

/**
 * A scatter plot on a canvas.  Args: onView(view()) after each movement and when it has come to rest; onPoint({ kind:
 * "move" | "leave" | "click" | "doubleclick" | "lasso", x, y (CSS pixels), index (or -1), data [u, v], indices }).
 * Colours are pixels as ImageData has them, in a Uint32Array: 0xAABBGGRR. `mode` is "pan" or "lasso".
 */
export class Scatter {
  constructor(canvas, { onView = () => {}, onPoint = () => {} } = {}) {
    Object.assign(this, { canvas, onView, onPoint, mode: "pan", theme: PLAIN, page: 0xffffff });
    this.context = canvas.getContext("2d");
    this.camera = new Camera();
    this.cloud = new Cloud();
    this.painting = new Painting();
    this.motion = new Motion(this.camera, () => this.moved());
    Object.assign(this, { turning: null, axes: null, contours: [], ellipses: [], marks: [], ringed: null, lasso: [] });
    Object.assign(this, { frame: 0, index: null, task: null, told: false });
    if (!canvas.hasAttribute("tabindex")) canvas.tabIndex = 0;
    canvas.style.touchAction = "none";
    this.unlisten = listen(canvas, this.actions());
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(canvas);
    this.measure();
  }

  // ---- what is shown

  /** coordinates: N x dims numbers, dims 2 or 3. Colours stay if their number does; the view starts anew. */
  setPoints(coordinates, dims = 2) {
    const { cloud } = this;
    cloud.setPoints(coordinates, dims);
    if (!cloud.colours) cloud.setColours(new Uint32Array(cloud.count).fill(pixelOf(this.theme.z ?? PLAIN.z)));
    const { centre, reach } = dims === 3 ? cloud.ball : {};
    this.turning = this.motion.turning = dims === 3 ? new Turning(centre, reach) : null;
    this.ringed = null;
    this.indexPoints();
    this.fit();
  }

  /** visible (Uint8Array N, or null for all): points with 0 are neither drawn nor found. */
  setColours(colours, visible = null) {
    this.cloud.setColours(colours, visible);
    this.changed();
  }

  /** These points stand out, the rest steps back; null: all alike. */
  setChosen(indices) {
    this.cloud.choose(indices);
    this.changed();
  }

  /** CSS colours: { text, quiet, edge, page, z, encoder, gap }. */
  setTheme(colours) {
    this.theme = { ...PLAIN, ...colours };
    this.page = pixelOf(this.theme.page);
    this.family = getComputedStyle(this.canvas).fontFamily;
    this.changed();
  }

  /** { titles: [..], numbers: bool } or null: without numbers there is no grid either. */
  setAxes(axes) {
    this.axes = axes;
    this.request();
  }

  setContours({ lines } = { lines: [] }) {
    this.contours = lines ?? [];
    this.request();
  }

  setEllipses(ellipses) {
    this.ellipses = ellipses ?? [];
    this.request();
  }

  /** Small rings around these points. */
  setMarks(indices) {
    this.marks = Array.from(indices ?? []);
    this.request();
  }

  /** The ring around one point, or none. */
  ring(index) {
    const next = index === null || index === undefined || index < 0 ? null : index;
    if (next === this.ringed) return;
    this.ringed = next;
    this.request();
  }

  // ---- the view

  /** Show all points; `more` = [u0, u1, v0, v1] is to be in sight as well. */
  fit(more = this.more) {
    const { cloud, turning, camera } = this;
    this.more = more;
    let [[u0, u1], [v0, v1]] = cloud.reach;
    if (turning) [u0, u1, v0, v1] = [-turning.reach, turning.reach, -turning.reach, turning.reach];
    const [a, b, c, d] = turning || !more ? [u0, u1, v0, v1] : more;
    camera.fit([Math.min(u0, a), Math.max(u1, b), Math.min(v0, c), Math.max(v1, d)]);
    camera.reset();
    this.motion.halt();
  }

  /** { window [u0, u1, v0, v1], scale (CSS pixels per unit), zoom (1: all), moving, dims, turn (rotation or null) }. */
  view() {
    const { camera: { window, scale, zoom }, motion: { moving }, turning, cloud: { dims } } = this;
    return { window, scale, zoom, moving, dims, turn: turning ? Array.from(turning.matrix) : null };
  }

  toData(x, y) {
    return this.camera.toData(x, y);
  }

  toPixel(u, v) {
    return this.camera.toPixel(u, v);
  }

  /** Where a point is on the picture, in CSS pixels. */
  pixelOf(index) {
    const { cloud: { coordinates, dims }, turning, camera } = this, at = coordinates.subarray(index * dims);
    if (!turning) return camera.toPixel(at[0], at[1]);
    const [x, y, z] = turning.centre, [u, v] = turning.seen(at[0] - x, at[1] - y, at[2] - z);
    return camera.toPixel(u, v);
  }

  /** Bring a point into the middle, unless it is well in sight. */
  show(index) {
    const [x, y] = this.pixelOf(index), { width, height } = this.camera;
    if (x > 0.1 * width && x < 0.9 * width && y > 0.1 * height && y < 0.9 * height) return;
    this.motion.glide(() => this.camera.pan(width / 2 - x, height / 2 - y));
  }

  zoomBy(factor, x = this.camera.width / 2, y = this.camera.height / 2) {
    this.motion.glide(() => this.camera.zoomAt(x, y, factor));
  }

  /** Everything again, in a short movement. */
  reset() {
    this.turning?.reset();
    this.motion.glide(() => this.camera.reset());
  }

  // ---- which points

  /** The shown point nearest to a pixel within a radius in CSS pixels, or -1. */
  nearest(x, y, radius = HOVER) {
    const [u, v] = this.toData(x, y), reach = radius / this.camera.scale, { cloud, index } = this;
    if (index?.ready && !this.turning) {
      const k = index.nearest(u, v, reach, cloud.groups.shown);
      return k < 0 ? -1 : cloud.order[k];
    }
    for (const { us, vs, count, index: numbers } of [...this.projected()].reverse()) {
      const k = nearestOfAll(us, vs, count, u, v, reach);
      if (k >= 0) return numbers[k];
    }
    return -1;
  }

  /** Numbers of the shown points inside a polygon (x, y, x, y, ... in CSS pixels, or [[x, y], ...]), ascending. */
  within(polygon) {
    const flat = Array.from(polygon).flat(), corners = [];
    for (let i = 0; i + 1 < flat.length; i += 2) corners.push(...this.toData(flat[i], flat[i + 1]));
    const found = this.projected().map(({ us, vs, count, index }) => pointsInside(corners, us, vs, count, index));
    return found.length === 1 ? found[0] : Uint32Array.from(found.flatMap((each) => Array.from(each))).sort();
  }

  /** The groups as they lie in the plane of the picture. */
  projected() {
    const { cloud: { groups: { rest, apart } }, turning } = this, groups = [rest, apart].filter(Boolean);
    if (!turning) return groups;
    this.seen ??= groups.map(({ us, vs, ws, count, index }) => {
      const [u, v, depth] = [0, 1, 2].map(() => new Float32Array(count));
      turning.project(us, vs, ws, 0, count, u, v, depth);
      return { us: u, vs: v, count, index };
    });
    return this.seen;
  }

  // ---- inside

  /** The grid for the nearest point: at once, or in the time that frames leave. */
  indexPoints() {
    this.index = this.task = null;
    if (this.turning || !this.cloud.count) return;
    this.index = new PointIndex(...this.cloud.axes);
    if (this.cloud.count <= AT_ONCE) this.index.finish();
    else this.task = this.index.build();
  }

  actions() {
    const point = (kind, x, y, radius, more = {}) => this.onPoint({
      kind, x, y, index: this.nearest(x, y, radius), data: this.toData(x, y), ...more });
    return {
      pan: (dx, dy) => this.motion.move(() => this.camera.pan(dx, dy)),
      turn: (dx, dy) => this.motion.move(() => this.turning.turn(dx, dy)),
      zoom: (x, y, factor) => this.motion.move(() => this.camera.zoomAt(x, y, factor)),
      reset: () => this.reset(),
      settle: () => this.motion.settle(),
      hover: (x, y) => point("move", x, y, HOVER),
      leave: () => this.onPoint({ kind: "leave", index: -1, data: null }),
      click: (x, y, touch) => point("click", x, y, touch ? TOUCH : HOVER),
      doubleClick: (x, y) => point("doubleclick", x, y, HOVER),
      lassoPoint: (x, y, first) => {
        if (first) this.lasso = [];
        this.lasso.push(x, y);
        this.request();
      },
      lassoEnd: (done) => this.endLasso(done),
      lassoing: () => this.mode === "lasso",
      turning: () => Boolean(this.turning),
    };
  }

  endLasso(done) {
    const path = thinned(this.lasso, 1.5), [x, y] = path.slice(-2);
    this.lasso = [];
    this.request();
    if (!done) return;
    this.onPoint({ kind: "lasso", x, y, index: -1, data: this.toData(x, y), indices: this.within(path),
                   polygon: Float32Array.from(path) });
  }

  moved() {
    this.told = false;
    this.changed();
  }

  /** Take over the canvas's size on the page.  Returns: whether it is another one. */
  measure() {
    const { clientWidth: width, clientHeight: height } = this.canvas, ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (!w || !h || (this.canvas.width === w && this.canvas.height === h && this.ratio === ratio)) return false;
    [this.canvas.width, this.canvas.height] = [w, h];
    this.ratio = ratio;
    this.camera.resize(width, height);
    this.motion.halt();
    return true;
  }

  resize() {
    if (this.measure()) this.draw();    // a canvas that has just been given a size is empty until it is drawn
  }

  /** The points must be drawn anew. */
  changed() {
    this.seen = null;
    this.painting.stale = true;
    this.request();
  }

  request() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Draw now what must be drawn, and ask for another frame if something is left. */
  draw() {
    if (!this.ratio || this.stopped) return;
    this.motion.step();
    const left = this.painting.draw(this, this.motion.moving), drawn = String(this.painting.drawn);
    if (this.canvas.dataset.drawn !== drawn) this.canvas.dataset.drawn = drawn; // for measuring
    this.compose();
    this.tell();
    if (left || this.motion.tween || this.work()) this.request();
  }

  compose() {
    const { context, camera, theme, ratio, canvas, axes, turning, cloud } = this;
    const flat = !turning, family = this.family ?? "sans-serif", titles = axes?.titles ?? [];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (flat && axes?.numbers) drawGrid(context, camera, theme);
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.painting.lay(context, canvas.width, canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (flat) {
      drawContours(context, this.contours, camera, theme);
      drawEllipses(context, this.ellipses, camera, theme);
    }
    if (flat && axes?.numbers) drawNumbers(context, camera, titles, theme, family);
    else if (flat) drawTitles(context, camera, titles, theme, family);
    else drawTriad(context, camera, turning, titles, theme, family);
    drawMarks(context, this.marks.filter((i) => i < cloud.count).map((i) => this.pixelOf(i)), theme);
    if (this.ringed !== null && this.ringed < cloud.count) drawRing(context, ...this.pixelOf(this.ringed), theme);
    drawLasso(context, this.lasso, theme);
  }

  tell() {
    if (this.told) return;
    this.told = true;
    this.onView(this.view());
  }

  /** Go on with the index for a moment.  Returns: whether there is more to do. */
  work() {
    if (!this.task || this.motion.moving) return Boolean(this.task);
    const end = performance.now() + INDEX;
    while (performance.now() < end) {
      if (!this.task.next().done) continue;
      this.task = null;
      return false;
    }
    return true;
  }

  stop() {
    this.stopped = true;
    cancelAnimationFrame(this.frame);
    this.motion.stop();
    this.sizes.disconnect();
    this.unlisten();
  }
}
