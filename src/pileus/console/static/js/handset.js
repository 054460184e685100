// The handset: what a user of the app sees on a phone. Texts go in by POST and come back live.

import { byId, make, setText } from "./dom.js";
import { clockMinute } from "./format.js";

const OWN_NUMBER = "+12025550142";
const quickTexts = (room) => ["status", `clean ${room}`, `alarm ${room} 5`, "help"];
const PAUSE_SHOWN_MS = 5 * 60_000;
const KEPT = 200;
const HEARD = "Write to the app as its users would. Replies come back here.";
const UNHEARD = "No app in this account takes texts yet: one does when it has a two-way phone number.";

/** Shows `sms` messages; sends what is typed. */
export class Handset {
  #account = "";
  #list = byId("bubbles");
  #waiting = new Map();
  #seen = new Set();
  #lastAt = 0;
  #room = "";

  constructor(live) {
    live.on("hello", (hello) => {
      this.#account = hello.account;
      this.#seen.clear();
      this.#waiting.clear();
      this.#lastAt = 0;
      this.#list.replaceChildren(make("li.hint", {}, UNHEARD));
      for (const item of hello.sms ?? []) this.#take(item);
    });
    const hear = (resources) => this.#tellHearer(resources?.nodes?.some((node) => node.id === "sms:in"));
    live.on("hello", (hello) => hear(hello.resources?.[0]));
    live.on("resources", ({ items }) => hear(items.at(-1)));
    live.on("sms", ({ items }) => items.forEach((item) => this.#take(item)));
    const know = (sources) => { if (sources?.length) this.#offer(sources[0].source); };
    live.on("hello", (hello) => know(hello.sources));
    live.on("sources", ({ items }) => know(items));
    this.#offer("lobby");
    setText(byId("handset-number"), OWN_NUMBER);
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = byId("composer-text");
      const text = field.value.trim();
      field.value = "";
      if (text) this.#send(text);
    });
  }

  /** Ready texts about a room, which is called as its source. */
  #offer(room) {
    if (room === this.#room) return;
    this.#room = room;
    byId("quick").replaceChildren(...quickTexts(room).map((text) => make("button", {
      type: "button", textContent: text, on: { click: () => this.#send(text) },
    })));
  }

  #tellHearer(isHeard) {
    const hint = this.#list.querySelector(".hint");
    if (hint) setText(hint, isHeard ? HEARD : UNHEARD);
  }

  async #send(text) {
    const bubble = this.#bubble("in waiting", text, Date.now());
    try {
      const response = await fetch("api/sms", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ account: this.#account, from: OWN_NUMBER, text }),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      // The live feed may have told of the message before this answer came.
      if (this.#seen.has(answer.id)) bubble.remove();
      else this.#waiting.set(answer.id, bubble);
    } catch (error) {
      bubble.className = "in failed";
      bubble.append(make("small", {}, ` — not sent: ${error.message}`));
    }
  }

  #take(item) {
    if (item.id && this.#seen.has(item.id)) return;
    this.#seen.add(item.id);
    const waiting = this.#waiting.get(item.id);
    if (waiting) {
      waiting.className = "in";
      this.#waiting.delete(item.id);
      return;
    }
    const bubble = this.#bubble(item.direction === "in" ? "in" : "out", item.text, item.at_ms);
    if (item.number && item.number !== OWN_NUMBER) {
      const words = item.direction === "in" ? "from" : "to";
      bubble.prepend(make("small.number", {}, `${words} ${item.number}`));
    }
  }

  #bubble(kind, text, atMs) {
    this.#list.querySelector(".hint")?.remove();
    if (atMs - this.#lastAt > PAUSE_SHOWN_MS) this.#list.append(make("time", {}, clockMinute(atMs)));
    this.#lastAt = atMs;
    const bubble = make("li", { className: kind }, text);
    this.#list.append(bubble);
    while (this.#list.children.length > KEPT) this.#list.firstChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
    return bubble;
  }
}
