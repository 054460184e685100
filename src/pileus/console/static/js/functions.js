// The functions table: how each function starts, runs, fails and costs.

import { byId, make, makeSvg, setText } from "./dom.js";
import { count, duration, whole } from "./format.js";
import { onNames, shortName } from "./names.js";

const SPARK = { width: 190, height: 26, runs: 40 };
const KINDS = ["warm", "cold", "failed"];

/** Draws `functions` messages, one row a function, in order of name. */
export class FunctionTable {
  #rows = new Map();
  #onFunction;

  /** @param {(name: string) => void} onFunction the user asks for a function's log */
  constructor(live, onFunction) {
    this.#onFunction = onFunction;
    live.on("hello", (hello) => {
      this.#rows.clear();
      byId("function-rows").replaceChildren();
      this.#take(hello.functions ?? []);
    });
    live.on("functions", ({ items }) => this.#take(items));
    onNames(() => this.#take([...this.#rows.values()].map((row) => row.item)));
  }

  #take(items) {
    for (const item of items) this.#rows.set(item.name, { item, element: this.#draw(item) });
    const ordered = [...this.#rows.values()].sort((one, other) => one.item.name.localeCompare(other.item.name));
    const body = byId("function-rows");
    if (!ordered.length) {
      const text = "No function has run yet. A row appears with the first invocation.";
      body.replaceChildren(make("tr.empty", {}, make("td", { colSpan: 10 }, text)));
    } else if (ordered.length !== body.children.length || body.querySelector(".empty")) {
      body.replaceChildren(...ordered.map((row) => row.element));
    }
    const total = ordered.reduce((sum, row) => sum + row.item.gb_seconds, 0);
    const runs = ordered.reduce((sum, row) => sum + row.item.cold + row.item.warm, 0);
    setText(byId("functions-note"), ordered.length ? `${count(runs, "invocation")} · ${total.toFixed(2)} GB‑s` : "");
  }

  #draw(item) {
    const name = make("button", {
      type: "button", textContent: shortName(item.name), title: `Show the log of ${item.name}`,
      on: { click: () => this.#onFunction(item.name) },
    });
    const used = item.memory_peak_mb ? `${item.memory_peak_mb} / ${item.memory_mb} MB` : item.memory_mb ? `${item.memory_mb} MB` : "–";
    const errors = item.errors + item.throttles;
    const cells = [
      make("td", {}, name),
      cell("Cold / warm", ratio(item)),
      cell("p50", duration(item.p50_ms), "num"),
      cell("p95", duration(item.p95_ms), "num"),
      cell("Init", duration(item.init_p50_ms), "num"),
      cell("Errors", whole(errors), errors ? "num bad" : "num"),
      cell("At once", make("span", {}, whole(item.at_once), make("small", {}, ` peak ${whole(item.at_once_peak)}`)), "num"),
      cell("Memory", used, "num"),
      cell("GB‑s", item.gb_seconds < 10 ? item.gb_seconds.toFixed(2) : whole(item.gb_seconds), "num"),
      make("td.spark", {}, sparkline(item)),
    ];
    if (item.throttles) cells[5].title = `${whole(item.errors)} failed, ${whole(item.throttles)} throttled`;
    const known = this.#rows.get(item.name)?.element;
    if (!known) return make("tr", {}, ...cells);
    // The name's button keeps the focus: it is left in place.
    setText(known.querySelector("button"), shortName(item.name));
    cells.slice(1).forEach((fresh, index) => known.children[index + 1].replaceWith(fresh));
    return known;
  }
}

function cell(label, content, className = "") {
  return make("td", { className, data: { label } }, content);
}

function ratio({ cold, warm }) {
  const part = make("b");
  part.style.width = `${cold + warm ? (100 * cold) / (cold + warm) : 0}%`;
  return make("span.ratio", {}, make("i", { aria: { hidden: "true" } }, part), `${whole(cold)} / ${whole(warm)}`);
}

/** One bar a run: its height the duration on a root scale, its colour cold, warm or failed. */
function sparkline({ recent, name }) {
  const most = Math.max(1, ...recent.map(([ms]) => ms));
  const step = SPARK.width / SPARK.runs;
  const offset = SPARK.runs - recent.length;
  const bars = recent.map(([ms, kind], index) => {
    const height = Math.max(2, Math.sqrt(ms / most) * SPARK.height);
    const x = (offset + index) * step;
    return makeSvg(`rect.${KINDS[kind]}`, { x, y: SPARK.height - height, width: step - 1.2, height, rx: 1 });
  });
  const label = `Last ${count(recent.length, "run")} of ${name}, the longest ${duration(most)}`;
  return makeSvg("svg", {
    viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: "none", role: "img", "aria-label": label,
  }, ...bars);
}
