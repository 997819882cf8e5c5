// A picture from the camera, where the browser has one.

import { button, el } from "./dom.js";

/** Why the camera cannot be used, one line. */
const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera.",
  NotFoundError: "The browser found no camera.",
  NotReadableError: "The camera is in use elsewhere.",
};

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** The middle square of a video's present picture as a PNG file. */
function squareOf(video) {
  const side = Math.min(video.videoWidth, video.videoHeight), canvas = el("canvas", { width: side, height: side });
  canvas.getContext("2d").drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side,
                                    0, 0, side, side);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

/** Args: take(blob), say(line).  Returns: { element, stop() }. */
export function createPhoto({ take, say }) {
  const video = el("video", { class: "camera", muted: true, playsInline: true, hidden: true, "aria-label": "camera" });
  let stream = null;
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.hidden = shoot.hidden = end.hidden = true;
    open.hidden = false;
  };
  const start = async () => {
    open.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      video.srcObject = stream;
      await video.play();
      video.hidden = shoot.hidden = end.hidden = false;
      open.hidden = true;
      say("");
    } catch (error) {
      stop();
      say(REASONS[error.name] ?? `The camera cannot be used: ${error.message}`);
    } finally {
      open.disabled = false;
    }
  };
  const open = button(null, "Open the camera", start, { label: "Open the camera" });
  const shoot = button(null, "Take this picture", async () => {
    if (!video.videoWidth) return;
    take(await squareOf(video));
    stop();
  });
  const end = button("stop", "Close", stop, { label: "Close the camera" });
  video.hidden = shoot.hidden = end.hidden = true;
  return { element: el("div", { class: "photo" }, video, el("div", { class: "line" }, open, shoot, end)), stop };
}
