// When to show which moment of a source: so late that its boxes are known, and no later.
//
// Pictures arrive live, detections a segment later. The clock keeps a delay after capture that covers
// the longest recent wait for detections, and walks rather than jumps towards it.

const PATIENCE_MS = 7000;
const MARGIN_MS = 180;
const AHEAD_MS_MAX = 1500;
const WAITS_KEPT = 10;
const SNAP_MS = 4000;
const SAMPLE_SPAN_MS = 3000;
const RATE_SPAN_MIN_MS = 400;
const RATE_MAX = 64;

/**
 * All times are milliseconds. `now` is the platform's wall clock as the page knows it, `capturedAt` the
 * same clock when a picture was taken, `pts` the source's own time.
 */
export class PresentationClock {
  #samples = [];
  #rate = 1;
  #pictureWaits = [];
  #horizon = -Infinity;
  #horizonAt = -Infinity;
  #boxWaits = [];
  #media = null;
  #mediaAt = 0;
  #lag = 0;

  /** A picture arrived. */
  arrived(pts, capturedAt, now) {
    const newest = this.#samples.at(-1);
    if (newest && (pts <= newest[1] || capturedAt < newest[0])) return;
    if (newest) remember(this.#pictureWaits, now - newest[0]);
    this.#samples.push([capturedAt, pts]);
    while (this.#samples[0][0] < capturedAt - SAMPLE_SPAN_MS) this.#samples.shift();
    const [firstAt, firstPts] = this.#samples[0];
    const span = capturedAt - firstAt;
    if (span >= RATE_SPAN_MIN_MS) this.#rate = Math.min(RATE_MAX, Math.max(0.02, (pts - firstPts) / span));
  }

  /** Detections are known up to `pts`. */
  detected(pts, now) {
    if (pts <= this.#horizon) return;
    // How old the last known moment had become before this news came: the delay must cover that.
    if (this.#horizon > -Infinity && this.#samples.length) remember(this.#boxWaits, now - this.#capturedAt(this.#horizon));
    this.#horizon = pts;
    this.#horizonAt = now;
  }

  /** The detections told so far were of an earlier run of the source. */
  forgetDetections() {
    this.#horizon = -Infinity;
    this.#horizonAt = -Infinity;
    this.#boxWaits = [];
  }

  /** True while detections keep up, so that every picture shown has its boxes. */
  hasBoxes(now) {
    if (!this.#samples.length || now - this.#horizonAt > PATIENCE_MS) return false;
    // Nobody detects in pictures that are still to come: those detections are of another run.
    const isOfThisRun = this.#horizon - this.#samples.at(-1)[1] < AHEAD_MS_MAX * Math.max(1, this.#rate);
    return isOfThisRun && now - this.#capturedAt(this.#horizon) < 2 * PATIENCE_MS;
  }

  /** Source milliseconds per millisecond. */
  get rate() {
    return this.#rate;
  }

  /** When the source's time was zero, if it plays as fast as life; else null. */
  get originMs() {
    return this.#samples.length && Math.abs(this.#rate - 1) < 0.2 ? this.#capturedAt(0) : null;
  }

  /** How long after its capture the shown picture is shown. */
  get delayMs() {
    return this.#lag;
  }

  /** The moment of the source to show at `now`; null before the first picture. */
  target(now) {
    if (!this.#samples.length) return null;
    const boxes = this.hasBoxes(now);
    const waits = boxes ? this.#boxWaits : this.#pictureWaits;
    const known = boxes ? this.#horizon : this.#samples.at(-1)[1];
    const longest = waits.length ? Math.max(...waits) : now - this.#capturedAt(known);
    const wished = this.#ptsAt(now - Math.min(2 * PATIENCE_MS, longest) - MARGIN_MS);
    if (this.#media === null || Math.abs(wished - this.#media) > SNAP_MS * Math.max(1, this.#rate)) {
      this.#media = wished;
    } else {
      const pull = Math.max(-0.12, Math.min(0.12, (wished - this.#media) / (1500 * this.#rate)));
      this.#media += (now - this.#mediaAt) * this.#rate * (1 + pull);
    }
    this.#mediaAt = now;
    this.#media = Math.min(this.#media, known);
    this.#lag = Math.max(0, now - this.#capturedAt(this.#media));
    return this.#media;
  }

  #capturedAt(pts) {
    const [at, newest] = this.#samples.at(-1);
    return at + (pts - newest) / this.#rate;
  }

  #ptsAt(capturedAt) {
    const [at, newest] = this.#samples.at(-1);
    return newest + (capturedAt - at) * this.#rate;
  }
}

function remember(waits, waitMs) {
  waits.push(waitMs);
  if (waits.length > WAITS_KEPT) waits.shift();
}
