// A layered drawing, left to right: pure geometry, no document.
//
// The usual four steps: turn links that close a circle, put nodes into layers along the longest
// way, order each layer so that few links cross, then give places and curves. Links over several
// layers are led through empty slots, so that no curve runs through a node.

export const NODE = { width: 156, height: 46 };
const GAP = { layerMin: 34, layerMax: 84, node: 18 };
const SLOT_HEIGHT = 14;
const PAD = { x: 8, y: 26 };
const SWEEPS = 12;

/**
 * @param {{id: string}[]} nodes
 * @param {{from: string, to: string}[]} links between ids of `nodes`
 * @param {number} room pixels to fill, if the layers can be spread or drawn together so far
 * @returns {{width, height, places: Map<string, {x, y}>, paths: Map<object, {d, label: {x, y, room}, isBack}>}}
 *   `x` and `y` are a node's left top corner; `paths` is keyed by the link itself.
 */
export function layOut(nodes, links, room) {
  const graph = withoutCircles(nodes.map((node) => node.id), links);
  const layerOf = layersOf(graph);
  const { layers, chains } = withSlots(graph, layerOf);
  orderLayers(layers, chains);
  const { tops, height } = assignHeights(layers, chains);
  const fitting = (room - 2 * PAD.x - layers.length * NODE.width) / Math.max(1, layers.length - 1);
  const gap = Math.floor(Math.min(GAP.layerMax, Math.max(GAP.layerMin, fitting)));
  const xOf = (layer) => PAD.x + layer * (NODE.width + gap);
  const places = new Map(graph.ids.map((id) => [id, { x: xOf(layerOf.get(id)), y: tops.get(id) }]));
  const paths = new Map();
  for (const chain of chains) paths.set(chain.link, forwardPath(chain, layerOf, tops, xOf, places));
  const backs = graph.backs;
  let depth = height;
  backs.forEach((link, index) => {
    const path = backPath(places.get(link.from), places.get(link.to), [...places.values()], index);
    depth = Math.max(depth, path.bottom);
    paths.set(link, path);
  });
  return { width: xOf(layers.length - 1) + NODE.width + PAD.x, height: depth + PAD.y, places, paths };
}

/** Depth-first from the nodes nothing leads to; a link to a node still open goes back. */
function withoutCircles(ids, links) {
  const out = new Map(ids.map((id) => [id, []]));
  const inCount = new Map(ids.map((id) => [id, 0]));
  for (const link of links) {
    out.get(link.from).push(link);
    inCount.set(link.to, inCount.get(link.to) + 1);
  }
  const state = new Map();
  const backs = [];
  const visit = (id) => {
    state.set(id, "open");
    for (const link of out.get(id)) {
      if (state.get(link.to) === "open") backs.push(link);
      else if (!state.has(link.to)) visit(link.to);
    }
    state.set(id, "done");
  };
  const roots = ids.filter((id) => inCount.get(id) === 0);
  for (const id of [...roots, ...ids]) if (!state.has(id)) visit(id);
  const turned = new Set(backs);
  return { ids, forward: links.filter((link) => !turned.has(link)), backs };
}

function layersOf({ ids, forward }) {
  const into = new Map(ids.map((id) => [id, []]));
  const from = new Map(ids.map((id) => [id, []]));
  for (const link of forward) {
    into.get(link.to).push(link.from);
    from.get(link.from).push(link.to);
  }
  const layer = new Map();
  const place = (id) => {
    if (!layer.has(id)) layer.set(id, Math.max(-1, ...into.get(id).map(place)) + 1);
    return layer.get(id);
  };
  ids.forEach(place);
  // A node that only begins things stands right before what it begins.
  for (const id of ids) {
    if (!into.get(id).length && from.get(id).length) layer.set(id, Math.min(...from.get(id).map((to) => layer.get(to))) - 1);
  }
  return layer;
}

/** Layers of ids and slots, and per link the chain of what it passes. */
function withSlots({ ids, forward }, layerOf) {
  const count = Math.max(0, ...ids.map((id) => layerOf.get(id))) + 1;
  const layers = Array.from({ length: count }, () => []);
  for (const id of ids) layers[layerOf.get(id)].push(id);
  const chains = forward.map((link, index) => {
    const through = [];
    for (let layer = layerOf.get(link.from) + 1; layer < layerOf.get(link.to); layer += 1) {
      const slot = `slot ${index} ${layer}`;
      layers[layer].push(slot);
      through.push(slot);
    }
    return { link, stops: [link.from, ...through, link.to] };
  });
  return { layers, chains };
}

const isSlot = (id) => id.startsWith("slot ");

function neighbours(chains) {
  const left = new Map();
  const right = new Map();
  const add = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value]);
  for (const { stops } of chains) {
    for (let at = 1; at < stops.length; at += 1) {
      add(left, stops[at], stops[at - 1]);
      add(right, stops[at - 1], stops[at]);
    }
  }
  return { left, right };
}

/** Sweep to and fro, putting each thing at the middle of its neighbours; keep the best order. */
function orderLayers(layers, chains) {
  const { left, right } = neighbours(chains);
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers, right);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep += 1) {
    const forward = sweep % 2 === 0;
    const order = forward ? layers.keys() : [...layers.keys()].reverse();
    for (const at of order) {
      const beside = layers[at + (forward ? -1 : 1)];
      if (!beside) continue;
      const index = new Map(beside.map((id, position) => [id, position]));
      const middle = (id, own) => {
        const seen = (forward ? left : right).get(id)?.map((other) => index.get(other)).filter((n) => n !== undefined);
        return seen?.length ? seen.reduce((sum, n) => sum + n, 0) / seen.length : own;
      };
      const keys = new Map(layers[at].map((id, own) => [id, middle(id, own)]));
      layers[at].sort((one, other) => keys.get(one) - keys.get(other));
    }
    const now = crossings(layers, right);
    if (now < fewest) {
      fewest = now;
      best = layers.map((layer) => [...layer]);
    }
  }
  best.forEach((layer, at) => { layers[at] = layer; });
}

function crossings(layers, right) {
  let total = 0;
  for (let at = 0; at + 1 < layers.length; at += 1) {
    const index = new Map(layers[at + 1].map((id, position) => [id, position]));
    const ends = layers[at].flatMap((id) => (right.get(id) ?? []).map((to) => index.get(to)).filter((n) => n !== undefined).sort((a, b) => a - b));
    for (let i = 0; i < ends.length; i += 1) for (let j = i + 1; j < ends.length; j += 1) if (ends[i] > ends[j]) total += 1;
  }
  return total;
}

/** Heights: pull everything towards its neighbours, then push apart what overlaps, in turns. */
function assignHeights(layers, chains) {
  const { left, right } = neighbours(chains);
  const tall = (id) => (isSlot(id) ? SLOT_HEIGHT : NODE.height);
  const mid = new Map();
  for (const layer of layers) {
    let y = 0;
    for (const id of layer) {
      mid.set(id, y + tall(id) / 2);
      y += tall(id) + GAP.node;
    }
  }
  for (let turn = 0; turn < 24; turn += 1) {
    for (const layer of turn % 2 ? [...layers].reverse() : layers) {
      const wished = layer.map((id) => {
        const beside = [...(left.get(id) ?? []), ...(right.get(id) ?? [])];
        return beside.length ? beside.reduce((sum, other) => sum + mid.get(other), 0) / beside.length : mid.get(id);
      });
      spread(layer, wished, tall).forEach((y, at) => mid.set(layer[at], y));
    }
  }
  const top = Math.min(...[...mid].map(([id, y]) => y - tall(id) / 2));
  const tops = new Map([...mid].map(([id, y]) => [id, Math.round(y - tall(id) / 2 - top + PAD.y)]));
  const height = Math.max(...[...tops].map(([id, y]) => y + tall(id)));
  return { tops, height };
}

/** Places in order, as near to the wished ones as gaps allow: neighbours that collide move as one. */
function spread(layer, wished, tall) {
  const blocks = [];
  layer.forEach((id, at) => {
    blocks.push({ members: [at], offset: [0], size: 0, sum: wished[at] });
    for (;;) {
      const last = blocks.at(-1);
      const before = blocks.at(-2);
      if (!before) break;
      const mean = (block) => block.sum / block.members.length;
      const endId = layer[before.members.at(-1)];
      const step = tall(endId) / 2 + tall(layer[last.members[0]]) / 2 + GAP.node;
      if (mean(last) - (mean(before) + before.offset.at(-1)) >= step) break;
      const shift = before.offset.at(-1) + step;
      last.members.forEach((member, index) => {
        before.members.push(member);
        before.offset.push(shift + last.offset[index]);
      });
      before.sum += last.sum - shift * last.members.length;
      blocks.pop();
    }
  });
  const placed = [];
  for (const block of blocks) {
    const base = block.sum / block.members.length;
    block.members.forEach((member, index) => { placed[member] = base + block.offset[index]; });
  }
  return placed;
}

function forwardPath({ link, stops }, layerOf, tops, xOf, places) {
  const start = places.get(link.from);
  const end = places.get(link.to);
  const first = layerOf.get(link.from);
  let [x, y] = [start.x + NODE.width, start.y + NODE.height / 2];
  let d = `M${x} ${y}`;
  const bend = (toX, toY) => {
    const half = (toX - x) / 2;
    d += `C${x + half} ${y} ${toX - half} ${toY} ${toX} ${toY}`;
    [x, y] = [toX, toY];
  };
  stops.slice(1, -1).forEach((slot, index) => {
    const slotX = xOf(first + 1 + index);
    const slotY = tops.get(slot) + SLOT_HEIGHT / 2;
    bend(slotX, slotY);
    d += `H${slotX + NODE.width}`;
    x = slotX + NODE.width;
  });
  const label = { room: end.x - x - 6, x: (x + end.x) / 2, y: (y + end.y + NODE.height / 2) / 2 - 6 };
  bend(end.x, end.y + NODE.height / 2);
  return { d, label, isBack: false };
}

/** A link that goes back runs below everything that stands between its ends. */
function backPath(start, end, places, index) {
  const [x1, y1] = [start.x + NODE.width - 24 - index * 8, start.y + NODE.height];
  const [x2, y2] = [end.x + 24 + index * 8, end.y + NODE.height];
  const between = places.filter(({ x }) => x + NODE.width > Math.min(x1, x2) && x < Math.max(x1, x2));
  const floor = Math.max(...between.map(({ y }) => y + NODE.height)) + 14 + index * 7;
  const turn = Math.min(22, Math.abs(x1 - x2) / 2);
  const d = `M${x1} ${y1}V${floor - turn}Q${x1} ${floor} ${x1 - turn} ${floor}H${x2 + turn}Q${x2} ${floor} ${x2} ${floor - turn}V${y2}`;
  return { d, label: { room: Math.abs(x1 - x2), x: (x1 + x2) / 2, y: floor - 5 }, isBack: true, bottom: floor };
}
