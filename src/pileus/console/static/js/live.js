// The one WebSocket that carries everything but pictures; it comes back by itself.

const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 8000;

/** The ws:// address of a path below the page. */
export function socketAddress(path) {
  const address = new URL(path, document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

/**
 * Hands each message to the listeners of its type. Besides the server's types there are
 * "open", "lost" ({pauseMs}) and "dropped" (the server's counts of what it could not tell us).
 */
export class Live {
  #listeners = new Map();
  #socket = null;
  #timer = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #account = "";

  /** Call `listener(message)` for each message of a type. */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, []);
    this.#listeners.get(type).push(listener);
  }

  /** Look at an account (empty: the default one), leaving the one before. */
  open(account = "") {
    this.#account = account;
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.close();
    }
    const socket = new WebSocket(socketAddress(`live${account ? `?account=${encodeURIComponent(account)}` : ""}`));
    this.#socket = socket;
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = () => this.#lose();
  }

  #take(frame) {
    this.#pauseMs = FIRST_PAUSE_MS;
    for (const message of frame.messages) this.#tell(message.type, message);
    this.#tell("dropped", frame.dropped);
  }

  #lose() {
    this.#tell("lost", { pauseMs: this.#pauseMs });
    this.#timer = setTimeout(() => this.open(this.#account), this.#pauseMs);
    this.#pauseMs = Math.min(LAST_PAUSE_MS, this.#pauseMs * 2);
  }

  #tell(type, message) {
    for (const listener of this.#listeners.get(type) ?? []) listener(message);
  }
}
