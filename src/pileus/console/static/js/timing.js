// When to show which moment of a source: so late that its boxes are known, and no later.
//
// Pictures arrive live, detections a segment later. The clock keeps a lag behind the newest picture
// that covers the longest recent wait for detections, and walks rather than jumps towards it.

const NO_BOXES_LAG_MS = 350;
const PATIENCE_MS = 7000;
const MARGIN_MS = 180;
const GAPS_KEPT = 10;
const SNAP_MS = 4000;
const RATE_SPAN_MS = 6000;
const BURST_MS = 400;

/** Times: `now` in milliseconds of performance.now(), `pts` in milliseconds of the source. */
export class PresentationClock {
  #samples = [];
  #firstAt = null;
  #newest = -Infinity;
  #newestAt = 0;
  #horizon = -Infinity;
  #horizonAt = -Infinity;
  #gaps = [];
  #media = null;
  #mediaAt = 0;
  #rate;

  /** @param {number} rate media milliseconds per millisecond, until it has been measured */
  constructor(rate = 1) {
    this.#rate = rate;
  }

  /** A picture arrived. */
  arrived(pts, now) {
    this.#firstAt ??= now;
    this.#newest = Math.max(this.#newest, pts);
    this.#newestAt = now;
    // The group of pictures that a joining page is given at once says nothing about the rate.
    if (now - this.#firstAt < BURST_MS) return;
    this.#samples.push([now, pts]);
    while (this.#samples[0][0] < now - RATE_SPAN_MS) this.#samples.shift();
    const [firstNow, firstPts] = this.#samples[0];
    if (now - firstNow > 2000) {
      this.#rate = Math.min(16, Math.max(0.05, (pts - firstPts) / (now - firstNow)));
    }
  }

  /** Detections are known up to `pts`. */
  detected(pts, now) {
    if (pts <= this.#horizon) return;
    if (this.#horizon > -Infinity && this.#newest > -Infinity) {
      this.#gaps.push(this.#newest - this.#horizon);
      if (this.#gaps.length > GAPS_KEPT) this.#gaps.shift();
    }
    this.#horizon = pts;
    this.#horizonAt = now;
  }

  /** True while detections keep up, so that every picture shown has its boxes. */
  hasBoxes(now) {
    return now - this.#horizonAt < PATIENCE_MS && this.#newest - this.#horizon < PATIENCE_MS * Math.max(1, this.#rate);
  }

  /** Media milliseconds per millisecond. */
  get rate() {
    return this.#rate;
  }

  /** How far behind the newest picture the shown one is, in real milliseconds. */
  get delayMs() {
    return this.#media === null ? 0 : Math.max(0, this.#newest - this.#media) / this.#rate;
  }

  /** The moment of the source to show at `now`; null before the first picture. */
  target(now) {
    if (this.#newest === -Infinity) return null;
    const boxes = this.hasBoxes(now);
    const waiting = this.#horizon === -Infinity && now - this.#firstAt < PATIENCE_MS;
    const live = this.#newest + this.#rate * Math.min(500, now - this.#newestAt);
    const longest = this.#gaps.length ? Math.max(...this.#gaps) : this.#newest - this.#horizon;
    const lag = boxes ? longest + MARGIN_MS * this.#rate : NO_BOXES_LAG_MS * this.#rate;
    const wished = live - lag;
    if (this.#media === null || Math.abs(wished - this.#media) > SNAP_MS * Math.max(1, this.#rate)) {
      this.#media = wished;
    } else {
      const pull = Math.max(-0.12, Math.min(0.12, (wished - this.#media) / (1500 * this.#rate)));
      this.#media += (now - this.#mediaAt) * this.#rate * (1 + pull);
    }
    this.#mediaAt = now;
    const limit = boxes ? this.#horizon : this.#newest;
    this.#media = Math.min(this.#media, limit);
    return waiting ? Math.min(this.#media, this.#newest) : this.#media;
  }
}
