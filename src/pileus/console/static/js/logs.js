// The live log tail: the newest lines of every function, filtered here, paused here.

import { byId, make, setText, throttled } from "./dom.js";
import { clockTime, count } from "./format.js";
import { onNames, shortName } from "./names.js";

const LINES_KEPT = 2000;
const LINES_SHOWN = 400;
const PLATFORM = /^(START|END|REPORT|INIT_START) /;
const ERROR = /\[ERROR\]|Traceback|Task timed out|\bError\b|Exception\b/;

/** Keeps lines, shows those that pass the filters. */
export class LogTail {
  #lines = [];
  #fresh = [];
  #isPaused = false;
  #missed = 0;
  #dropped = 0;
  #functions = new Set();
  #list = byId("log-lines");
  #draw = throttled(120, () => this.#append());

  constructor(live) {
    live.on("hello", (hello) => {
      this.#lines = [];
      this.#take(hello.logs ?? []);
      this.#redraw();
    });
    live.on("logs", ({ items }) => this.#take(items));
    live.on("dropped", ({ logs }) => {
      if (logs && logs !== this.#dropped) {
        this.#dropped = logs;
        this.#tellNote();
      }
    });
    onNames(() => {
      for (const option of [...byId("log-function").options].slice(1)) setText(option, shortName(option.value));
      if (!this.#isPaused) this.#redraw();
    });
    byId("log-function").addEventListener("change", () => this.#redraw());
    byId("log-text").addEventListener("input", () => this.#redraw());
    byId("log-pause").addEventListener("click", () => this.#pause(!this.#isPaused));
  }

  /** Show one function's lines only, and bring the panel into view. */
  showFunction(name) {
    this.#name(name);
    byId("log-function").value = name;
    this.#redraw();
    byId("logs").scrollIntoView({ block: "nearest" });
    byId("log-function").focus({ preventScroll: true });
  }

  #take(items) {
    for (const line of items) {
      this.#lines.push(line);
      this.#name(line.function);
    }
    if (this.#lines.length > LINES_KEPT) this.#lines.splice(0, this.#lines.length - LINES_KEPT);
    if (this.#isPaused) {
      this.#missed += items.filter((line) => this.#passes(line)).length;
      this.#tellNote();
    } else {
      this.#fresh.push(...items);
      this.#draw();
    }
  }

  #name(name) {
    if (!name || this.#functions.has(name)) return;
    this.#functions.add(name);
    const select = byId("log-function");
    const after = [...select.options].slice(1).find((option) => option.value > name);
    select.insertBefore(make("option", { value: name, textContent: shortName(name) }), after ?? null);
  }

  #passes(line) {
    const name = byId("log-function").value;
    const text = byId("log-text").value.toLowerCase();
    return (!name || line.function === name) && (!text || line.text.toLowerCase().includes(text));
  }

  #append() {
    const passing = this.#fresh.filter((line) => this.#passes(line)).slice(-LINES_SHOWN);
    this.#fresh = [];
    if (!passing.length && this.#list.children.length) return;
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    this.#list.querySelector(".empty")?.remove();
    this.#list.append(...passing.map((line) => draw(line, byId("log-text").value)));
    while (this.#list.children.length > LINES_SHOWN) this.#list.firstChild.remove();
    if (!this.#list.children.length) {
      this.#list.append(make("li.empty", {}, this.#lines.length ? "No line passes the filter." : "Lines appear here as functions write them."));
    }
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #redraw() {
    this.#list.replaceChildren();
    this.#fresh = this.#lines.slice();
    this.#missed = 0;
    this.#append();
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#tellNote();
  }

  #pause(isPaused) {
    this.#isPaused = isPaused;
    const button = byId("log-pause");
    button.setAttribute("aria-pressed", String(isPaused));
    setText(button, isPaused ? "Resume" : "Pause");
    if (!isPaused) this.#redraw();
    this.#tellNote();
  }

  #tellNote() {
    const told = [];
    if (this.#isPaused) told.push(`paused, ${count(this.#missed, "line")} waiting`);
    if (this.#dropped) told.push(`${count(this.#dropped, "line")} came too fast to be shown; all are in CloudWatch Logs`);
    setText(byId("log-note"), told.join(" · "));
  }
}

function draw(line, wanted) {
  const kind = PLATFORM.test(line.text) ? "platform" : ERROR.test(line.text) ? "error" : "line";
  const text = line.cut ? `${line.text} … ${line.cut} more characters` : line.text;
  return make(`li.${kind}`, {}, make("time", {}, clockTime(line.at_ms)), make("span", { title: line.group }, shortName(line.function)), make("p", {}, ...marked(text, wanted)));
}

/** The text with each occurrence of what was looked for marked. */
function marked(text, wanted) {
  if (!wanted) return [text];
  const parts = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted.toLowerCase()); at >= 0; at = lower.indexOf(wanted.toLowerCase(), from)) {
    parts.push(text.slice(from, at), make("mark", {}, text.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  return [...parts, text.slice(from)];
}
