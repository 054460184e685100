// A source's recording in a video element: segments are fetched around the moment shown, as MP4, each whole by itself.
// A browser without Media Source Extensions (iPhones) plays the HLS playlist instead.

const AHEAD_MS = 12_000;
const BEHIND_MS = 30_000;
const FILL_MS = 250;

export class Recording {
  #segments = [];
  #held = new Map();
  #source = null;
  #buffer = null;
  #isBusy = false;
  #timer = 0;
  #offsetMs = 0;
  #framePts = null;

  /**
   * @param {(rest: string) => string} path where the server has parts of this source
   * @param {{failed: (words: string) => void}} tell
   */
  constructor(video, path, tell) {
    this.video = video;
    this.path = path;
    this.tell = tell;
  }

  /** Segments in order: {id, start_ms, stop_ms, captured_at_ms}. */
  set segments(segments) {
    this.#segments = segments;
  }

  /** The moment shown, on the source's clock. */
  get pts() {
    return this.#framePts ?? this.video.currentTime * 1000 + this.#offsetMs;
  }

  /** Show a moment; the nearest that was recorded. */
  seek(pts) {
    const at = this.#near(pts);
    if (at === null) return;
    if (!this.#source && "MediaSource" in window) this.#open();
    else if (!("MediaSource" in window)) this.#openPlaylist();
    this.#framePts = null;
    this.video.currentTime = (at - this.#offsetMs) / 1000;
    this.#fill();
  }

  #near(pts) {
    if (!this.#segments.length) return null;
    const next = this.#segments.find(({ stop_ms }) => stop_ms >= pts) ?? this.#segments.at(-1);
    return Math.min(Math.max(pts, next.start_ms), next.stop_ms);
  }

  #open() {
    this.#source = new MediaSource();
    this.video.src = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(this.video.src);
      this.#source.duration = Infinity;
      this.#fill();
    }, { once: true });
    this.#timer = setInterval(() => this.#fill(), FILL_MS);
    this.#follow();
  }

  #openPlaylist() {
    if (this.video.src) return;
    this.#offsetMs = this.#segments[0].start_ms;
    this.video.src = this.path(`recording.m3u8?from=${this.#segments[0].captured_at_ms}`);
    this.#follow();
  }

  /** Note the time of each frame as it comes onto the screen. */
  #follow() {
    if (!this.video.requestVideoFrameCallback) return;
    const note = (_, { mediaTime }) => {
      this.#framePts = mediaTime * 1000 + this.#offsetMs;
      if (this.video.src) this.video.requestVideoFrameCallback(note);
    };
    this.video.requestVideoFrameCallback(note);
  }

  /** Fetch the next segment that is near and lacks, drop what is far, step over holes. */
  async #fill() {
    if (this.#isBusy || this.#source?.readyState !== "open") return;
    this.#isBusy = true;
    try {
      const at = this.video.currentTime * 1000;
      const next = this.#segments.find(({ id, start_ms, stop_ms }) => stop_ms >= at && start_ms < at + AHEAD_MS && !this.#held.has(id));
      if (next) await this.#append(next);
      await this.#drop(at);
      this.#stepOver();
    } catch (error) {
      clearInterval(this.#timer);
      this.tell.failed(error.message);
    }
    this.#isBusy = false;
  }

  async #append(segment) {
    const response = await fetch(this.path(`recording/${segment.id}.mp4`));
    if (!response.ok) throw new Error((await response.json()).error);
    const data = await response.arrayBuffer();
    if (this.#source?.readyState !== "open") return;
    if (!this.#buffer) {
      this.#buffer = this.#source.addSourceBuffer(kindOf(new Uint8Array(data)));
      this.#buffer.mode = "segments";
    }
    await this.#change(() => this.#buffer.appendBuffer(data));
    this.#held.set(segment.id, segment);
  }

  async #drop(at) {
    const far = [...this.#held.values()].filter(({ start_ms, stop_ms }) => stop_ms < at - BEHIND_MS || start_ms > at + 2 * AHEAD_MS);
    for (const { id, start_ms, stop_ms } of far) {
      this.#held.delete(id);
      await this.#change(() => this.#buffer.remove(start_ms / 1000, (stop_ms + 1) / 1000));
    }
  }

  #change(work) {
    const { promise, resolve, reject } = Promise.withResolvers?.() ?? withResolvers();
    this.#buffer.addEventListener("updateend", resolve, { once: true });
    this.#buffer.addEventListener("error", () => reject(new Error("This browser cannot play the recording.")), { once: true });
    work();
    return promise;
  }

  #stepOver() {
    const { buffered, currentTime } = this.video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.end(index) > currentTime + 0.05) {
        if (buffered.start(index) > currentTime) this.video.currentTime = buffered.start(index) + 0.001;
        return;
      }
    }
  }

  /** Whether nothing follows the moment shown. */
  get isAtEnd() {
    return this.video.currentTime * 1000 + this.#offsetMs >= (this.#segments.at(-1)?.stop_ms ?? 0) - 120;
  }

  close() {
    clearInterval(this.#timer);
    this.video.removeAttribute("src");
    this.video.load();
    this.#source = this.#buffer = this.#framePts = null;
    this.#held.clear();
  }
}

/** The type of an MP4, codecs and all, from its `avcC` and sample entries. */
function kindOf(bytes) {
  const codecs = [];
  const video = find(bytes, "avcC");
  if (video >= 0) codecs.push(`avc1.${[...bytes.subarray(video + 5, video + 8)].map((each) => each.toString(16).padStart(2, "0")).join("")}`);
  if (find(bytes, "mp4a") >= 0) codecs.push("mp4a.40.2");
  if (find(bytes, "dOps") >= 0) codecs.push("opus");
  return `${video >= 0 ? "video" : "audio"}/mp4; codecs="${codecs.join(", ")}"`;
}

function find(bytes, name) {
  const [a, b, c, d] = [...name].map((letter) => letter.charCodeAt(0));
  const end = Math.min(bytes.length, 4096) - 4;
  for (let at = 0; at < end; at += 1) {
    if (bytes[at] === a && bytes[at + 1] === b && bytes[at + 2] === c && bytes[at + 3] === d) return at;
  }
  return -1;
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
