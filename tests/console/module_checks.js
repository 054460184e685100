// Run inside the page by the tests: the page's pure modules, imported as the page imports them.
window.modules = {
  /** Play a source for a minute; what the presentation clock made of it. */
  async timing({ rate, segmentMs, analysisMs, jitterMs }) {
    const { PresentationClock } = await import("./js/timing.js");
    const clock = new PresentationClock();
    const result = { early: 0, back: 0, stalls: 0, delays: [] };
    let [before, told] = [-Infinity, -1];
    let seed = 7;
    const chance = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
    for (let now = 0; now < 60_000; now += 16) {
      for (; (told + 1) * 100 <= now * rate; told += 1) clock.arrived((told + 1) * 100, ((told + 1) * 100) / rate, now);
      const done = Math.floor(((now - analysisMs - chance() * jitterMs) * rate) / segmentMs);
      const horizon = done * segmentMs - 100;
      if (done > 0) clock.detected(horizon, now);
      const target = clock.target(now);
      if (now > 25_000) {
        if (target > horizon) result.early += 1;
        if (target < before) result.back += 1;
        if (target === before) result.stalls += 1;
        result.delays.push(clock.delayMs);
      }
      before = target;
    }
    result.rate = clock.rate;
    result.delays = [Math.min(...result.delays), Math.max(...result.delays)];
    return result;
  },

  async otherRun() {
    const { PresentationClock } = await import("./js/timing.js");
    const clock = new PresentationClock();
    clock.detected(80_000, 0);
    for (let now = 0; now < 2000; now += 100) clock.arrived(now, now, now);
    const before = clock.hasBoxes(2000);
    clock.forgetDetections();
    clock.detected(1900, 2100);
    return [before, clock.hasBoxes(2100)];
  },

  async boxes() {
    const { BoxTrack } = await import("./js/boxes.js");
    const track = new BoxTrack();
    track.add([[200, [[0.2, 0, 0.4, 1, 0.8], [0.8, 0, 0.9, 1, 0.5]]], [0, [[0.1, 0, 0.3, 1, 0.6]]]]);
    track.add([[200, [[0.2, 0, 0.4, 1, 0.8], [0.8, 0, 0.9, 1, 0.5]]]]);
    return { exact: track.at(0), between: track.at(100), after: track.at(150), far: track.at(5000), count: track.countAt(199) };
  },

  /** Lay out a graph of random links; what is wrong with the drawing. */
  async layout({ nodes, links, seed }) {
    const { NODE, layOut } = await import("./js/map_layout.js");
    const chance = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
    const things = Array.from({ length: nodes }, (_, at) => ({ id: `n${at}` }));
    const ways = new Map();
    while (ways.size < links) {
      const [from, to] = [Math.floor(chance() * nodes), Math.floor(chance() * nodes)];
      if (from !== to) ways.set(`${from} ${to}`, { from: `n${from}`, to: `n${to}` });
    }
    const drawn = layOut(things, [...ways.values()], 1360);
    const places = [...drawn.places.values()];
    const overlaps = places.filter((a, i) => places.some((b, j) => j > i && Math.abs(a.x - b.x) < NODE.width && Math.abs(a.y - b.y) < NODE.height));
    const outside = places.filter(({ x, y }) => x < 0 || y < 0 || x + NODE.width > drawn.width || y + NODE.height > drawn.height);
    const broken = [...ways.values()].filter((way) => /NaN|undefined/.test(drawn.paths.get(way)?.d ?? "NaN"));
    return [overlaps.length, outside.length, broken.length];
  },
};
