// In the place of the picture: the newest records of a source that has records.

import { byId, make } from "../dom.js";
import { socketAddress } from "../live.js";

const KEPT = 100;
const RETRY_MS = 1000;

/** A record in one line of text: members of an object as "name value". */
export function lineOf(record) {
  if (record === null || typeof record !== "object" || Array.isArray(record)) return JSON.stringify(record);
  return Object.entries(record).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`).join("  ");
}

export class RecordList {
  #list = byId("records");
  #socket = null;
  #timer = 0;
  #offset = -1;
  #waiting = [];
  #isDue = false;

  constructor() {
    this.#list.hidden = true;
  }

  get isShown() {
    return !this.#list.hidden;
  }

  get count() {
    return this.#list.childElementCount + this.#waiting.length;
  }

  /** Show the records at a path as they come; null for none. */
  show(path) {
    clearTimeout(this.#timer);
    if (this.#socket) [this.#socket.onclose, this.#socket.onmessage] = [null, null];
    this.#socket?.close();
    [this.#socket, this.#offset, this.#waiting] = [null, -1, []];
    this.#list.replaceChildren();
    this.#list.hidden = path === null;
    if (path !== null) this.#connect(path);
  }

  #connect(path) {
    const from = this.#offset < 0 ? `last=${KEPT}` : `after=${this.#offset}`;
    this.#socket = new WebSocket(socketAddress(`${path}?${from}`));
    this.#socket.onmessage = ({ data }) => {
      const { offset, document: told } = JSON.parse(data);
      if (told) this.#take(offset, told);
    };
    this.#socket.onclose = () => { this.#timer = setTimeout(() => this.#connect(path), RETRY_MS); };
  }

  #take(offset, told) {
    this.#offset = offset;
    this.#waiting.push(told);
    if (this.#waiting.length > KEPT) this.#waiting.shift();
    if (this.#isDue) return;
    this.#isDue = true;
    // A feed may be faster than eyes: one drawing for a frame of the screen.
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDue = false;
    const items = this.#waiting.map(({ chunk, record }) => {
      const at = new Date(chunk.captured_at_ms);
      return make("li", {}, make("time", { dateTime: at.toISOString() }, at.toLocaleTimeString()), make("code", {}, lineOf(record)));
    });
    this.#waiting = [];
    this.#list.prepend(...items.reverse());
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild.remove();
  }
}
