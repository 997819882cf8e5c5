// What lies over the points: contours, ellipses, rings, the lasso. Drawn in CSS pixels through a camera.

const STYLES = {                // kind -> colour of the theme, width, dash, opacity of the area inside
  aggregate: { colour: "encoder", width: 1.4, dash: [], fill: 0 },
  prior: { colour: "z", width: 1.3, dash: [5, 4], fill: 0 },
  hole: { colour: "gap", width: 1.2, dash: [], fill: 0.14 },
  q: { colour: "encoder", width: 1.8, dash: [], fill: 0.16 },
};
const RING = 7, MARK = 5;       // radii in CSS pixels

/** Trace polylines u, v, u, v, ..., separated by a pair of NaN. */
function trace(context, points, camera) {
  let begun = false;
  for (let i = 0; i < points.length; i += 2) {
    if (points[i] !== points[i]) {
      begun = false;
      continue;
    }
    const [x, y] = camera.toPixel(points[i], points[i + 1]);
    if (begun) context.lineTo(x, y);
    else context.moveTo(x, y);
    begun = true;
  }
}

/** Stroke, and fill where the kind has an area, the path that was begun. */
function finish(context, kind, colours) {
  const { colour, width, dash, fill } = STYLES[kind] ?? STYLES.q, tint = colours[colour] ?? colours.text;
  context.strokeStyle = context.fillStyle = tint;
  context.setLineDash(dash);
  context.lineWidth = width;
  if (fill) {
    context.globalAlpha = fill;
    context.fill("evenodd");
    context.globalAlpha = 1;
  }
  context.stroke();
  context.setLineDash([]);
}

/** lines: [{ kind, points }] with kind one of aggregate, prior, hole. */
export function drawContours(context, lines, camera, colours) {
  for (const { kind, points } of lines) {
    context.beginPath();
    trace(context, points, camera);
    finish(context, kind, colours);
  }
}

/** ellipses: [{ centre [u, v], radii [a, b], angle (radians from the u axis, anticlockwise), kind }], in data units. */
export function drawEllipses(context, ellipses, camera, colours) {
  for (const { centre, radii, angle = 0, kind = "q" } of ellipses) {
    const [x, y] = camera.toPixel(...centre);
    context.beginPath();
    context.ellipse(x, y, Math.max(0.5, radii[0] * camera.scale), Math.max(0.5, radii[1] * camera.scale), -angle, 0,
                    2 * Math.PI);
    finish(context, kind, colours);
  }
}

/** A ring around a place, on a halo of the background so that it shows on any point. */
export function drawRing(context, x, y, colours, radius = RING) {
  for (const [width, colour] of [[5, colours.page], [2.2, colours.text]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

/** Small rings, of neighbours or of what was found. */
export function drawMarks(context, places, colours) {
  for (const [x, y] of places) drawRing(context, x, y, { ...colours, text: colours.z ?? colours.text }, MARK);
}

/** The lasso's path so far (x, y, x, y, ... in pixels). */
export function drawLasso(context, path, colours) {
  if (path.length < 4) return;
  context.beginPath();
  context.moveTo(path[0], path[1]);
  for (let i = 2; i < path.length; i += 2) context.lineTo(path[i], path[i + 1]);
  context.closePath();
  context.fillStyle = context.strokeStyle = colours.z ?? colours.text;
  context.globalAlpha = 0.14;
  context.fill("evenodd");
  context.globalAlpha = 1;
  context.lineWidth = 1.8;
  context.setLineDash([6, 4]);
  context.stroke();
  context.setLineDash([]);
}
