// Pictures on their way from the server to the canvas: encoded ones wait, a few are decoded ahead.
//
// Two kinds with one face: H.264 over a WebSocket into WebCodecs, and JPEGs out of a multipart
// response where VideoDecoder is missing. Both tell each picture's pts, so boxes match on both. The
// form of the records is the preview hub's (pileus/media/preview.py).

import { socketAddress } from "./live.js";

const HEADER_BYTES = 21;
const KIND = { picture: 0, key: 1, description: 3 };
const AHEAD = 8;
const WAITING_MAX = 3000;
const WAITING_BYTES_MAX = 96 << 20;
const JUMP_MS = 1500;
const RESTART_MS = 1000;
const SOON_MS = 600;
const RETRY_MS = 1000;

/** Encoded units in order of arrival; decoded pictures in order of time. */
class PictureStream {
  /** @param {string} path where the server has the pictures: "preview/lobby" */
  constructor(path, tell) {
    this.path = path;
    this.tell = tell;
    this.units = [];
    this.bytes = 0;
    this.ready = [];
    this.skipped = 0;
    this.lastPts = -Infinity;
    this.lastCapturedAt = -Infinity;
    this.isClosed = false;
    this.hasShown = false;
    this.size = null;
  }

  /** A unit arrived: {pts, capturedAt, isKey, data}. */
  take(unit) {
    if (unit.pts < this.lastPts - RESTART_MS && unit.capturedAt > this.lastCapturedAt) {
      // Taken later, yet earlier in the source's own time: the source began anew.
      this.forget();
      this.tell.restarted();
    }
    this.lastPts = unit.pts;
    this.lastCapturedAt = unit.capturedAt;
    this.units.push(unit);
    this.bytes += unit.data.byteLength;
    if (this.units.length > WAITING_MAX || this.bytes > WAITING_BYTES_MAX) this.dropTo(this.units.length >> 1);
    this.tell.arrived(unit.pts, unit.capturedAt);
  }

  /**
   * The newest picture not after `target`: {pts, image, close}; null when there is no newer one.
   * @param {number} rate source milliseconds per millisecond
   */
  pictureFor(target, rate) {
    const speed = Math.max(1, rate);
    this.jumpTo(target, JUMP_MS * speed);
    this.decodeAhead(target + SOON_MS * speed);
    let found = null;
    while (this.ready.length && this.ready[0].pts <= target + 1) {
      found?.close();
      found = this.ready.shift();
    }
    if (found) this.hasShown = true;
    return found;
  }

  /** When the shown moment has left the waiting units far behind, go on at the nearest keyframe. */
  jumpTo(target, behindMs) {
    if (!this.units.length || this.units[0].pts >= target - behindMs) return;
    let at = -1;
    this.units.forEach((unit, index) => { if (unit.isKey && unit.pts <= target) at = index; });
    if (at > 0) this.dropTo(at);
  }

  /** Drop waiting units up to the first keyframe at or after `index`. */
  dropTo(index) {
    while (index < this.units.length && !this.units[index].isKey) index += 1;
    const dropped = this.units.splice(0, index);
    for (const unit of dropped) this.bytes -= unit.data.byteLength;
    // What is older than the first picture shown was never meant to be.
    if (this.hasShown) this.skipped += dropped.length;
  }

  shift() {
    const unit = this.units.shift();
    this.bytes -= unit.data.byteLength;
    return unit;
  }

  forget() {
    this.units = [];
    this.bytes = 0;
    for (const picture of this.ready) picture.close();
    this.ready = [];
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.forget();
  }
}

/** H.264 access units (Annex B) through a WebSocket and a VideoDecoder. */
export class H264Stream extends PictureStream {
  name = "H.264 · WebCodecs";

  constructor(path, tell) {
    super(path, tell);
    this.faults = 0;
    this.codec = "";
    this.needsKey = true;
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(socketAddress(this.path));
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.parse(event.data);
    this.socket.onclose = () => {
      // The seconds that the platform holds come again with the next connection.
      this.forget();
      if (!this.isClosed) this.timer = setTimeout(() => this.connect(), RETRY_MS);
    };
  }

  parse(message) {
    const view = new DataView(message);
    const kind = view.getUint8(0);
    const data = new Uint8Array(message, HEADER_BYTES, view.getUint32(17, true));
    if (kind === KIND.description) {
      const { codec, width, height } = JSON.parse(new TextDecoder().decode(data));
      this.size = [width, height];
      this.nextCodec = codec;
    } else {
      const [pts, capturedAt] = [Number(view.getBigInt64(1, true)), Number(view.getBigInt64(9, true))];
      this.take({ pts, capturedAt, isKey: kind === KIND.key, data, codec: this.nextCodec });
    }
  }

  decodeAhead(until) {
    while (this.units.length && this.ready.length + (this.decoder?.decodeQueueSize ?? 0) < AHEAD) {
      const next = this.units[0];
      if (next.pts > until) return;
      if (this.needsKey && !next.isKey) {
        this.shift();
        this.skipped += 1;
        continue;
      }
      this.decode(this.shift());
    }
  }

  decode(unit) {
    if (!this.decoder || this.codec !== unit.codec) this.configure(unit.codec);
    if (this.decoder.state !== "configured") return;
    this.needsKey = false;
    const type = unit.isKey ? "key" : "delta";
    this.decoder.decode(new EncodedVideoChunk({ type, timestamp: Math.round(unit.pts * 1000), data: unit.data }));
  }

  configure(codec) {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = new VideoDecoder({
      output: (frame) => this.keep(frame),
      error: (error) => this.fail(error),
    });
    this.codec = codec;
    this.decoder.configure({ codec, optimizeForLatency: true });
  }

  keep(frame) {
    if (this.isClosed) {
      frame.close();
      return;
    }
    this.ready.push({ pts: frame.timestamp / 1000, image: frame, close: () => frame.close() });
  }

  /** A broken unit costs a group of pictures; a decoder that keeps failing is given up. */
  fail(error) {
    this.decoder = null;
    this.needsKey = true;
    this.faults += 1;
    if (this.faults >= 3) this.tell.unable(String(error.message ?? error));
  }

  forget() {
    super.forget();
    this.needsKey = true;
    if (this.decoder?.state === "configured") this.decoder.reset();
    this.codec = "";
  }

  close() {
    super.close();
    this.socket.close();
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
  }
}

/** JPEG pictures out of a multipart/x-mixed-replace response. */
export class JpegStream extends PictureStream {
  name = "MJPEG";

  constructor(path, tell) {
    super(path, tell);
    this.decoding = 0;
    this.connect();
  }

  async connect() {
    this.abort = new AbortController();
    try {
      const response = await fetch(`${this.path}.mjpeg`, { signal: this.abort.signal });
      if (response.ok) await this.read(response.body.getReader());
    } catch {
      // Ended by us, or the platform went away: the live socket tells the user, we only come back.
    }
    this.forget();
    if (!this.isClosed) this.timer = setTimeout(() => this.connect(), RETRY_MS);
  }

  async read(reader) {
    let waiting = new Uint8Array(0);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const joined = new Uint8Array(waiting.length + value.length);
      joined.set(waiting);
      joined.set(value, waiting.length);
      waiting = this.parts(joined);
    }
  }

  /** Take every whole part; the bytes left over. */
  parts(bytes) {
    for (;;) {
      const headEnd = indexOfBlankLine(bytes);
      if (headEnd < 0) return bytes;
      const head = new TextDecoder().decode(bytes.subarray(0, headEnd));
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
      const pts = Number(/x-pts-ms: *(-?\d+)/i.exec(head)?.[1]);
      const capturedAt = Number(/x-captured-at-ms: *(\d+)/i.exec(head)?.[1]);
      const end = headEnd + 4 + length;
      if (bytes.length < end + 2) return bytes;
      this.take({ pts, capturedAt, isKey: true, data: bytes.slice(headEnd + 4, end) });
      bytes = bytes.subarray(end + 2);
    }
  }

  decodeAhead(until) {
    while (this.units.length && this.ready.length + this.decoding < AHEAD && this.units[0].pts <= until) {
      const unit = this.shift();
      this.decoding += 1;
      createImageBitmap(new Blob([unit.data], { type: "image/jpeg" }))
        .then((image) => this.keep(unit.pts, image), () => { this.skipped += 1; })
        .finally(() => { this.decoding -= 1; });
    }
  }

  keep(pts, image) {
    if (this.isClosed) {
      image.close();
      return;
    }
    this.size = [image.width, image.height];
    this.ready.push({ pts, image, close: () => image.close() });
    this.ready.sort((one, other) => one.pts - other.pts);
  }

  close() {
    super.close();
    this.abort.abort();
  }
}

function indexOfBlankLine(bytes) {
  for (let at = bytes.indexOf(13); at >= 0 && at + 3 < bytes.length; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}
