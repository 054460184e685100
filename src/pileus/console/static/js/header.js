// The bar on top: where the platform is, which stage is shown, how it fares.

import { byId, make, setText } from "./dom.js";
import { bytes, span, whole } from "./format.js";

const STATE_WORDS = { ok: "Live", degraded: "Degraded", down: "Down", connecting: "Connecting" };

/** Shows `hello` and `health`; changes the account. */
export class Header {
  #health = {};
  #perSecond;

  /** @param {() => number} [perSecond] the rate of calls, where the page knows it */
  constructor(live, perSecond = null) {
    this.#perSecond = perSecond;
    live.on("hello", (hello) => this.#begin(hello));
    live.on("health", ({ items }) => this.#fare(items.at(-1)));
    live.on("lost", ({ pauseMs }) => this.#lose(pauseMs));
    byId("environment").addEventListener("change", (event) => live.open(event.target.value));
    byId("endpoint").addEventListener("click", () => this.#copy());
    setInterval(() => this.#tellVitals(), 1000);
  }

  #begin(hello) {
    document.body.classList.remove("is-lost");
    byId("outage").hidden = true;
    setText(byId("endpoint").querySelector("code"), hello.endpoint);
    const options = hello.environments.map(({ name, account }) => make("option", {
      value: account, textContent: `${name} · ${account}`, selected: account === hello.account,
    }));
    if (!hello.environments.some(({ account }) => account === hello.account)) {
      options.unshift(make("option", { value: hello.account, textContent: hello.account, selected: true }));
    }
    byId("environment").replaceChildren(...options);
    document.title = `Pileus · ${hello.environments.find(({ account }) => account === hello.account)?.name ?? hello.account}`;
    this.#fare(hello.health?.[0] ?? { state: "ok" });
  }

  #fare(health) {
    this.#health = health;
    this.#say(health.state in STATE_WORDS ? health.state : "degraded", STATE_WORDS[health.state] ?? health.state);
    byId("health").title = health.reason ?? "";
    this.#tellVitals();
  }

  #lose(pauseMs) {
    this.#say("lost", "Lost");
    document.body.classList.add("is-lost");
    const outage = byId("outage");
    outage.hidden = false;
    setText(outage, `The platform does not answer. Trying again in ${span(Math.max(1, pauseMs / 1000))}; what is shown below is the last that was known.`);
  }

  #say(state, words) {
    byId("health").dataset.state = state;
    setText(byId("health").querySelector("span"), words);
  }

  #tellVitals() {
    const told = this.#perSecond ? [["Calls", `${this.#perSecond().toFixed(1)} /s`]] : [];
    if (this.#health.uptime_s !== undefined) told.push(["Up", span(this.#health.uptime_s)]);
    if (this.#health.memory_bytes) told.push(["Memory", bytes(this.#health.memory_bytes)]);
    if (this.#health.sandbox) told.push(["Sandbox", this.#health.sandbox]);
    if (this.#health.deliveries_pending) told.push(["Deliveries waiting", whole(this.#health.deliveries_pending)]);
    const lost = (this.#health.dropped_results ?? 0) + (this.#health.bad_lines ?? 0);
    if (lost) told.push(["Results unread", String(lost)]);
    byId("vitals").replaceChildren(...told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  }

  async #copy() {
    const button = byId("endpoint");
    await navigator.clipboard.writeText(button.querySelector("code").textContent);
    const note = button.querySelector(".copied");
    setText(note, "copied");
    setTimeout(() => setText(note, ""), 1600);
  }
}
