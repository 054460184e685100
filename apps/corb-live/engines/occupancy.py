"""Engine ``occupancy``: follows the persons that engine ``people`` finds, counts them and who crosses a line.

Each picture gives an object ``occupancy`` with ``persons``, ``in`` and ``out``; each person with its number
(``track``) and how long it has been there (``dwell_ms``); where it happens ``crossing`` (``direction``) and
``left`` (``dwell_ms`` of somebody who is gone).

``COUNT_LINE`` is ``x0,y0,x1,y1`` in parts of the picture. Where ``OCCUPANCY_BUS`` names an event bus, every
change of the number of persons is put there, in the form that Corb's OccupancyKeeper takes.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from following import Follower
from line import Line

from pileus.engines import Emit, EngineContext, EngineStream, Record, stream_engine

CHECKPOINT_EVERY = 10
"""Pictures between checkpoints: after a crash so many are followed again."""


@stream_engine
def follow(stream: EngineStream, emit: Emit, context: EngineContext) -> None:
    """From the first result of the stream to its end."""
    follower = Follower(Line.parse(os.environ.get("COUNT_LINE", "0,0.5,1,0.5")), stream.state)
    tell = _Teller(os.environ.get("OCCUPANCY_BUS", ""), context)
    last = None
    for count, record in enumerate(stream, 1):
        emit(record.start_ms, record.stop_ms, objects=follower.see(record.start_ms, record.objects))
        tell.persons(record, follower.persons)
        last = record
        if count % CHECKPOINT_EVERY == 0:
            stream.checkpoint(follower.state())
    if last is not None:
        emit(last.stop_ms, last.stop_ms, objects=follower.finish())
        tell.persons(last, follower.persons)


class _Teller:
    """Puts an event where the number of persons changed."""

    def __init__(self, bus: str, context: EngineContext) -> None:
        self._bus, self._stream = bus, context.stream
        self._client: Any = boto3.client("events") if bus else None
        self._told = -1

    def persons(self, record: Record, persons: int) -> None:
        """Tell it where it is news."""
        if self._client is None or persons == self._told:
            return
        self._told = persons
        segment = {
            "source": record.source,
            # Told again after a crash it is the same observation, and counts once.
            "segment": f"live-{self._stream}-{record.start_ms}",
            "captured_at_ms": record.data["chunk"]["captured_at_ms"],
            "persons": persons,
        }
        entry = {
            "EventBusName": self._bus,
            "Source": "corb.live",
            "DetailType": "Persons Seen",
            "Detail": json.dumps({"segments": [segment]}),
        }
        self._client.put_events(Entries=[entry])
