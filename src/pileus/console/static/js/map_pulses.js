// Light on the map: sparks that run along links and nodes that glow and cool.

import { makeSvg, wantsLessMotion } from "./dom.js";

const RUN_MS = 720;
const LIT_MS = 450;
const COOL_PER_MS = 1 / 1100;
const SPARKS_MAX = 70;
const SPACING_MS = 110;

/** Works on the lines and nodes it was last given by `reset`. */
export class Pulses {
  #lines = new Map();
  #nodes = new Map();
  #heat = new Map();
  #sparks = [];
  #lastOn = new Map();
  #group = makeSvg("g", { "aria-hidden": "true" });
  #isRunning = false;
  #before = 0;

  /** Put the sparks above what `drawing` holds so far and below what comes. */
  layer(drawing) {
    drawing.append(this.#group);
  }

  /** The map was drawn anew: lines by "from\nto", nodes by id. */
  reset(lines, nodes) {
    this.#lines = lines;
    this.#nodes = nodes;
    this.#sparks = [];
    this.#heat.clear();
    this.#group.replaceChildren();
  }

  /** Something passes from one node to another. */
  send(from, to, bad) {
    const line = this.#lines.get(`${from}\n${to}`);
    this.#warm(from, 0.8);
    if (!line) {
      this.#warm(to, 1);
      return;
    }
    this.#light(line, bad);
    const now = performance.now();
    // Many in one tick become a train of sparks, not one bright one.
    const start = Math.max(now, (this.#lastOn.get(line) ?? 0) + SPACING_MS);
    if (wantsLessMotion() || this.#sparks.length >= SPARKS_MAX || start > now + RUN_MS) {
      this.#warm(to, 1);
      return;
    }
    this.#lastOn.set(line, start);
    const dot = makeSvg(bad ? "circle.pulse.is-bad" : "circle.pulse", { r: 4 });
    this.#sparks.push({ line, dot, to, start, length: line.getTotalLength() });
    this.#run();
  }

  /** A node is at work. */
  warm(id, bad) {
    this.#warm(id, bad ? 1.6 : 1);
  }

  /** Dim the links for which `isDim(from, to)`. */
  dim(isDim) {
    for (const [key, line] of this.#lines) line.classList.toggle("is-dim", isDim(...key.split("\n")));
  }

  #warm(id, heat) {
    if (!this.#nodes.has(id)) return;
    this.#heat.set(id, Math.max(heat, this.#heat.get(id) ?? 0));
    this.#run();
  }

  #light(line, bad) {
    line.classList.add("is-lit");
    line.classList.toggle("is-bad", Boolean(bad));
    clearTimeout(line.cooling);
    line.cooling = setTimeout(() => line.classList.remove("is-lit", "is-bad"), LIT_MS);
  }

  #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#before = performance.now();
    requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    const passed = Math.max(0, now - this.#before);
    this.#before = now;
    this.#sparks = this.#sparks.filter((spark) => this.#move(spark, now));
    for (const [id, heat] of this.#heat) {
      const cooler = heat - passed * COOL_PER_MS;
      const element = this.#nodes.get(id);
      if (cooler <= 0.01) {
        this.#heat.delete(id);
        element?.style.removeProperty("--heat");
      } else {
        this.#heat.set(id, cooler);
        element?.style.setProperty("--heat", cooler.toFixed(2));
      }
    }
    this.#isRunning = this.#sparks.length > 0 || this.#heat.size > 0;
    if (this.#isRunning) requestAnimationFrame((next) => this.#step(next));
  }

  #move({ line, dot, to, start, length }, now) {
    const share = (now - start) / RUN_MS;
    if (share < 0) return true;
    if (share >= 1) {
      dot.remove();
      this.#warm(to, 1);
      return false;
    }
    const eased = share * share * (3 - 2 * share);
    const { x, y } = line.getPointAtLength(eased * length);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    if (!dot.isConnected) this.#group.append(dot);
    return true;
  }
}
