// The app's map: what is deployed, the ways events take, and light where something passes.

import { byId, make, makeSvg, setText, token } from "./dom.js";
import { count, placeName } from "./format.js";
import { KIND_NAMES, icon, paint } from "./icons.js";
import { NODE, layOut } from "./map_layout.js";
import { linesOf } from "./map_text.js";
import { Pulses } from "./map_pulses.js";
import { setStacks, shortName } from "./names.js";

const VIEW_PAD = 32;
const TEXT_LEFT = 40;
const TEXT_ROOM = NODE.width - TEXT_LEFT - 8;
const HOW_WORDS = {
  event: "sends events to", destination: "passes results to", failure: "passes failures to",
  target: "starts", poll: "is read by", uses: "uses", seen: "was seen calling",
};

/** Draws `resources` messages and lights them by `pulses` and `invocations`. */
export class AppMap {
  #nodes = new Map();
  #links = [];
  #elements = new Map();
  #chosen = null;
  #pulses;
  #onFunction;
  #drawn = "";
  #width = 0;

  /** @param {(name: string) => void} onFunction the user asks for a function's log */
  constructor(live, onFunction) {
    this.#onFunction = onFunction;
    this.#pulses = new Pulses(byId("map-drawing"));
    live.on("hello", (hello) => this.#resources(hello.resources?.[0] ?? { nodes: [], links: [] }));
    live.on("resources", ({ items }) => this.#resources(items.at(-1)));
    live.on("pulses", ({ items }) => items.forEach(([from, to, , bad]) => this.#pulse(from, to, bad)));
    live.on("invocations", ({ items }) => items.forEach(([place, bad]) => this.#pulses.warm(place, bad)));
    new ResizeObserver(() => {
      if (Math.abs(byId("map-view").clientWidth - this.#width) > 2) this.#draw();
    }).observe(byId("map-view"));
    byId("map-drawing").addEventListener("click", (event) => { if (!event.target.closest(".node")) this.#choose(null); });
  }

  #pulse(from, to, bad) {
    this.#pulses.send(from, to, bad);
  }

  #resources({ nodes, links }) {
    const drawn = JSON.stringify([nodes, links]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#links = links;
    const linked = new Set(links.flatMap((link) => [link.from, link.to]));
    const shown = nodes.filter((node) => linked.has(node.id));
    const alone = nodes.filter((node) => !linked.has(node.id));
    setStacks([...stacksOf(nodes)]);
    this.#draw();
    this.#tellNote(nodes, alone);
    this.#tellLegend(shown);
    if (!this.#nodes.has(this.#chosen)) this.#choose(null);
  }

  #draw() {
    const linked = new Set(this.#links.flatMap((link) => [link.from, link.to]));
    const nodes = [...this.#nodes.values()].filter((node) => linked.has(node.id));
    const drawing = byId("map-drawing");
    const view = byId("map-view");
    this.#width = view.clientWidth;
    this.#elements.clear();
    view.querySelector(".empty")?.remove();
    drawing.replaceChildren();
    drawing.toggleAttribute("hidden", nodes.length === 0);
    if (!nodes.length) {
      view.append(make("p.empty", {}, "Nothing is deployed yet. ", make("code", {}, "pileus deploy"), " puts an app here."));
      this.#pulses.reset(new Map(), new Map());
      return;
    }
    const { width, height, places, paths } = layOut(nodes, this.#links, this.#width - VIEW_PAD);
    drawing.setAttribute("width", width);
    drawing.setAttribute("height", height);
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const lines = new Map();
    for (const link of this.#links) lines.set(`${link.from}\n${link.to}`, this.#line(drawing, link, paths.get(link)));
    this.#pulses.layer(drawing);
    for (const node of nodes) this.#elements.set(node.id, this.#node(drawing, node, places.get(node.id)));
    this.#pulses.reset(lines, this.#elements);
  }

  #line(drawing, link, { d, label }) {
    const line = makeSvg("path.link", { d, "data-how": link.how });
    drawing.append(line);
    if (link.label && linesOf(link.label, token("--map-link"), label.room - 12, 1)[0] === link.label) {
      const text = makeSvg("text.link-label", { x: label.x, y: label.y });
      text.textContent = link.label;
      drawing.append(text);
    }
    return line;
  }

  #node(drawing, node, { x, y }) {
    const { width, height } = NODE;
    const group = makeSvg("g.node", {
      transform: `translate(${x} ${y})`, tabindex: 0, role: "button", "aria-pressed": "false",
      "aria-label": `${KIND_NAMES[node.kind] ?? node.kind} ${node.name}`,
    });
    paint(group, node.kind);
    if (node.off) group.classList.add("is-off");
    const box = { width, height, rx: 10 };
    const sign = icon(node.kind, 20);
    sign.setAttribute("x", 12);
    sign.setAttribute("y", (height - 20) / 2);
    const title = makeSvg("title");
    title.textContent = node.name;
    group.append(title, makeSvg("rect.plate", box), makeSvg("rect.glow", box), sign, ...texts(node));
    group.addEventListener("click", () => this.#choose(this.#chosen === node.id ? null : node.id));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.#choose(this.#chosen === node.id ? null : node.id);
    });
    drawing.append(group);
    return group;
  }

  #choose(id) {
    this.#chosen = id;
    const beside = new Set([id]);
    for (const link of this.#links) {
      if (link.from === id) beside.add(link.to);
      if (link.to === id) beside.add(link.from);
    }
    for (const [other, element] of this.#elements) {
      element.setAttribute("aria-pressed", String(other === id));
      element.classList.toggle("is-dim", id !== null && !beside.has(other));
    }
    this.#pulses.dim((from, to) => id !== null && from !== id && to !== id);
    byId("map-detail").replaceChildren(...this.#detail(id));
  }

  #detail(id) {
    const node = this.#nodes.get(id);
    if (!node) return [make("span.quiet", {}, "Choose a node to see what it is and where its events go.")];
    const out = this.#links.filter((link) => link.from === id);
    const parts = [paint(icon(node.kind), node.kind), make("b", {}, shortName(node.name)), make("span", {}, KIND_NAMES[node.kind] ?? node.kind)];
    parts[0].style.color = "var(--kind)";
    if (node.detail) parts.push(make("span", {}, node.detail));
    if (node.logical_id) parts.push(make("span", {}, `${node.logical_id} in ${node.stack}`));
    const ways = groupByHow(out);
    for (const [how, links] of ways) {
      parts.push(make("span", {}, `${HOW_WORDS[how]} ${links.map((link) => this.#nodes.has(link.to) ? shortName(this.#nodes.get(link.to).name) : placeName(link.to)).join(", ")}`));
    }
    if (node.kind === "function") {
      parts.push(make("button", { type: "button", textContent: "Show its log", on: { click: () => this.#onFunction(node.name) } }));
    }
    if (id.startsWith("arn:")) parts.push(make("code", {}, id));
    return parts;
  }

  #tellNote(nodes, alone) {
    const stacks = stacksOf(nodes);
    const told = nodes.length ? [[...stacks].join(", "), count(nodes.length, "resource")] : [];
    if (alone.length) told.push(`not connected: ${alone.map((node) => shortName(node.name)).join(", ")}`);
    setText(byId("map-note"), told.filter(Boolean).join(" · "));
  }

  #tellLegend(nodes) {
    const kinds = [...new Set(nodes.map((node) => node.kind))].filter((kind) => kind in KIND_NAMES);
    byId("map-legend").replaceChildren(...kinds.map((kind) => {
      const sign = icon(kind);
      paint(sign, kind).style.color = "var(--kind)";
      return make("li", {}, sign, KIND_NAMES[kind]);
    }));
  }
}

const stacksOf = (nodes) => new Set(nodes.map((node) => node.stack).filter(Boolean));

function groupByHow(links) {
  const groups = new Map();
  for (const link of links) groups.set(link.how, [...(groups.get(link.how) ?? []), link]);
  return groups;
}

/** What a node is called, and what is said beside it: generated names of rules say nothing. */
function words({ kind, name, detail }) {
  if (kind === "rule" && detail) return [detail.replace(/^\w+: /, ""), detail.split(":")[0]];
  if (kind === "schedule" && detail) return [detail, "schedule"];
  return [shortName(name), kind === "function" ? "" : detail];
}

/** A name on one or two lines; below a name of one line its detail. */
function texts(node) {
  const [said, aside] = words(node);
  const names = linesOf(said, token("--map-name"), TEXT_ROOM, 2);
  const lines = names.map((text) => ["name", text]);
  if (lines.length === 1 && aside) {
    lines.push(["detail", linesOf(aside, token("--map-detail"), TEXT_ROOM, 1)[0]]);
  }
  const first = lines.length === 1 ? 27.5 : 20;
  return lines.map(([kind, text], index) => {
    const line = makeSvg(`text.${kind}`, { x: TEXT_LEFT, y: first + index * 15 });
    line.textContent = text;
    return line;
  });
}
