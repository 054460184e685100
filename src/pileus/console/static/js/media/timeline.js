// The timeline below the picture: what was recorded, what engines saw, and the moment shown. Pointing shows a still,
// a press or the arrow keys go there.

import { byId, fitCanvas, make, setText, token } from "../dom.js";
import { colourOf } from "./results.js";

const SPANS = [["1 min", 60_000], ["10 min", 600_000], ["1 h", 3_600_000]];
const STEPS_MS = [5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000];
const PAD = { left: 10, right: 10, top: 8, bottom: 18 };
const BAND = 5;
const TICK_WIDTH = 84;
const KEYS_MS = { ArrowLeft: -2000, ArrowRight: 2000, PageUp: 10_000, PageDown: -10_000 };

export class Timeline {
  #canvas = byId("timeline");
  #peek = byId("peek");
  #spanMs = SPANS[0][1];
  #pointed = null;
  #shown = "";
  #range = [0, 1];
  view = null;

  /** @param {(pts: number) => void} seek */
  constructor(seek) {
    this.seek = seek;
    const buttons = SPANS.map(([label, spanMs]) => make("button", {
      type: "button", textContent: label, aria: { pressed: String(spanMs === this.#spanMs) },
      on: { click: () => {
        this.#spanMs = spanMs;
        for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === label));
      } },
    }));
    byId("span").replaceChildren(...buttons);
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.#canvas.addEventListener("pointerleave", () => this.#unpoint());
    this.#canvas.addEventListener("pointerdown", (event) => {
      this.#point(event);
      if (this.#pointed !== null) this.seek(this.#pointed);
    });
    this.#canvas.addEventListener("pointerup", ({ pointerType }) => { if (pointerType !== "mouse") this.#unpoint(); });
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const pts = this.view?.pts;
    if (pts === null || pts === undefined || !(event.key in KEYS_MS || event.key === "Home")) return;
    event.preventDefault();
    this.seek(event.key === "Home" ? this.view.moments.segments[0]?.start_ms ?? 0 : Math.max(0, pts + KEYS_MS[event.key]));
  }

  #point(event) {
    if (!this.view) return;
    const box = this.#canvas.getBoundingClientRect();
    const inner = box.width - PAD.left - PAD.right;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - PAD.left) / inner));
    this.#pointed = this.#range[0] + share * (this.#range[1] - this.#range[0]);
    this.#showPeek(PAD.left + share * inner, box.width);
  }

  #showPeek(x, width) {
    const still = this.view.moments.still(this.#pointed);
    this.#peek.hidden = still === null;
    if (still === null) return;
    const image = this.#peek.querySelector("img");
    if (!image.src.endsWith(still)) image.src = still;
    setText(this.#peek.querySelector("figcaption"), this.view.moments.label(this.#pointed));
    this.#peek.style.left = `${Math.min(Math.max(x, 90), width - 90)}px`;
  }

  #unpoint() {
    this.#pointed = null;
    this.#peek.hidden = true;
  }

  /** Draw {name, pts, edge, moments, results}; edge is the newest moment known. */
  draw(view) {
    this.view = view;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const { pts, edge, moments, results } = view;
    const shown = [view.name, Math.round((pts ?? 0) / 40), Math.round(edge / 40), moments.segments.length, results.events.length,
      results.points.length, this.#pointed, this.#spanMs, width, height, token("--stage")].join();
    if (shown === this.#shown || !width) return;
    this.#shown = shown;
    const first = moments.segments[0]?.start_ms ?? 0;
    const spanMs = Math.min(this.#spanMs, Math.max(20_000, edge - first));
    // What is shown stays in sight, also when it lies further back than the span.
    const stop = pts !== null && pts < edge - spanMs ? pts + spanMs / 2 : edge;
    this.#range = [stop - spanMs, stop];
    this.#paint(fitCanvas(this.#canvas, width, height), width, height);
    this.#tell();
  }

  #paint(context, width, height) {
    const { pts, moments, results } = this.view;
    const [start, stop] = this.#range;
    const inner = width - PAD.left - PAD.right;
    const x = (at) => PAD.left + (inner * (at - start)) / (stop - start);
    const floor = height - PAD.bottom;
    context.clearRect(0, 0, width, height);
    this.#grid(context, x, floor, inner);
    context.fillStyle = token("--stage-line");
    context.fillRect(PAD.left, floor - BAND, inner, BAND);
    context.save();
    context.beginPath();
    context.rect(PAD.left, 0, inner, height);
    context.clip();
    context.fillStyle = "#4d6a8f";
    for (const segment of moments.segments) {
      if (segment.stop_ms < start || segment.start_ms > stop) continue;
      context.fillRect(x(segment.start_ms), floor - BAND, Math.max(1, x(segment.stop_ms + 60) - x(segment.start_ms)), BAND);
    }
    this.#area(context, results.points, x, floor - BAND - 3);
    for (const { pts: at, label } of results.events) {
      if (at < start || at > stop) continue;
      context.fillStyle = colourOf(label) ?? token("--box");
      context.beginPath();
      context.arc(x(at), floor - BAND / 2, 4, 0, 7);
      context.fill();
    }
    context.fillStyle = "#97a3b4";
    for (const word of results.words) if (word.stop_ms > start && word.start_ms < stop) context.fillRect(x(word.start_ms), PAD.top, Math.max(1, x(word.stop_ms) - x(word.start_ms) - 0.5), 3);
    context.restore();
    if (this.#pointed !== null) line(context, x(this.#pointed), floor, token("--stage-ink-2"), 1);
    if (pts !== null && pts >= start) line(context, Math.min(x(pts), width - PAD.right), floor, "#ffffff", 2);
  }

  #grid(context, x, floor, inner) {
    const [start, stop] = this.#range;
    const step = STEPS_MS.find((each) => ((stop - start) / each) * TICK_WIDTH < inner) ?? STEPS_MS.at(-1);
    context.font = "11px ui-sans-serif, system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "center";
    for (let at = Math.ceil(start / step) * step; at <= stop; at += step) {
      if (at < 0) continue;
      context.fillStyle = token("--stage-line");
      context.fillRect(x(at), PAD.top, 1, floor - PAD.top);
      context.fillStyle = token("--stage-ink-2");
      const place = Math.min(Math.max(x(at), PAD.left + 24), PAD.left + inner - 24);
      context.fillText(this.view.moments.label(at), place, floor + 10);
    }
  }

  #area(context, points, x, floor) {
    const [start, stop] = this.#range;
    const seen = points.filter(([at]) => at >= start - 2000 && at <= stop);
    if (!seen.length) return;
    const top = Math.max(3, ...seen.map(([, many]) => many)) + 0.5;
    const y = (many) => floor - ((floor - PAD.top - 8) * many) / top;
    context.beginPath();
    context.moveTo(x(seen[0][0]), floor);
    seen.forEach(([at, many], index) => {
      context.lineTo(x(at), y(seen[Math.max(0, index - 1)][1]));
      context.lineTo(x(at), y(many));
    });
    context.lineTo(x(seen.at(-1)[0]), floor);
    const ink = token("--box");
    context.globalAlpha = 0.16;
    context.fillStyle = ink;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.stroke();
  }

  #tell() {
    const { pts, moments } = this.view;
    this.#canvas.setAttribute("aria-valuemin", String(Math.round(Math.max(0, this.#range[0]))));
    this.#canvas.setAttribute("aria-valuemax", String(Math.round(this.#range[1])));
    if (pts === null) return;
    this.#canvas.setAttribute("aria-valuenow", String(Math.round(pts)));
    this.#canvas.setAttribute("aria-valuetext", moments.label(pts));
  }
}

function line(context, x, floor, colour, width) {
  context.fillStyle = colour;
  context.fillRect(x - width / 2, PAD.top - 4, width, floor - PAD.top + 4);
}
