// Which boxes belong to which moment, and how they are drawn.
//
// A detector looks at some frames only. A picture between two looked-at frames gets boxes laid
// between those of its neighbours; a picture that was looked at gets exactly its own.

const SAME_FRAME_MS = 12;
const BETWEEN_MS_MAX = 900;
const OVERLAP_MIN = 0.15;
const FRAMES_KEPT = 1500;
const NUMBERS = 5;

/**
 * Detections of one source, ordered in time. A frame is [pts_ms, [[x0, y0, x1, y1, confidence, label?, colour?]…]].
 */
export class BoxTrack {
  #frames = [];

  /** Newest moment whose detections are known; -Infinity for none. */
  get horizon() {
    return this.#frames.length ? this.#frames.at(-1)[0] : -Infinity;
  }

  clear() {
    this.#frames = [];
  }

  /** Put frames in at their time; a repeated one replaces the earlier. */
  add(frames) {
    for (const frame of frames) {
      const at = this.#after(frame[0]);
      if (this.#frames[at - 1]?.[0] === frame[0]) this.#frames[at - 1] = frame;
      else this.#frames.splice(at, 0, frame);
    }
    if (this.#frames.length > FRAMES_KEPT) this.#frames.splice(0, this.#frames.length - FRAMES_KEPT);
  }

  /** {boxes, exact} of a moment; exact when the detector looked at this very frame. */
  at(pts) {
    const index = this.#after(pts + SAME_FRAME_MS);
    const before = this.#frames[index - 1];
    const after = this.#frames[index];
    if (before && pts - before[0] <= SAME_FRAME_MS) return { boxes: before[1], exact: true };
    if (!before || !after || after[0] - before[0] > BETWEEN_MS_MAX) return { boxes: [], exact: false };
    return { boxes: between(before, after, (pts - before[0]) / (after[0] - before[0])), exact: false };
  }

  /** People in the last frame that was looked at up to a moment. */
  countAt(pts) {
    return this.#frames[this.#after(pts + SAME_FRAME_MS) - 1]?.[1].length;
  }

  /** Index of the first frame later than `pts`. */
  #after(pts) {
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle][0] <= pts) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Boxes a share of the way from one frame to the next, pairing those that overlap most. */
function between(before, after, share) {
  const pairs = [];
  before[1].forEach((a, i) => after[1].forEach((b, j) => {
    const overlap = overlapOf(a, b);
    if (overlap >= OVERLAP_MIN) pairs.push([overlap, i, j]);
  }));
  pairs.sort((one, other) => other[0] - one[0]);
  const [left, right] = [new Set(), new Set()];
  const boxes = [];
  for (const [, i, j] of pairs) {
    if (left.has(i) || right.has(j)) continue;
    left.add(i);
    right.add(j);
    boxes.push(before[1][i].map((value, k) => (k < NUMBERS ? value + (after[1][j][k] - value) * share : value)));
  }
  // Who has no partner is shown on the nearer side only.
  const [alone, paired] = share < 0.5 ? [before[1], left] : [after[1], right];
  alone.forEach((box, index) => { if (!paired.has(index)) boxes.push(box); });
  return boxes;
}

/** Intersection over union. */
export function overlapOf(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Draw boxes over a picture of `width` × `height` CSS pixels; `usual` is the colour of those that have none. */
export function drawBoxes(context, boxes, width, height, usual) {
  context.lineJoin = "round";
  context.font = "600 11px ui-sans-serif, system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const [x0, y0, x1, y1, confidence, label, colour = usual] of boxes) {
    const [x, y, w, h] = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height];
    const radius = Math.min(6, w / 4, h / 4);
    context.beginPath();
    context.roundRect(x, y, w, h, radius);
    context.globalAlpha = 0.1;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 3.5;
    context.strokeStyle = "rgb(0 0 0 / 45%)";
    context.stroke();
    context.lineWidth = 1.75;
    context.strokeStyle = colour;
    context.stroke();
    const percent = `${Math.round(confidence * 100)}%`;
    if (w >= 34 || label) drawTag(context, label ? `${label} ${percent}` : percent, x, y, height, colour);
  }
}

function drawTag(context, text, x, y, height, colour) {
  const width = context.measureText(text).width + 10;
  const top = y >= 20 ? y - 19 : Math.min(y + 3, height - 17);
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x - 0.9, top, width, 16, 5);
  context.fill();
  context.fillStyle = "#06231c";
  context.fillText(text, x + 4, top + 8.5);
}
