// What engines say of one source, as it comes: boxes and tags of moments, words, events, numbers over time.

import { BoxTrack, overlapOf } from "../boxes.js";
import { socketAddress } from "../live.js";

const BACKWARD = 1000;
const RETRY_MS = 1000;
const QUIET_MS = 7000;
const AWAY_MS = 3000;
const WHILE_MS = 8000;
const SAME_BOX = 0.7;
const EVENTS_KEPT = 400;
const WORDS_KEPT = 20_000;
const POINTS_KEPT = 20_000;

/** A colour for a label, the same every time; people have the page's own. */
export function colourOf(label) {
  if (!label || label === "person") return undefined;
  let sum = 7;
  for (const letter of label) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${sum} 90% 72%)`;
}

function boxesOf(objects) {
  return objects.filter(({ box }) => box).map(({ box, confidence = 1, label, text, track }) => {
    return [...box, confidence, text ?? (track === undefined ? label : `${label} ${track}`), colourOf(label)];
  });
}

/** Whether an object is somebody or something, rather than a figure told with every picture. */
const isSeen = ({ box, track, attributes }) => Boolean(box) || track !== undefined || Boolean(attributes?.is_flagged);

/** What is told of a whole picture, in words. */
function tagOf({ label, text, confidence, attributes = {} }) {
  const numbers = Object.entries(attributes).filter(([, value]) => typeof value === "number").map(([name, value]) => `${name} ${value}`);
  const sure = confidence === undefined ? "" : ` ${Math.round(confidence * 100)}%`;
  return [`${text ?? label}${sure}`, ...numbers].join(" · ");
}

/** Boxes without those that a later engine draws as well: the one that follows a person tells more. */
function withoutDoubles(boxes) {
  return boxes.filter((box, index) => !boxes.some((other, later) => later > index && other[6] === box[6] && overlapOf(box, other) > SAME_BOX));
}

/** One engine's results: the newest thousand, then all that come. */
class Feed {
  #socket = null;
  #timer = 0;
  #offset = -1;
  track = new BoxTrack();
  past = new BoxTrack();
  tags = [];
  points = [];
  horizonAt = -Infinity;
  hasPictures = false;
  #seen = new Map();

  constructor(path, engine, tell) {
    this.path = path;
    this.engine = engine;
    this.tell = tell;
    this.connect();
  }

  connect() {
    const from = this.#offset < 0 ? `last=${BACKWARD}` : `after=${this.#offset}`;
    this.#socket = new WebSocket(socketAddress(`${this.path}?engine=${encodeURIComponent(this.engine)}&${from}`));
    this.#socket.onmessage = ({ data }) => {
      const { offset, document: told } = JSON.parse(data);
      if (told) this.take(offset, told);
    };
    this.#socket.onclose = () => { this.#timer = setTimeout(() => this.connect(), RETRY_MS); };
  }

  take(offset, told) {
    this.#offset = offset;
    const { start_ms: pts } = told.chunk;
    if (told.stream !== this.stream && pts < this.track.horizon) this.forget();
    this.stream = told.stream;
    this.horizonAt = performance.now();
    const objects = told.series.flatMap((each) => each.objects ?? []);
    const words = told.series.flatMap((each) => each.words ?? []);
    if (words.length) this.tell.words(words);
    if (!words.length && !told.error) this.see(pts, objects);
    this.tell.changed();
  }

  see(pts, objects) {
    const boxed = objects.filter((object) => object.box);
    this.hasPictures ||= boxed.length > 0;
    this.track.add([[pts, boxesOf(boxed)]]);
    this.tags.push([pts, objects.filter(({ box, track }) => !box && track === undefined).map(tagOf)]);
    if (this.tags.length > BACKWARD) this.tags.splice(0, BACKWARD / 2);
    this.points.push([pts, boxed.length]);
    if (this.points.length > POINTS_KEPT) this.points.splice(0, POINTS_KEPT / 10);
    this.note(pts, objects);
  }

  /** More of something than there was for a while is an event. */
  note(pts, objects) {
    const counts = new Map();
    for (const { label, text = label } of objects.filter(isSeen)) counts.set(text, (counts.get(text) ?? 0) + 1);
    for (const [label, count] of counts) {
      const before = (this.#seen.get(label) ?? []).filter(([at]) => at > pts - WHILE_MS);
      if (before.every(([, many]) => many < count)) this.tell.event({ pts, label, count, engine: this.engine });
      this.#seen.set(label, [...before, [pts, count]]);
    }
  }

  forget() {
    this.track.clear();
    [this.tags, this.points] = [[], []];
    this.#seen.clear();
    this.tell.restarted();
  }

  close() {
    clearTimeout(this.#timer);
    this.#socket.onclose = null;
    this.#socket.close();
  }
}

/** All engines on one source. `tell.changed()` is called after each piece of news. */
export class SourceResults {
  #feeds = new Map();
  words = [];
  events = [];

  constructor(path, tell) {
    this.path = path;
    this.tell = tell;
  }

  /** Follow these engines and no others. */
  align(engines) {
    for (const [name, feed] of this.#feeds) {
      if (engines.includes(name)) continue;
      feed.close();
      this.#feeds.delete(name);
    }
    for (const name of engines) {
      if (!this.#feeds.has(name)) this.#feeds.set(name, new Feed(this.path, name, {
        words: (words) => this.#addWords(words),
        event: (event) => this.#addEvent(event),
        restarted: () => { [this.words, this.events] = [[], []]; },
        changed: () => this.tell.changed(),
      }));
    }
  }

  #addWords(words) {
    for (const word of words) {
      let at = this.words.length;
      while (at && this.words[at - 1].start_ms > word.start_ms) at -= 1;
      const same = this.words[at - 1];
      if (same?.start_ms === word.start_ms && same.word === word.word) continue;
      this.words.splice(at, 0, word);
    }
    if (this.words.length > WORDS_KEPT) this.words.splice(0, WORDS_KEPT / 10);
  }

  #addEvent(event) {
    this.events.push(event);
    if (this.events.length > EVENTS_KEPT) this.events.splice(0, EVENTS_KEPT / 10);
  }

  /** Up to where the boxes of every engine that keeps up are known; -Infinity where none draws any. */
  get horizon() {
    const awake = [...this.#feeds.values()].filter((feed) => feed.hasPictures && performance.now() - feed.horizonAt < QUIET_MS);
    return awake.length ? Math.min(...awake.map((feed) => feed.track.horizon)) : -Infinity;
  }

  /** {boxes, exact, tags} of a moment. */
  at(pts) {
    const found = { boxes: [], exact: false, tags: [] };
    for (const feed of this.#feeds.values()) {
      const now = feed.track.at(pts);
      const { boxes, exact } = now.exact || now.boxes.length ? now : feed.past.at(pts);
      found.boxes.push(...boxes);
      found.exact ||= exact;
      const tags = feed.tags.findLast(([at]) => at <= pts);
      if (tags && pts - tags[0] < AWAY_MS) found.tags.push(...tags[1]);
    }
    found.boxes = withoutDoubles(found.boxes);
    return found;
  }

  /** [pts, count] of the engine that draws boxes and knows most. */
  get points() {
    const drawn = [...this.#feeds.values()].filter((feed) => feed.hasPictures);
    return drawn.sort((one, other) => other.points.length - one.points.length)[0]?.points ?? [];
  }

  /** Add boxes of moments that lie further back than what is held. */
  recall(engine, documents) {
    const frames = documents.map(({ chunk, series }) => [chunk.start_ms, boxesOf(series.flatMap((each) => each.objects ?? []))]);
    this.#feeds.get(engine)?.past.add(frames);
  }

  close() {
    this.align([]);
  }
}
