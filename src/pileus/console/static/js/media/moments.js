// Moments of a source: where they were recorded, and what the clock on the wall said.

import { clockTime, mediaTime } from "../format.js";

const EVERY_MS = 4000;
const MOST_BACK_MS = 3_600_000;

/** The segments of one source, kept fresh while it is shown. */
export class Moments {
  #timer = 0;
  #isClosed = false;
  segments = [];

  constructor(desk, source, changed) {
    Object.assign(this, { desk, source, changed });
    this.#ask();
  }

  async #ask() {
    const newest = this.segments.at(-1);
    const from = newest ? newest.captured_at_ms + 1 : 0;
    try {
      const response = await fetch(this.desk.path(this.source, `recording.json?from=${from}`));
      if (response.ok && !this.#isClosed) this.#take(await response.json());
    } catch {
      // The platform went away: asked again below.
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
  }

  #take(fresh) {
    for (const segment of fresh) {
      // A file begins at its zero whenever it is read again: only its last run is shown.
      if (this.segments.length && segment.start_ms < this.segments.at(-1).start_ms) this.segments = [];
      this.segments.push(segment);
    }
    const horizon = (this.segments.at(-1)?.start_ms ?? 0) - MOST_BACK_MS;
    const old = this.segments.findIndex(({ start_ms }) => start_ms >= horizon);
    if (old > 0) this.segments.splice(0, old);
    if (fresh.length) this.changed();
  }

  /** The segment of a moment, or the nearest before it. */
  at(pts) {
    return this.segments.findLast(({ start_ms }) => start_ms <= pts) ?? this.segments[0] ?? null;
  }

  /** The address of a moment's still; null where none was recorded. */
  still(pts) {
    const segment = this.at(pts);
    return segment && this.desk.path(this.source, `recording/${segment.id}.jpg`);
  }

  /** What to call a moment: the wall's clock of a source that lives, the film's own of a file. */
  label(pts) {
    const source = this.desk.source(this.source);
    const isFilm = source?.Url?.startsWith("file:");
    const segment = this.at(pts);
    return isFilm || !segment ? mediaTime(pts) : clockTime(segment.captured_at_ms + pts - segment.start_ms);
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
