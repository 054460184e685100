// Puts the parts of the page together and opens the live feed.

import { CallList } from "./calls.js";
import { FunctionTable } from "./functions.js";
import { Handset } from "./handset.js";
import { Header } from "./header.js";
import { Live } from "./live.js";
import { LogTail } from "./logs.js";
import { AppMap } from "./map.js";
import { SourcePanel } from "./picture.js";
import { RoomsPanel } from "./rooms.js";

const live = new Live();
const calls = new CallList(live);
new Header(live, () => calls.perSecond);
const source = new SourcePanel(live);
new Handset(live);
const logs = new LogTail(live);
const showLog = (name) => logs.showFunction(name);
new AppMap(live, showLog);
new FunctionTable(live, showLog);
new RoomsPanel(live);
live.open();

// A handle for tests and for the browser's own console; the page itself never reads it.
window.pileus = { get picture() { return source.state; } };
