// The engines on the shown source: how they fare, one more put on, one taken off.

import { byId, make, setText } from "../dom.js";
import { count, duration, whole } from "../format.js";

const COLUMNS = 9;
const LULLS = { silence: "silent", short: "of short sounds" };

export class LaneTable {
  #source = null;
  #shown = "";

  constructor(desk) {
    this.desk = desk;
    desk.on(() => this.#draw());
    byId("remove-source").addEventListener("click", () => this.#remove());
    byId("put-on").addEventListener("submit", (event) => {
      event.preventDefault();
      if (byId("engine").value) this.#try(() => desk.putOn(this.#source, byId("engine").value));
    });
  }

  /** Delete the source, with its recording and results. */
  async #remove() {
    const name = this.#source;
    if (!confirm(`Remove “${name}”, its recording and what engines said of it?`)) return;
    await this.#try(async () => {
      for (const engine of this.desk.enginesOn(name)) await this.desk.takeOff(name, engine);
      await this.desk.call("DeleteSource", { Name: name });
      await this.desk.refresh();
    });
  }

  set source(name) {
    this.#source = name;
    byId("lanes-trouble").hidden = true;
    this.#draw();
  }

  async #try(work) {
    const trouble = byId("lanes-trouble");
    trouble.hidden = true;
    try {
      await work();
    } catch (error) {
      setText(trouble, error.message);
      trouble.hidden = false;
    }
  }

  #draw() {
    const { state } = this.desk;
    const source = this.desk.source(this.#source);
    const names = this.desk.enginesOn(this.#source);
    const free = (state?.Engines ?? []).map(({ Name }) => Name).filter((name) => !names.includes(name));
    const lanes = new Map((state?.Lanes ?? []).filter(({ Source }) => Source === this.#source).map((lane) => [lane.Engine, lane]));
    this.#tellSource(source);
    const shown = JSON.stringify([this.#source, names, free, [...lanes]]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId("put-on").hidden = !source || !free.length;
    const chosen = byId("engine").value;
    byId("engine").replaceChildren(...free.map((name) => make("option", { value: name, textContent: name, selected: name === chosen })));
    const empty = free.length ? "No engine looks at this source. Put one on, above." : "No engine is deployed. pileus deploy brings one; docs/media.md shows it in five minutes.";
    const rows = names.map((name) => this.#row(name, lanes.get(name), source));
    byId("lane-rows").replaceChildren(...(rows.length ? rows : [make("tr.empty", {}, make("td", { colSpan: COLUMNS }, empty))]));
  }

  #row(name, lane, source) {
    const state = lane?.Health ?? lane?.State ?? (source?.State === "ENDED" ? "ended" : "waiting");
    const drops = Object.entries({ ...lane?.Drops, "nothing moved": lane?.Gated }).filter(([, many]) => many);
    const left = cell("Left out", lane ? whole(drops.reduce((sum, [, many]) => sum + many, 0)) : "–", "num");
    const lulls = Object.entries(lane?.GatedMs ?? {}).filter(([, ms]) => ms);
    if (lulls.length) left.append(make("small", {}, lulls.map(([why, ms]) => `${duration(ms)} ${LULLS[why] ?? why}`).join(", ")));
    left.title = drops.map(([why, many]) => `${whole(many)} ${why}`).join(", ");
    const said = make("span.state", { data: { state } }, state.toLowerCase());
    const status = cell("State", said);
    if (lane?.StateReason) status.append(make("small", { title: lane.StateReason }, lane.StateReason));
    const rate = lane?.ResultsPerSecond && state !== "ENDED" ? [make("small", {}, `${lane.ResultsPerSecond.toFixed(1)} /s`)] : [];
    const results = cell("Results", make("span", {}, lane ? whole(lane.Results) : "–", ...rate), "num");
    const off = make("button", {
      type: "button", textContent: "Take off", aria: { label: `Take ${name} off` },
      on: { click: () => this.#try(() => this.desk.takeOff(this.#source, name)) },
    });
    const failures = (lane?.Failures ?? 0) + (lane?.Dead ?? 0);
    return make("tr", {},
      make("td", {}, name), status,
      cell("Lag", lane?.LagMs ? duration(lane.LagMs) : lane ? "none" : "–", "num"), cell("Waiting", lane ? whole(lane.Waiting) : "–", "num"),
      cell("Instances", lane ? whole(lane.Instances) : "–", "num"), results, left,
      cell("Failures", lane ? whole(failures) : "–", failures ? "num bad" : "num"), make("td.off", {}, off));
  }

  #tellSource(source) {
    setText(byId("lanes-note"), source ? `of ${source.Name}` : "");
    byId("remove-source").hidden = !source;
    if (!source) return setText(byId("source-facts"), "");
    const { Format = {}, Counts = {} } = source;
    const facts = [source.Url ?? "pushed", Format.Video && `${Format.Video} ${Format.Width} × ${Format.Height}`, Format.Audio];
    const wrong = Object.entries(Counts).filter(([name, many]) => many && !["packets", "frames", "connections"].includes(name));
    if (Counts.connections > 1) facts.push(`${whole(Counts.connections)} connections`);
    facts.push(...wrong.map(([name, many]) => `${name.replaceAll("_", " ")} ${whole(many)}`));
    facts.push(`kept for ${source.KeepSeconds ? count(Math.round(source.KeepSeconds / 60), "minute") : "ever"}`);
    setText(byId("source-facts"), facts.filter(Boolean).join(" · "));
  }
}

function cell(label, content, className = "") {
  return make("td", { className, data: { label } }, content);
}
