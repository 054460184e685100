// Puts the page of live media together: the source chosen, its picture, and all that is known of the moment shown.

import { byId, setText } from "../dom.js";
import { Header } from "../header.js";
import { Live } from "../live.js";
import { Desk } from "./desk.js";
import { Dialogs } from "./dialogs.js";
import { LaneTable } from "./lanes.js";
import { EventList, Transcript } from "./lists.js";
import { Moments } from "./moments.js";
import { SourceResults } from "./results.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";
import { Wall } from "./wall.js";

const desk = new Desk();
const live = new Live();
new Header(live);
const stage = new Stage(desk, moved);
const wall = new Wall(desk, choose);
const lanes = new LaneTable(desk);
const timeline = new Timeline(seek);
const transcript = new Transcript(seek);
const events = new EventList((pts) => seek(Math.max(0, pts - 300)));
new Dialogs(desk, choose);

let shown = null;
let account = null;
let wished = decodeURIComponent(location.hash.slice(1));

function choose(name) {
  if (shown?.name === name) return;
  shown?.results.close();
  shown?.moments.close();
  shown = null;
  [wall.chosen, lanes.source] = [name, name];
  history.replaceState(null, "", name === null ? "#" : `#${encodeURIComponent(name)}`);
  if (name === null) return stage.show(null, null);
  const results = new SourceResults(desk.path(name, "results"), { changed });
  const moments = new Moments(desk, name, changed);
  shown = { name, results, moments };
  [transcript.view, events.view] = [shown, shown];
  for (const list of [transcript, events]) list.forget();
  results.align(desk.enginesOn(name));
  stage.show(name, results);
  changed();
}

function changed() {
  if (!shown) return;
  stage.changed();
  stage.segments = shown.moments.segments;
  transcript.draw();
  events.draw();
}

function seek(pts) {
  if (shown) stage.seek(pts, shown.moments.segments);
}

/** Called for each frame of the screen. */
function moved(pts) {
  if (!shown) return;
  const { name, results, moments } = shown;
  const edge = Math.max(moments.segments.at(-1)?.stop_ms ?? 0, stage.isLive ? pts ?? 0 : 0, results.points.at(-1)?.[0] ?? 0);
  timeline.draw({ name, pts, edge, moments, results });
  transcript.mark(pts ?? -1);
  setText(byId("clock"), pts === null ? "–" : moments.label(pts));
  setText(byId("clock-note"), pts === null || stage.isLive ? "" : "recorded");
}

desk.on(({ Sources }) => {
  if (shown && !desk.source(shown.name)) choose(null);
  shown?.results.align(desk.enginesOn(shown.name));
  if (shown || !Sources.length) return;
  const best = Sources.find(({ State }) => State === "LIVE") ?? Sources.find(({ Newest }) => Newest);
  choose((desk.source(wished) ?? best ?? Sources[0]).Name);
});
live.on("hello", (hello) => {
  stage.now = hello.now_ms;
  // What is shown goes on over a lost connection.
  if (hello.account === account) return;
  if (account !== null) [wished] = ["", choose(null)];
  account = hello.account;
  desk.begin(account, hello.region);
});
live.open();

// A handle for tests and for the browser's own console; the page itself never reads it.
window.pileus = { get picture() { return stage.state; }, get desk() { return desk.state; } };
