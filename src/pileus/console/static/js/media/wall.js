// The wall: every source with its newest still, its state and what was last seen or said.

import { byId, make, setText } from "../dom.js";
import { count } from "../format.js";
import { lineOf } from "./records.js";

const WORDS_SHOWN = 10;
export const STATE_WORDS = {
  LIVE: "live", CONNECTING: "connecting", STALLED: "stalled", ENDED: "ended", FAILED: "failed", STOPPED: "off",
};

/** "2 persons · 1 car", or the last words said; empty for nothing. */
export function summary(documents) {
  const counts = new Map();
  let said = "";
  for (const document of documents) {
    for (const { objects = [], words = [] } of document.series) {
      // Two engines may see the same: the one that sees more tells.
      for (const [label, seen] of Object.entries(countOf(objects))) counts.set(label, Math.max(counts.get(label) ?? 0, seen));
      if (words.length) said = `“${words.slice(-WORDS_SHOWN).map(({ word }) => word).join(" ")}”`;
    }
  }
  return [[...counts].map(([label, many]) => count(many, label)).join(" · "), said].filter(Boolean).join(" · ");
}

function countOf(objects) {
  const counts = {};
  for (const { label, box } of objects) if (box) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** Shows the desk's sources; `choose(name)` is called for the one that is picked. */
export class Wall {
  #cards = new Map();
  #chosen = null;

  constructor(desk, choose) {
    this.desk = desk;
    this.choose = choose;
    desk.on((state) => this.#show(state));
  }

  set chosen(name) {
    this.#chosen = name;
    for (const [each, card] of this.#cards) card.button.setAttribute("aria-pressed", String(each === name));
  }

  #show({ Sources, Newest }) {
    const live = Sources.filter(({ State }) => State === "LIVE").length;
    setText(byId("wall-note"), Sources.length ? `${live} of ${Sources.length} live` : "");
    for (const [name, card] of this.#cards) {
      if (Sources.some(({ Name }) => Name === name)) continue;
      card.item.remove();
      this.#cards.delete(name);
    }
    for (const source of Sources) {
      const documents = this.desk.enginesOn(source.Name).map((engine) => Newest[`${source.Name}/${engine}`]).filter(Boolean);
      this.#tell(this.#card(source.Name), source, summary(documents));
    }
    byId("wall").classList.toggle("is-empty", !Sources.length);
  }

  #card(name) {
    if (this.#cards.has(name)) return this.#cards.get(name);
    const image = make("img", { alt: "", width: 320, height: 180 });
    const state = make("span.state");
    const said = make("span.said");
    const record = make("code", { hidden: true });
    const button = make("button", {
      type: "button", aria: { pressed: String(name === this.#chosen) }, on: { click: () => this.choose(name) },
    }, make("span.still", {}, image, record, state), make("b", {}, name), said);
    const item = make("li", {}, button);
    const card = { item, button, image, record, state, said, still: "" };
    image.addEventListener("load", () => image.classList.add("is-there"));
    this.#cards.set(name, card);
    byId("wall").append(item);
    return card;
  }

  #tell(card, source, said) {
    card.state.dataset.state = source.State;
    card.button.title = source.StateReason ?? "";
    setText(card.state, STATE_WORDS[source.State] ?? source.State);
    card.record.hidden = !source.Records;
    setText(card.record, source.NewestRecord === undefined ? "no record yet" : lineOf(source.NewestRecord));
    setText(card.said, said || (source.State === "FAILED" || source.State === "STALLED" ? source.StateReason ?? "" : "nothing seen or said"));
    const still = source.Newest ? this.desk.path(source.Name, `recording/${source.Newest.SegmentId}.jpg`) : "";
    if (still && still !== card.still) {
      card.still = still;
      card.image.src = still;
    }
  }
}
