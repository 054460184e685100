"""Archived events sent to their bus again, a bounded step at a time."""

from __future__ import annotations

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.events import routing, store
from pileus.services.events.model import Replay

TIMER = "replay_events"
_PER_STEP = 100


def schedule(call: WriteCall, replay: Replay) -> None:
    """Let the next step run at once."""
    call.set_timer(
        Timer(name=TIMER, key=replay.name, at_ms=call.now_ms, payload={"replay": replay.name})
    )


def step(call: WriteCall, name: str) -> None:
    """Send the next events of the replay."""
    replay = store.find_replay(call.state, name)
    if replay.state not in ("STARTING", "RUNNING"):
        return
    replay.state = "RUNNING"
    where = ("archived", replay.archive)
    rows = call.state.range(
        where,
        start=(*where, max(replay.start_ms * 1000, replay.cursor + 1)),
        stop=(*where, replay.end_ms * 1000),
        limit=_PER_STEP,
    )
    for key, raw in rows:
        event = {**orjson.loads(raw), "replay-name": replay.name}
        routing.route(call, replay.bus, event, replay.rules or None)
        replay.cursor = int(key[2])
        replay.last_ms = replay.cursor // 1000
    if len(rows) < _PER_STEP:
        replay.state, replay.ended_ms = "COMPLETED", call.now_ms
    else:
        schedule(call, replay)
    store.put_replay(call.state, replay)
