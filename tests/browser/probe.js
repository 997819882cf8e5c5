// Watches the large picture from outside, whatever the component's code looks like: every page of a measuring test
// gets this script before its own. Times are performance.now() in milliseconds, so zero is the navigation.
(() => {
  if (window !== window.top) return;
  const probe = {
    firstImage: null, // first picture that is not one flat colour
    recording: false,
    mouse: null, // arrival at the browser of the last mouse movement
    // Slider events not painted yet, oldest first: a paint answers the oldest. Exact when every event is painted, at
    // once or later; where paints are left out the times come out too long, never too short.
    waiting: [],
    picture: 0, // checksum of what the canvas shows
    inputToPixels: [],
    mouseToPixels: [],
    paints: 0,
    shown: new Set(), // checksums seen at animation frames: a picture overwritten within one frame does not count
  };
  window.vaexProbe = probe;

  const checksum = (bytes) => {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    let sum = 2166136261;
    for (let i = 0; i < words.length; i += 1) sum = Math.imul(sum ^ words[i], 16777619) >>> 0;
    return sum;
  };
  const isFlat = (bytes) => {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    return words.every((word) => word === words[0]);
  };

  const painted = (context, now, image) => {
    if (context.canvas.dataset?.testid !== "decoded-image") return;
    if (probe.firstImage !== null && !probe.recording) return;
    const { width, height } = context.canvas;
    const bytes = (image ?? context.getImageData(0, 0, width, height)).data;
    if (probe.firstImage === null && !isFlat(bytes)) probe.firstImage = now;
    if (!probe.recording) return;
    probe.paints += 1;
    probe.picture = checksum(bytes);
    const event = probe.waiting.shift();
    if (event) probe.inputToPixels.push(now - event.input);
    if (event && event.mouse !== null) probe.mouseToPixels.push(now - event.mouse);
  };
  const prototype = CanvasRenderingContext2D.prototype;
  const { putImageData, drawImage } = prototype;
  prototype.putImageData = function (image, ...rest) {
    putImageData.call(this, image, ...rest);
    painted(this, performance.now(), image);
  };
  prototype.drawImage = function (...rest) {
    drawImage.apply(this, rest);
    painted(this, performance.now(), null);
  };

  addEventListener("pointermove", (event) => { probe.mouse = event.timeStamp; }, true);
  addEventListener("input", (event) => {
    if (probe.recording) probe.waiting.push({ input: event.timeStamp, mouse: probe.mouse });
  }, true);

  const frame = () => {
    if (!probe.recording) return;
    if (probe.picture) probe.shown.add(probe.picture);
    requestAnimationFrame(frame);
  };
  probe.start = () => {
    Object.assign(probe, { recording: true, mouse: null, waiting: [], picture: 0, paints: 0 });
    Object.assign(probe, { inputToPixels: [], mouseToPixels: [], shown: new Set() });
    requestAnimationFrame(frame);
  };
  probe.stop = () => {
    probe.recording = false;
    return {
      images: probe.shown.size,
      paints: probe.paints,
      input_to_pixels: probe.inputToPixels,
      mouse_to_pixels: probe.mouseToPixels,
    };
  };
})();
