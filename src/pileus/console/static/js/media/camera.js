// This device as a camera: what MediaRecorder makes goes up a WebSocket, to the end of a source that is pushed to.

import { socketAddress } from "../live.js";

const SLICE_MS = 200;
const KEYFRAME_MS = 2000;
const BEHIND_BYTES_MAX = 8 << 20;
// H.264 first: it is shown and recorded as it is, anything else is encoded anew.
const KINDS = [
  "video/webm;codecs=avc1.42E01F,opus", "video/webm;codecs=h264,opus", "video/x-matroska;codecs=avc1,opus",
  "video/webm;codecs=vp8,opus", "video/webm",
];

/** One recording on its way. `ended(words)` is called once, with the reason where there is one. */
export class Camera {
  #stream;
  #recorder = null;
  #socket = null;
  #isOver = false;

  /** Ask for camera and microphone. Throws an Error in words. */
  static async open(facing) {
    if (!navigator.mediaDevices?.getUserMedia || !("MediaRecorder" in window)) {
      throw new Error("This browser gives cameras only to pages of this machine or over HTTPS.");
    }
    const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25 }, facingMode: facing };
    try {
      return new Camera(await navigator.mediaDevices.getUserMedia({ video, audio: true }));
    } catch (error) {
      if (error.name !== "NotFoundError") throw new Error(`The camera cannot be used: ${error.message}`);
      return new Camera(await navigator.mediaDevices.getUserMedia({ video }));
    }
  }

  constructor(stream) {
    this.#stream = stream;
  }

  /** Send to a place below this page: {path, key}. */
  start(path, key, ended) {
    this.ended = ended;
    this.#socket = new WebSocket(socketAddress(`${path}?key=${encodeURIComponent(key)}`));
    this.#socket.onopen = () => this.#record();
    this.#socket.onclose = ({ reason }) => this.#end(reason || "The platform closed the connection.");
    for (const track of this.#stream.getTracks()) track.addEventListener("ended", () => this.stop());
  }

  #record() {
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    this.#recorder = new MediaRecorder(this.#stream, { mimeType, videoBitsPerSecond: 2_000_000, videoKeyFrameIntervalDuration: KEYFRAME_MS });
    this.#recorder.ondataavailable = ({ data }) => {
      // A container cannot lose bytes: a network that is too slow ends the recording, and says so.
      if (this.#socket.bufferedAmount > BEHIND_BYTES_MAX) this.#end("The network is too slow for this camera.");
      else if (data.size) this.#socket.send(data);
    };
    this.#recorder.onstop = () => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event: "end" }));
      this.#end("");
    };
    this.#recorder.start(SLICE_MS);
  }

  /** Finish in order. */
  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    else this.#end("");
  }

  #end(words) {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const track of this.#stream.getTracks()) track.stop();
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.#socket?.close();
    this.ended?.(words);
  }
}
