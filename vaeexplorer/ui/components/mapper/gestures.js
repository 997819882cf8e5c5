// From pointers, wheel and keys to what is meant: pan, zoom, turn, hover, click, lasso.

const SLACK = { mouse: 3, pen: 5, touch: 9 };   // CSS pixels that a click may wander
const WHEEL = 0.0015;                           // log of the zoom per pixel of a wheel; a notch is about 100
const PINCH = 0.01;                             // the same for a pinch on a trackpad, which says less
const LINE = 18;                                // pixels of a line, where a wheel counts lines
const STRIDE = 60;                              // pixels that an arrow key moves the picture
const FACTOR = 1.4;                             // of the keys + and -
const TWICE = 350;                              // milliseconds between the clicks of a double click
const NEAR = 12;                                // pixels between them

const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * Listen on a canvas.  Args: act = { pan(dx, dy), turn(dx, dy), zoom(x, y, factor) -> whether it changed anything,
 * reset(), hover(x, y, touch), leave(), click(x, y, touch), doubleClick(x, y), lassoPoint(x, y, first), lassoEnd(done),
 * settle(), lassoing(), turning() -> bool }, places in CSS pixels of the canvas.
 * A drag with Shift held is a lasso too; with three axes a drag turns, and pans with the right button or two fingers.
 * Returns: a function that stops listening.
 */
export function listen(canvas, act) {
  const pointers = new Map();           // id -> { x, y }
  const ended = new AbortController(), options = { signal: ended.signal };
  let press = null;                     // { x, y, kind: "pan" | "turn" | "lasso", far }
  let last = null;                      // the last click, for the double one

  const place = (event) => ({ x: event.offsetX, y: event.offsetY });
  const on = (name, task, more = {}) => canvas.addEventListener(name, task, { ...options, ...more });

  function kindOf(event) {
    if (event.button === 0 && (act.lassoing() || event.shiftKey)) return "lasso";
    return act.turning() && event.button === 0 ? "turn" : "pan";
  }

  on("pointerdown", (event) => {
    if (event.button > 2 || pointers.size >= 2) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 2) {          // a second finger: whatever the first one began is over
      if (press?.kind === "lasso" && press.far) act.lassoEnd(false);
      press = null;
      return;
    }
    press = { ...place(event), kind: kindOf(event), far: false };
  });

  on("pointermove", (event) => {
    const at = place(event), held = pointers.get(event.pointerId), touch = event.pointerType === "touch";
    if (!held) {
      if (!touch) act.hover(at.x, at.y, false);
      return;
    }
    if (pointers.size === 2) pinch(event.pointerId, at);
    else if (press) drag(at, held, SLACK[event.pointerType] ?? 3);
    pointers.set(event.pointerId, at);
  });

  function drag(at, held, slack) {
    if (!press.far) {
      if (Math.hypot(at.x - press.x, at.y - press.y) <= slack) return;
      press.far = true;
      act.leave();
      canvas.dataset.held = press.kind;
      if (press.kind === "lasso") act.lassoPoint(press.x, press.y, true);
      held = press;                     // catch up: the picture stays below the pointer
    }
    if (press.kind === "lasso") act.lassoPoint(at.x, at.y, false);
    else act[press.kind](at.x - held.x, at.y - held.y);
  }

  function pinch(id, at) {
    const [other] = [...pointers].filter(([key]) => key !== id).map(([, value]) => value), held = pointers.get(id);
    const before = Math.hypot(held.x - other.x, held.y - other.y), now = Math.hypot(at.x - other.x, at.y - other.y);
    act.pan((at.x - held.x) / 2, (at.y - held.y) / 2);
    if (before > 1 && now > 1) act.zoom((at.x + other.x) / 2, (at.y + other.y) / 2, now / before);
  }

  function release(event, done) {
    if (!pointers.delete(event.pointerId)) return;
    delete canvas.dataset.held;
    const was = press;
    press = null;
    if (was?.far) {
      if (was.kind === "lasso") act.lassoEnd(done);
      else act.settle();
    } else if (was && done && event.button === 0) click(event);
    if (!was) act.settle();
  }

  function click(event) {
    const at = place(event), touch = event.pointerType === "touch";
    const twice = last && event.timeStamp - last.time < TWICE && Math.hypot(at.x - last.x, at.y - last.y) < NEAR;
    last = twice ? null : { ...at, time: event.timeStamp };
    if (twice) act.doubleClick(at.x, at.y);
    else act.click(at.x, at.y, touch);
  }

  on("pointerup", (event) => release(event, true));
  on("pointercancel", (event) => release(event, false));
  on("pointerleave", () => {
    if (!pointers.size) act.leave();
  });
  on("contextmenu", (event) => {
    if (act.turning()) event.preventDefault();
  });

  on("wheel", (event) => {
    const pixels = event.deltaY * [1, LINE, canvas.clientHeight][event.deltaMode];
    const log = Math.max(-1, Math.min(1, -pixels * (event.ctrlKey ? PINCH : WHEEL)));
    // Where there is nothing more to zoom, the wheel scrolls the page.
    if (act.zoom(event.offsetX, event.offsetY, Math.exp(log)) || event.ctrlKey) event.preventDefault();
  }, { passive: false });

  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2], arrow = ARROWS[event.key];
    if (arrow) {
      const stride = event.shiftKey ? STRIDE * 3 : STRIDE;
      act[act.turning() ? "turn" : "pan"](arrow[0] * stride, arrow[1] * stride);
    } else if (event.key === "+" || event.key === "=") act.zoom(...middle, FACTOR);
    else if (event.key === "-" || event.key === "_") act.zoom(...middle, 1 / FACTOR);
    else if (event.key === "0") act.reset();
    else if (event.key === "Escape" && press?.kind === "lasso") {
      if (press.far) act.lassoEnd(false);
      press = null;
      return;
    } else return;
    event.preventDefault();
    act.settle();
  });

  return () => ended.abort();
}
