// Recent calls through the door, newest first; still while the mouse or the focus is on them.

import { byId, make, setText, throttled } from "./dom.js";
import { clockTime, duration, placeName, whole } from "./format.js";
import { SERVICE_KINDS, paint } from "./icons.js";

const SHOWN = 40;
const SHORT = { "sagemaker-runtime": "sagemaker", "pinpoint-sms-voice-v2": "sms-voice" };
const RATE_SPAN_MS = 5000;

/** Shows `calls` messages, and their rate. */
export class CallList {
  #calls = [];
  #list = byId("call-rows");
  #counts = { calls: 0, errors: 0 };
  #history = [];
  #draw = throttled(300, () => this.#redraw());

  constructor(live) {
    live.on("hello", (hello) => {
      this.#calls = hello.calls ?? [];
      this.#counts = { calls: hello.call_count ?? 0, errors: hello.error_count ?? 0 };
      this.#history = [];
      this.#redraw();
    });
    live.on("calls", ({ items }) => {
      this.#calls.push(...items);
      this.#calls.splice(0, this.#calls.length - SHOWN);
      this.#draw();
    });
    live.on("counts", ({ items }) => { this.#counts = items.at(-1); });
    this.#list.addEventListener("pointerleave", () => this.#draw());
    this.#list.addEventListener("blur", () => this.#draw());
    setInterval(() => this.#tellNote(), 1000);
  }

  /** Calls a second over the last seconds. */
  get perSecond() {
    const [first, last] = [this.#history[0], this.#history.at(-1)];
    return first && last !== first ? ((last.calls - first.calls) * 1000) / (last.now - first.now) : 0;
  }

  #tellNote() {
    const now = performance.now();
    this.#history.push({ now, calls: this.#counts.calls });
    while (this.#history[0].now < now - RATE_SPAN_MS) this.#history.shift();
    const { calls, errors } = this.#counts;
    setText(byId("calls-note"), `${whole(calls)} in all${errors ? `, ${whole(errors)} failed` : ""}`);
  }

  #redraw() {
    if (this.#list.matches(":hover, :focus-visible") && this.#list.children.length > 1) return;
    const rows = this.#calls.slice(-SHOWN).reverse().map(draw);
    if (!rows.length) rows.push(make("li.empty", {}, "No call yet. Point any AWS client at the endpoint above."));
    this.#list.replaceChildren(...rows);
  }
}

function draw(call) {
  const share = Math.min(1, Math.log10(1 + call.took_ms) / 3.5);
  const line = make("b");
  line.style.width = `${Math.max(6, share * 100)}%`;
  const where = call.error || (call.target ? placeName(call.target) : "");
  return paint(make(`li${call.error ? ".is-bad" : ""}`, { title: `${clockTime(call.at_ms)} ${call.request_id}` },
    make("span.what", {}, call.operation),
    make("span.took", {}, duration(call.took_ms)),
    make("span.where", {}, make("span", {}, SHORT[call.service] ?? call.service), " ", [where, call.source && call.source !== "client" ? `from ${call.source}` : ""].filter(Boolean).join(" · ") || clockTime(call.at_ms)),
    make("span.bar-line", { aria: { hidden: "true" } }, line),
  ), SERVICE_KINDS[call.service]);
}
