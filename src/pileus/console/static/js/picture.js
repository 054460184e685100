// The source view: one picture with its boxes, the numbers beside it, the choice of source.

import { BoxTrack, drawBoxes } from "./boxes.js";
import { PeopleChart } from "./chart.js";
import { byId, fitCanvas, make, setText, token } from "./dom.js";
import { whole } from "./format.js";
import { H264Stream, JpegStream } from "./streams.js";
import { PresentationClock } from "./timing.js";

const canvas = document.querySelector("#picture canvas");
const STATE_WORDS = { quiet: "no new pictures", unseen: "stored only, no live picture" };

/** Everything known of one source. */
class SourceView {
  constructor(name) {
    this.name = name;
    this.boxes = new BoxTrack();
    this.points = [];
    this.record = null;
    this.occupancy = null;
    this.run = "";
  }

  /** Detections of a later run replace all of an earlier one; true when these are such. */
  begins(run) {
    if (run === this.run) return false;
    this.clear();
    this.run = run;
    return true;
  }

  addFrames(frames) {
    this.boxes.add(frames);
    for (const [pts, boxes] of frames) insertPoint(this.points, pts, boxes.length);
  }

  clear() {
    this.boxes.clear();
    this.points = [];
  }
}

/** Shows one of the sources the platform tells of. */
export class SourcePanel {
  #views = new Map();
  #shown = null;
  #stream = null;
  #clock = null;
  #picture = null;
  #frameTimes = [];
  #clockOffsetMs = 0;
  #chart;

  constructor(live) {
    this.#chart = new PeopleChart(byId("chart"), byId("chart-hint"), byId("chart-span"));
    live.on("hello", (hello) => this.#begin(hello));
    live.on("sources", ({ items }) => items.forEach((record) => this.#source(record)));
    live.on("people", ({ items }) => items.forEach((item) => this.#people(item)));
    live.on("detections", ({ items }) => items.forEach((item) => this.#detections(item)));
    live.on("occupancy", ({ items }) => items.forEach((item) => this.#occupancy(item)));
    new ResizeObserver(() => this.#paint()).observe(byId("picture"));
    const step = () => {
      this.#step();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    setInterval(() => this.#tellNumbers(), 250);
  }

  /** What is on the screen now, for tests and the curious. */
  get state() {
    const view = this.#views.get(this.#shown);
    const pts = this.#picture?.pts ?? null;
    const hasBoxes = this.#clock?.hasBoxes(this.#now()) ?? false;
    return {
      source: this.#shown, pts, mode: this.#stream?.name ?? "", skipped: this.#stream?.skipped ?? 0,
      delayMs: this.#clock?.delayMs ?? 0, hasBoxes,
      ...(view && hasBoxes && pts !== null ? view.boxes.at(pts) : { boxes: [], exact: false }),
    };
  }

  /** The platform's wall clock, which never goes back here. */
  #now() {
    return performance.timeOrigin + performance.now() + this.#clockOffsetMs;
  }

  #begin(hello) {
    this.#clockOffsetMs = hello.now_ms - performance.timeOrigin - performance.now();
    this.#views.clear();
    for (const record of hello.sources ?? []) this.#source(record);
    for (const item of hello.people ?? []) this.#people(item);
    for (const item of hello.occupancy ?? []) this.#occupancy(item);
    for (const name of hello.previews ?? []) this.#view(name);
    // The stream goes on over a lost connection; what was known of the source is told anew.
    if (!this.#views.has(this.#shown)) this.#show(this.#views.keys().next().value ?? null);
    this.#tellTabs();
  }

  #view(name) {
    if (!this.#views.has(name)) {
      this.#views.set(name, new SourceView(name));
      if (this.#shown === null) this.#show(name);
      this.#tellTabs();
    }
    return this.#views.get(name);
  }

  #source(record) {
    this.#view(record.source).record = record;
  }

  #run(source, run) {
    const view = this.#view(source);
    if (view.begins(run) && source === this.#shown) this.#clock?.forgetDetections();
    return view;
  }

  #people({ source, run, points, frames }) {
    const view = this.#run(source, run);
    for (const [pts, people] of points) insertPoint(view.points, pts, people);
    view.boxes.add(frames);
    this.#detected(view);
  }

  #detections({ source, run, frames }) {
    const view = this.#run(source, run);
    view.addFrames(frames);
    this.#detected(view);
  }

  #occupancy(occupancy) {
    this.#view(occupancy.source).occupancy = occupancy;
  }

  #detected(view) {
    if (view.name === this.#shown) this.#clock?.detected(view.boxes.horizon, this.#now());
  }

  #show(name) {
    this.#stream?.close();
    this.#picture?.close();
    this.#stream = null;
    this.#picture = null;
    this.#shown = name;
    this.#frameTimes = [];
    byId("picture-empty").hidden = false;
    if (name !== null) this.#open(name, "VideoDecoder" in window ? H264Stream : JpegStream);
    this.#tellTabs();
  }

  #open(name, Stream) {
    const view = this.#views.get(name);
    this.#clock = new PresentationClock();
    this.#stream = new Stream(`preview/${encodeURIComponent(name)}`, {
      arrived: (pts, capturedAt) => this.#clock.arrived(pts, capturedAt, this.#now()),
      restarted: () => {
        view.clear();
        this.#clock = new PresentationClock();
      },
      unable: () => {
        this.#stream.close();
        this.#open(name, JpegStream);
      },
    });
    if (view.boxes.horizon > -Infinity) this.#clock.detected(view.boxes.horizon, this.#now());
  }

  #step() {
    const target = this.#clock?.target(this.#now()) ?? null;
    const newer = target === null ? null : this.#stream.pictureFor(target, this.#clock.rate);
    if (newer) {
      this.#picture?.close();
      this.#picture = newer;
      this.#frameTimes.push(performance.now());
      byId("picture-empty").hidden = true;
      this.#paint();
    }
    const view = this.#views.get(this.#shown);
    if (view) this.#chart.draw(view, this.#picture?.pts ?? null, this.#clock.originMs);
  }

  #paint() {
    if (!this.#picture) return;
    const [width, height] = this.#stream.size;
    const frame = byId("picture");
    frame.style.setProperty("--shape", `${width} / ${height}`);
    const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height);
    const [shownWidth, shownHeight] = [Math.round(width * scale), Math.round(height * scale)];
    canvas.style.width = `${shownWidth}px`;
    canvas.style.height = `${shownHeight}px`;
    const context = fitCanvas(canvas, shownWidth, shownHeight);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture.image, 0, 0, shownWidth, shownHeight);
    drawBoxes(context, this.state.boxes, shownWidth, shownHeight, token("--box"));
  }

  #tellNumbers() {
    const view = this.#views.get(this.#shown);
    const now = performance.now();
    while (this.#frameTimes.length && this.#frameTimes[0] < now - 3000) this.#frameTimes.shift();
    const { hasBoxes, delayMs, skipped } = this.state;
    const people = hasBoxes ? view.boxes.countAt(this.#picture?.pts) : view?.occupancy?.people ?? view?.points.at(-1)?.[1];
    const limit = view?.occupancy?.limit ?? null;
    const peak = Math.max(view?.occupancy?.peak ?? 0, peakOf(view?.points ?? []));
    setText(byId("people-now"), people === undefined ? "–" : String(people));
    document.querySelector(".readouts .now").dataset.full = String(limit !== null && people > limit);
    setText(byId("people-peak"), view && (view.points.length || view.occupancy) ? String(peak) : "–");
    setText(byId("people-limit"), limit === null ? "off" : `${limit} people`);
    setText(byId("picture-delay"), this.#picture ? `${(delayMs / 1000).toFixed(1)} s` : "–");
    const perSecond = this.#frameTimes.length / 3;
    const lost = skipped + (view?.record?.dropped ?? 0);
    byId("picture-rate").replaceChildren(
      this.#picture ? `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} /s` : "–",
      ...(lost ? [make("small", {}, ` ${whole(lost)} lost`)] : []),
    );
    setText(byId("source-segments"), view?.record?.segments === undefined ? "–" : whole(view.record.segments));
    canvas.setAttribute("aria-label", `Picture of ${this.#shown ?? "no source"}: ${people ?? "unknown"} people`);
    this.#tellChips(view, hasBoxes);
  }

  #tellChips(view, hasBoxes) {
    const record = view?.record;
    const chips = [];
    if (this.#picture) {
      chips.push(hasBoxes ? ["Boxes match this frame", "exact"] : ["No boxes yet", "late"]);
      const [width, height] = this.#stream.size;
      chips.push([`${width} × ${height}`], [this.#stream.name]);
    }
    const rate = this.#clock?.rate ?? 1;
    if (this.#picture && Math.abs(rate - 1) > 0.2) chips.push([`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} × speed`]);
    if (STATE_WORDS[record?.state]) chips.push([STATE_WORDS[record.state], "late"]);
    const told = JSON.stringify(chips);
    const holder = byId("source-chips");
    if (holder.dataset.told === told) return;
    holder.dataset.told = told;
    holder.replaceChildren(...chips.map(([text, kind]) => make("span", { className: kind ?? "" }, text)));
  }

  #tellTabs() {
    const tabs = [...this.#views.keys()].map((name) => make("button", {
      type: "button", textContent: name, aria: { pressed: String(name === this.#shown) },
      on: { click: () => { if (name !== this.#shown) this.#show(name); } },
    }));
    byId("source-tabs").replaceChildren(...tabs);
  }
}

function insertPoint(points, pts, people) {
  let at = points.length;
  while (at > 0 && points[at - 1][0] > pts) at -= 1;
  if (at > 0 && points[at - 1][0] === pts) points[at - 1][1] = people;
  else points.splice(at, 0, [pts, people]);
  if (points.length > 20_000) points.splice(0, 2000);
}

function peakOf(points) {
  let peak = 0;
  for (const [, people] of points) if (people > peak) peak = people;
  return peak;
}
