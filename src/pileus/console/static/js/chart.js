// People over time: a stepped area, the alarm's limit, the playhead, and a cursor for mouse,
// finger and keyboard.

import { fitCanvas, make, setText, token } from "./dom.js";
import { clockMinute, clockTime, count, mediaTime } from "./format.js";

const SPANS = [["2 min", 120_000], ["15 min", 900_000], ["All", Infinity]];
const SPAN_MIN_MS = 30_000;
const PAD = { left: 22, right: 10, top: 8, bottom: 18 };
const TICK_STEPS_S = [5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600];

/** Draws the points of whichever source it is given. */
export class PeopleChart {
  #canvas;
  #hint;
  #spanMs = SPANS[0][1];
  #cursor = null;
  #shown = "";

  constructor(canvas, hint, spans) {
    this.#canvas = canvas;
    this.#hint = hint;
    const buttons = SPANS.map(([label, spanMs]) => make("button", {
      type: "button", textContent: label, aria: { pressed: String(spanMs === this.#spanMs) },
      on: { click: () => {
        this.#spanMs = spanMs;
        for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === label));
      } },
    }));
    spans.replaceChildren(...buttons);
    canvas.addEventListener("pointermove", (event) => this.#point(event));
    canvas.addEventListener("pointerdown", (event) => this.#point(event));
    canvas.addEventListener("pointerleave", () => { this.#cursor = null; });
    canvas.addEventListener("blur", () => { this.#cursor = null; });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    this.#cursor = Math.min(1, Math.max(0, (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right)));
  }

  #key(event) {
    const steps = { ArrowLeft: -0.01, ArrowRight: 0.01, PageUp: -0.1, PageDown: 0.1 };
    if (event.key === "Escape") this.#cursor = null;
    else if (event.key in steps) this.#cursor = Math.min(1, Math.max(0, (this.#cursor ?? 1) + steps[event.key]));
    else return;
    event.preventDefault();
  }

  /**
   * Draw `view.points`, with the playhead at `playhead` (pts in ms, null for none).
   * @param {?number} originMs wall time of pts 0, null to label in the source's own time
   */
  draw(view, playhead, originMs) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const points = view.points;
    const last = points.at(-1)?.[0] ?? 0;
    // Redrawn only when something in it moved: the page idles when the source does.
    const limit = view.occupancy?.limit ?? null;
    const scheme = token("--stage");
    const shown = [view.name, last, points.length, playhead, this.#cursor, this.#spanMs, width, height, limit, scheme].join();
    if (shown === this.#shown || !width) return;
    this.#shown = shown;
    const context = fitCanvas(this.#canvas, width, height);
    context.clearRect(0, 0, width, height);
    const first = points[0]?.[0] ?? 0;
    const endMs = Math.max(last, playhead ?? 0);
    // A young source fills the width too, from its first half minute on.
    const startMs = Math.max(Math.min(first, endMs - SPAN_MIN_MS), endMs - this.#spanMs);
    const plot = new Plot(width, height, startMs, endMs, points, limit);
    plot.originMs = originMs === null ? null : Math.round(originMs / 100) * 100;
    plot.grid(context);
    if (points.length) plot.area(context, points);
    if (limit !== null) plot.limitLine(context, limit);
    if (playhead !== null) plot.playhead(context, playhead);
    this.#tell(context, plot, view);
  }

  #tell(context, plot, view) {
    const people = view.points.at(-1)?.[1];
    this.#canvas.setAttribute("aria-label", people === undefined
      ? "People over time: nothing counted yet" : `People over time: ${count(people, "person", "people")} at the end, ${plot.peak} at most`);
    const point = this.#cursor === null ? null : plot.nearest(view.points, this.#cursor);
    if (point) {
      plot.cursor(context, point);
      setText(this.#hint, `${plot.label(point[0], 1000)} · ${count(point[1], "person", "people")}`);
    } else {
      setText(this.#hint, "");
    }
  }
}

class Plot {
  constructor(width, height, startMs, endMs, points, limit) {
    Object.assign(this, { width, height, startMs, endMs });
    this.from = lowerBound(points, startMs);
    this.peak = 0;
    for (let at = this.from; at < points.length; at += 1) this.peak = Math.max(this.peak, points[at][1]);
    this.top = Math.max(4, this.peak + 1, (limit ?? 0) + 1);
    this.ink = token("--box");
  }

  x(pts) {
    const inner = this.width - PAD.left - PAD.right;
    return PAD.left + ((pts - this.startMs) / (this.endMs - this.startMs)) * inner;
  }

  y(people) {
    return PAD.top + (1 - people / this.top) * (this.height - PAD.top - PAD.bottom);
  }

  grid(context) {
    context.font = "11px ui-sans-serif, system-ui, sans-serif";
    context.fillStyle = token("--stage-ink-2");
    context.strokeStyle = token("--stage-line");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    const step = Math.max(1, Math.ceil(this.top / 4));
    for (let people = 0; people <= this.top; people += step) {
      const y = Math.round(this.y(people)) + 0.5;
      context.beginPath();
      context.moveTo(PAD.left, y);
      context.lineTo(this.width - PAD.right, y);
      context.stroke();
      context.fillText(String(people), PAD.left - 7, y);
    }
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    const perLabel = (this.endMs - this.startMs) / Math.max(2, (this.width - 40) / 84) / 1000;
    const stepMs = (TICK_STEPS_S.find((seconds) => seconds >= perLabel) ?? 86_400) * 1000;
    const origin = this.originMs ?? 0;
    for (let at = Math.ceil((origin + this.startMs) / stepMs) * stepMs; at <= origin + this.endMs; at += stepMs) {
      const x = this.x(at - origin);
      if (at >= origin && x > PAD.left + 12 && x < this.width - 26) context.fillText(this.label(at - origin, stepMs), x, this.height - 4);
    }
  }

  /** A moment in wall time when that is known, else in the source's own. */
  label(pts, stepMs) {
    if (this.originMs === null) return mediaTime(pts);
    return (stepMs < 60_000 ? clockTime : clockMinute)(this.originMs + pts);
  }

  /** One step per pixel at most: of points that share a pixel the highest counts. */
  area(context, points) {
    const floor = this.y(0);
    const line = new Path2D();
    const begin = Math.max(0, this.from - 1);
    let x = Math.max(PAD.left, this.x(points[begin][0]));
    const firstX = x;
    let y = this.y(points[begin][1]);
    line.moveTo(x, y);
    for (let at = begin + 1; at < points.length; at += 1) {
      const nextX = this.x(points[at][0]);
      let people = points[at][1];
      while (at + 1 < points.length && this.x(points[at + 1][0]) - nextX < 1) {
        at += 1;
        people = Math.max(people, points[at][1]);
      }
      line.lineTo(nextX, y);
      y = this.y(people);
      line.lineTo(nextX, y);
      x = nextX;
    }
    const filled = new Path2D(line);
    filled.lineTo(x, floor);
    filled.lineTo(firstX, floor);
    const shade = context.createLinearGradient(0, PAD.top, 0, floor);
    shade.addColorStop(0, "rgb(92 242 207 / 38%)");
    shade.addColorStop(1, "rgb(92 242 207 / 3%)");
    context.fillStyle = shade;
    context.fill(filled);
    context.strokeStyle = this.ink;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.stroke(line);
  }

  limitLine(context, limit) {
    const y = Math.round(this.y(limit)) + 0.5;
    context.setLineDash([5, 4]);
    context.strokeStyle = "#ff9e92";
    context.beginPath();
    context.moveTo(PAD.left, y);
    context.lineTo(this.width - PAD.right, y);
    context.stroke();
    context.setLineDash([]);
  }

  playhead(context, pts) {
    const x = this.x(pts);
    context.strokeStyle = "rgb(255 255 255 / 75%)";
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, PAD.top);
    context.lineTo(x, this.y(0));
    context.stroke();
    context.fillStyle = "#fff";
    context.beginPath();
    context.arc(x, PAD.top, 3, 0, 7);
    context.fill();
  }

  nearest(points, share) {
    const pts = this.startMs + share * (this.endMs - this.startMs);
    const at = lowerBound(points, pts);
    const [before, after] = [points[at - 1], points[at]];
    if (!before || !after) return before ?? after ?? null;
    return pts - before[0] < after[0] - pts ? before : after;
  }

  cursor(context, [pts, people]) {
    context.fillStyle = this.ink;
    context.strokeStyle = token("--stage");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(this.x(pts), this.y(people), 5, 0, 7);
    context.fill();
    context.stroke();
  }
}

function lowerBound(points, pts) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < pts) low = middle + 1;
    else high = middle;
  }
  return low;
}
