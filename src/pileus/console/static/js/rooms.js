// The rooms in numbers: what waits in queues, what lies in buckets and tables.

import { byId, make, setText } from "./dom.js";
import { bytes, count, whole } from "./format.js";
import { paint } from "./icons.js";

/** Draws `rooms` messages. */
export class RoomsPanel {
  constructor(live) {
    live.on("hello", (hello) => this.#draw(hello.rooms?.[0] ?? null));
    live.on("rooms", ({ items }) => this.#draw(items.at(-1)));
  }

  #draw(rooms) {
    const parts = rooms ? [
      group("Queues", "queue", rooms.queues, (queue) => [whole(queue.visible), queue.in_flight ? `${whole(queue.in_flight)} in flight` : queue.delayed ? `${whole(queue.delayed)} delayed` : "waiting"]),
      group("Buckets", "bucket", rooms.buckets, (bucket) => [`${whole(bucket.objects)}${bucket.more ? "+" : ""}`, bytes(bucket.size_bytes)]),
      group("Tables", "table", rooms.tables, (table) => [whole(table.items), bytes(table.size_bytes)]),
      group("Model endpoints", "endpoint", rooms.endpoints, (endpoint) => ["", endpoint.status]),
    ].filter(Boolean) : [];
    const unanswered = Object.entries(rooms?.unanswered ?? {});
    if (unanswered.length) {
      const told = unanswered.map(([question, code]) => `${question} (${code})`).join(", ");
      parts.push(make("p.unanswered", {}, `Not answered: ${told}`));
    }
    if (!parts.length) parts.push(make("p.empty", {}, "No queue, bucket, table or endpoint in this account."));
    byId("room-groups").replaceChildren(...parts);
    const stacks = (rooms?.stacks ?? []).map((stack) => `${stack.name} ${words(stack.status)}`);
    setText(byId("rooms-note"), stacks.length > 2 ? count(stacks.length, "stack") : stacks.join(" · "));
  }
}

function group(title, kind, items, numbers) {
  if (!items?.length) return null;
  const rows = items.map((item) => {
    const [main, more] = numbers(item);
    const dot = paint(make("i.dot", { aria: { hidden: "true" } }), kind);
    return make("li", {}, make("span", { title: item.name }, dot, item.name), make("b", {}, main), make("small", {}, more));
  });
  return make("div", {}, make("h3", {}, title), make("ul", {}, ...rows));
}

const words = (status) => status.toLowerCase().replaceAll("_", " ");
