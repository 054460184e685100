// One source large: live on a canvas or recorded in a video element, with the boxes of the very frame that is shown.

import { drawBoxes } from "../boxes.js";
import { byId, fitCanvas, make, setText, token } from "../dom.js";
import { count, duration } from "../format.js";
import { H264Stream, JpegStream } from "../streams.js";
import { PresentationClock } from "../timing.js";
import { Recording } from "./recording.js";
import { RecordList } from "./records.js";
import { STATE_WORDS } from "./wall.js";

const canvas = byId("canvas");
const video = byId("recording");
const ARRIVALS_KEPT = 1000;
const RECALL_MS = 10_000;
const PAUSE_SIGN = "M7 4.5v11M13 4.5v11";
const PLAY_SIGN = "M6.5 4.5v11l9-5.5z";

export class Stage {
  #name = null;
  #stream = null;
  #clock = null;
  #picture = null;
  #recording = null;
  #isPaused = false;
  #frameTimes = [];
  #arrivals = new Map();
  #newest = null;
  #shownAfterMs = 0;
  #recalled = new Set();
  #offsetMs = 0;
  #segments = [];
  #records = new RecordList();
  results = null;

  constructor(desk, moved) {
    this.desk = desk;
    this.moved = moved;
    byId("go-live").addEventListener("click", () => this.goLive());
    byId("play").addEventListener("click", () => this.#toggle());
    byId("sound").addEventListener("click", () => { video.muted = !video.muted; this.#tell(); });
    new ResizeObserver(() => this.#paint()).observe(byId("picture"));
    const step = () => {
      this.#step();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    setInterval(() => this.#tell(), 250);
  }

  /** The platform's clock, as the page learned it. */
  set now(nowMs) {
    this.#offsetMs = nowMs - performance.timeOrigin - performance.now();
  }

  get #now() {
    return performance.timeOrigin + performance.now() + this.#offsetMs;
  }

  get isLive() {
    return this.#recording === null;
  }

  /** The moment shown on the source's clock; null before the first picture. */
  get pts() {
    return this.#recording ? this.#recording.pts : this.#picture?.pts ?? null;
  }

  /** What is on the screen now, for tests and the curious. */
  get state() {
    const { pts } = this;
    return {
      source: this.#name, pts, isLive: this.isLive, records: this.#records.count,
      mode: this.isLive ? this.#stream?.name ?? "" : "recording",
      skipped: this.#stream?.skipped ?? 0, delayMs: this.#shownAfterMs, rate: this.#clock?.rate ?? 1,
      ...(pts === null || !this.results ? { boxes: [], exact: false, tags: [] } : this.results.at(pts)),
    };
  }

  /** Show a source, live; null for none. */
  show(name, results) {
    this.#leave();
    this.#name = name;
    this.results = results;
    this.#recalled.clear();
    byId("picture-empty").hidden = false;
    setText(byId("stage-title"), name ?? "No source");
    if (name === null) return;
    if (this.desk.source(name)?.Records) this.#showRecords();
    else this.#watch("VideoDecoder" in window ? H264Stream : JpegStream);
  }

  #showRecords() {
    this.#records.show(this.desk.path(this.#name, "records"));
  }

  #leave() {
    this.#records.show(null);
    this.#stream?.close();
    this.#picture?.close();
    this.#recording?.close();
    this.#stream = this.#picture = this.#recording = this.#clock = this.#newest = null;
    this.#isPaused = false;
    this.#frameTimes = [];
    video.hidden = true;
  }

  #watch(Stream) {
    this.#restart();
    this.#stream = new Stream(this.desk.path(this.#name, "preview"), {
      arrived: (pts, capturedAt) => this.#arrived(pts, capturedAt),
      restarted: () => this.#restart(),
      unable: () => {
        this.#stream.close();
        this.#watch(JpegStream);
      },
    });
  }

  #restart() {
    this.#clock = new PresentationClock();
    this.#arrivals.clear();
    this.#newest = null;
  }

  #arrived(pts, capturedAt) {
    this.#clock.arrived(pts, capturedAt, this.#now);
    this.#newest = Math.max(this.#newest ?? pts, pts);
    this.#arrivals.set(pts, capturedAt);
    if (this.#arrivals.size > ARRIVALS_KEPT) this.#arrivals.delete(this.#arrivals.keys().next().value);
  }

  /** The moment to show: where boxes come, the newest whose boxes are known; else the newest there is. */
  get #target() {
    return this.#clock?.hasBoxes(this.#now) ? this.#clock.target(this.#now) : this.#newest;
  }

  /** How long ago the shown picture was taken. */
  get #delayMs() {
    const capturedAt = this.#arrivals.get(Math.round(this.#picture?.pts));
    return capturedAt === undefined ? 0 : Math.max(0, this.#now - capturedAt);
  }

  /** News of engines: the picture waits until the boxes of its moment are known. */
  changed() {
    const horizon = this.results?.horizon ?? -Infinity;
    if (horizon > -Infinity) this.#clock?.detected(horizon, this.#now);
  }

  goLive() {
    if (!this.isLive) this.show(this.#name, this.results);
    this.#isPaused = false;
    this.#tell();
  }

  /** Show a recorded moment. */
  seek(pts, segments) {
    if (!segments.length) return;
    if (this.isLive) {
      this.#leave();
      video.hidden = false;
      this.#recording = new Recording(video, (rest) => this.desk.path(this.#name, rest), {
        failed: (words) => this.#say(words, "It can be downloaded with GetSegment all the same."),
      });
    }
    this.#recording.segments = segments;
    this.#recording.seek(pts);
    byId("picture-empty").hidden = true;
    if (!this.#isPaused) video.play().catch(() => { this.#isPaused = true; });
    this.#tell();
  }

  set segments(segments) {
    this.#segments = segments;
    if (this.#recording) this.#recording.segments = segments;
  }

  #say(words, hint = "") {
    byId("picture-empty").hidden = false;
    setText(byId("picture-words"), words);
    setText(byId("picture-hint"), hint);
  }

  /** The newest still, until there is a picture. */
  #poster({ Name, Newest }) {
    const still = Newest ? `url("${new URL(this.desk.path(Name, `recording/${Newest.SegmentId}.jpg`), document.baseURI)}")` : "";
    byId("picture-empty").style.setProperty("--poster", still || "none");
  }

  #toggle() {
    // Of a source that is over there is only the recording to play.
    if (this.isLive && this.desk.source(this.#name)?.State !== "LIVE" && this.#segments.length) {
      this.seek(this.#segments[0].start_ms, this.#segments);
      return;
    }
    this.#isPaused = !this.#isPaused;
    if (!this.isLive) {
      if (this.#isPaused) video.pause();
      else video.play().catch(() => { this.#isPaused = true; });
    }
    this.#tell();
  }

  #step() {
    if (this.isLive) this.#stepLive();
    else {
      this.#recall(this.pts);
      this.#paint();
    }
    this.moved(this.pts);
  }

  #stepLive() {
    const target = this.#target;
    const newer = target === null || this.#isPaused ? null : this.#stream.pictureFor(target, this.#clock.rate);
    if (!newer) return;
    this.#picture?.close();
    this.#picture = newer;
    this.#shownAfterMs = this.#delayMs;
    this.#frameTimes.push(performance.now());
    byId("picture-empty").hidden = true;
    this.#paint();
  }

  /** Ask for the boxes around a recorded moment, once. */
  async #recall(pts) {
    const part = Math.floor(pts / RECALL_MS);
    for (const wanted of [part, part + 1]) {
      if (this.#recalled.has(wanted)) continue;
      this.#recalled.add(wanted);
      const [source, results] = [this.#name, this.results];
      for (const engine of this.desk.enginesOn(source)) {
        const given = { Source: source, Engine: engine, FromMs: wanted * RECALL_MS, ToMs: (wanted + 1) * RECALL_MS, MaxResults: 1000 };
        const { Results = [] } = await this.desk.call("ListResults", given).catch(() => ({}));
        results.recall(engine, Results.map(({ Document }) => JSON.parse(Document)));
      }
    }
  }

  #paint() {
    const [width, height] = this.isLive ? this.#stream?.size ?? [0, 0] : [video.videoWidth, video.videoHeight];
    if (!width || (this.isLive && !this.#picture)) return;
    const frame = byId("picture");
    frame.style.setProperty("--shape", `${width} / ${height}`);
    const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height);
    const size = [Math.round(width * scale), Math.round(height * scale)];
    for (const each of [canvas, video]) [each.style.width, each.style.height] = size.map((side) => `${side}px`);
    const context = fitCanvas(canvas, ...size);
    context.imageSmoothingQuality = "high";
    if (this.isLive) context.drawImage(this.#picture.image, 0, 0, ...size);
    else context.clearRect(0, 0, ...size);
    drawBoxes(context, this.state.boxes, ...size, token("--box"));
  }

  #tell() {
    const source = this.desk.source(this.#name);
    const now = performance.now();
    while (this.#frameTimes.length && this.#frameTimes[0] < now - 3000) this.#frameTimes.shift();
    const { boxes, exact, tags, delayMs, mode, skipped } = this.state;
    const hasRecords = Boolean(source?.Records);
    if (hasRecords && !this.#records.isShown) {
      // It was not known yet when it was chosen.
      this.#leave();
      this.#showRecords();
    }
    if (hasRecords && this.#records.count) byId("picture-empty").hidden = true;
    else if (source && this.isLive && !this.#picture) {
      this.#say(waiting(source), source.StateReason ?? "");
      this.#poster(source);
    }
    byId("go-live").setAttribute("aria-pressed", String(this.isLive && !this.#isPaused && source?.State === "LIVE"));
    byId("go-live").disabled = !source;
    const isStill = this.#isPaused || (this.isLive ? source?.State !== "LIVE" : video.paused);
    byId("play").setAttribute("aria-label", isStill ? "Play" : "Pause");
    byId("play").querySelector("path").setAttribute("d", isStill ? PLAY_SIGN : PAUSE_SIGN);
    byId("sound").hidden = this.isLive || !source?.Format?.Audio;
    byId("sound").setAttribute("aria-pressed", String(!video.muted));
    canvas.hidden = hasRecords;
    const chips = tags.map((tag) => [tag, "tag"]);
    if (hasRecords && source.State !== "LIVE") chips.push([STATE_WORDS[source.State] ?? "gone", "late"]);
    if (hasRecords) chips.push([count(source.RecordsKept ?? 0, "record")]);
    if (boxes.length) chips.push([exact ? "Boxes of this frame" : "Boxes between frames", "exact"]);
    if (this.#picture && source?.State !== "LIVE") chips.push([STATE_WORDS[source?.State] ?? "gone", "late"]);
    else if (this.#picture) chips.push([`${duration(delayMs)} behind`], [`${(this.#frameTimes.length / 3).toFixed(0)} /s`]);
    const size = this.isLive ? this.#picture && this.#stream.size : video.videoWidth && [video.videoWidth, video.videoHeight];
    if (size) chips.push([size.join(" × ")], [mode]);
    if (skipped) chips.push([`${skipped} left out`, "late"]);
    tellChips(byId("stage-chips"), chips);
    const many = boxes.length;
    canvas.setAttribute("aria-label", this.#name ? `Picture of ${this.#name}: ${many} ${many === 1 ? "box" : "boxes"}` : "No picture yet");
  }
}

function waiting({ State, Newest, Records }) {
  if (Records && (State === "LIVE" || State === "ENDED")) return "No record has come yet.";
  if (State === "ENDED") return Newest ? "The source has ended. Play shows its recording." : "The source has ended.";
  if (State === "LIVE") return "Waiting for a keyframe.";
  return { CONNECTING: "Connecting.", STOPPED: "The source is switched off.", STALLED: "The source is silent." }[State] ?? "The source cannot be read now.";
}

function tellChips(holder, chips) {
  const told = JSON.stringify(chips);
  if (holder.dataset.told === told) return;
  holder.dataset.told = told;
  holder.replaceChildren(...chips.map(([text, kind]) => make("span", { className: kind ?? "" }, text)));
}
