// Signs for the kinds of things, drawn on a grid of 20.

import { makeSvg } from "./dom.js";

const PATHS = {
  source: "M3 6.5h9.5v7H3z M12.5 9l4.5-2.5v7l-4.5-2.5",
  phone: "M6.5 2.5h7a1.5 1.5 0 0 1 1.5 1.5v12a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 5 16V4a1.5 1.5 0 0 1 1.5-1.5z M9 14.7h2",
  function: "M6 3.5h2.2L14.5 16.5h-2 M9 8.5 5 16.5",
  bucket: "M3.5 5.5h13l-1.6 10.5h-9.8z M3.5 5.5c0-1.3 2.9-2.2 6.5-2.2s6.5.9 6.5 2.2",
  queue: "M3 7h3.5v6H3z M8.250 7h3.5v6h-3.5z M13.5 7H17v6h-3.5z",
  topic: "M10 10m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0 M6.5 6.5a5 5 0 0 0 0 7 M13.5 6.5a5 5 0 0 1 0 7 M4 4a8.5 8.5 0 0 0 0 12 M16 4a8.5 8.5 0 0 1 0 12",
  table: "M3.5 4.5h13v11h-13z M3.5 8.2h13 M3.5 11.8h13 M8 8.2v7.3",
  bus: "M3 10h14 M6 10V5 M10 10v5 M14 10V5 M4.5 5h3 M12.5 5h3 M8.5 15h3",
  rule: "M4 4.5h12l-4.5 5.5v5.5l-3-1.5v-4z",
  schedule: "M10 10m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0 M10 6v4l2.8 1.8",
  endpoint: "M10 3l6 3.5v7L10 17l-6-3.5v-7z M10 10l6-3.5 M10 10v7 M10 10L4 6.5",
};

export const KIND_NAMES = {
  source: "Source", phone: "Phone", function: "Function", bucket: "Bucket", queue: "Queue", topic: "Topic",
  table: "Table", bus: "Event bus", rule: "Rule", schedule: "Schedule", endpoint: "Model endpoint",
};

/** The kind of thing a room's calls are about, for its colour. */
export const SERVICE_KINDS = {
  s3: "bucket", sqs: "queue", sns: "topic", dynamodb: "table", events: "bus", lambda: "function",
  sagemaker: "endpoint", "sagemaker-runtime": "endpoint", scheduler: "schedule",
};

/** The sign of a kind, as an SVG element (nested when `size` places it in a drawing). */
export function icon(kind, size = 16) {
  const path = makeSvg("path", { d: PATHS[kind] ?? PATHS.endpoint });
  return makeSvg("svg.icon", { viewBox: "0 0 20 20", width: size, height: size, "aria-hidden": "true" }, path);
}

/** Give an element the colour of a kind through `--kind`. */
export function paint(element, kind) {
  element.style.setProperty("--kind", `var(--k-${PATHS[kind] ? kind : "source"})`);
  return element;
}
