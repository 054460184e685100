// Beside the picture: what was said, the word of the moment marked, and what was seen, with stills to go there.

import { byId, make, setText, throttled } from "../dom.js";
import { count } from "../format.js";
import { colourOf } from "./results.js";

const PAUSE_MS = 1300;
const PARAGRAPH_WORDS = 28;
const PARAGRAPHS_SHOWN = 150;
const EVENTS_SHOWN = 40;

/** Words in paragraphs; each begins where a speaker paused. */
function paragraphsOf(words) {
  const paragraphs = [];
  for (const word of words) {
    const last = paragraphs.at(-1);
    const isNew = !last || word.start_ms - last.at(-1).stop_ms > PAUSE_MS || last.length >= PARAGRAPH_WORDS;
    if (isNew) paragraphs.push([word]);
    else last.push(word);
  }
  return paragraphs.slice(-PARAGRAPHS_SHOWN);
}

export class Transcript {
  #list = byId("words");
  #spans = [];
  #shown = "";
  #marked = null;
  view = null;
  draw = throttled(200, () => this.#draw());

  constructor(seek) {
    this.seek = seek;
  }

  #draw() {
    const { results, moments } = this.view;
    const { words } = results;
    const shown = `${words.length} ${words.at(-1)?.stop_ms ?? ""} ${moments.segments.length > 0}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    setText(byId("words-note"), words.length ? count(words.length, "word") : "");
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    this.#spans = [];
    const items = paragraphsOf(words).map((paragraph) => {
      const spans = paragraph.map((word) => {
        const span = make("span", { className: word.confidence < 0.5 ? "unsure" : "" }, word.word);
        this.#spans.push([word, span]);
        return span;
      });
      const start = paragraph[0].start_ms;
      const time = make("button", { type: "button", on: { click: () => this.seek(start) } }, moments.label(start));
      return make("li", {}, time, make("p", {}, ...spans.flatMap((span) => [span, " "])));
    });
    const empty = make("li.empty", {}, "Nothing was said yet. An engine that listens writes it here.");
    this.#list.replaceChildren(...(items.length ? items : [empty]));
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Mark the word of the moment shown. */
  mark(pts) {
    const found = this.#spans.findLast(([word]) => word.start_ms <= pts);
    const span = found && pts < found[0].stop_ms + PAUSE_MS ? found[1] : null;
    if (span === this.#marked) return;
    this.#marked?.classList.remove("is-now");
    span?.classList.add("is-now");
    this.#marked = span;
  }

  forget() {
    this.#shown = "";
    this.#marked = null;
  }
}

export class EventList {
  #list = byId("events");
  #shown = "";
  view = null;
  draw = throttled(300, () => this.#draw());

  constructor(seek) {
    this.seek = seek;
  }

  #draw() {
    const { results, moments } = this.view;
    const shown = `${results.events.length} ${results.events.at(-1)?.pts ?? ""} ${moments.segments.length}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    setText(byId("events-note"), results.events.length ? whole(results.events.length) : "");
    const events = results.events.toSorted((one, other) => other.pts - one.pts).slice(0, EVENTS_SHOWN);
    const known = new Map([...this.#list.children].map((item) => [item.dataset.key, item]));
    const items = events.map((event) => this.#item(event, moments, known));
    const empty = make("li.empty", {}, "Nothing was seen yet. What appears in the picture is noted here.");
    this.#list.replaceChildren(...(items.length ? items : [empty]));
  }

  /** An event's line; one that is there already is left as it is, once it has its picture. */
  #item({ pts, label, count: many, engine }, moments, known) {
    const still = moments.at(pts)?.stop_ms >= pts ? moments.still(pts) : null;
    const key = `${pts} ${label} ${still ?? ""}`;
    if (known.has(key)) return known.get(key);
    const image = still ? make("img", { src: still, alt: "", width: 96, height: 54, loading: "lazy" }) : make("span.no-still");
    const dot = make("i");
    dot.style.setProperty("--kind", colourOf(label) ?? "var(--accent)");
    const words = make("span", {}, make("b", {}, dot, count(many, label)), make("span.quiet", {}, `${moments.label(pts)} · ${engine}`));
    return make("li", { data: { key } }, make("button", { type: "button", on: { click: () => this.seek(pts) } }, image, words));
  }

  forget() {
    this.#shown = "";
  }
}

const whole = (many) => count(many, "event");
