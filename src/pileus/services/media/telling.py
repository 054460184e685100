"""What the default event bus hears of sources and engines, and what dead-letter queues get.

Events have the source ``pileus.media``. ``Media Source State Change``: ``source``, ``state``, ``previous_state``,
``reason``, ``stream``. ``Media Engine State Change``: ``source``, ``engine``, ``state`` (``FAILING`` or
``RECOVERED``), ``reason``. ``Media Piece Failed``: the record with its ``error``.
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Delivery
from pileus.kernel.targets import call_for
from pileus.services.media import store
from pileus.services.media.delivery_targets import EVENT_SOURCE
from pileus.services.media.lane_figures import Turn
from pileus.services.media.model import Engine, Source

SOURCE_CHANGED = "Media Source State Change"
ENGINE_CHANGED = "Media Engine State Change"
PIECE_FAILED = "Media Piece Failed"
_PRINCIPAL = "service:media.amazonaws.com"


def source_changed(write: WriteCall, source: Source, before: str) -> None:
    """A source is in another state than before; in order for each source."""
    if source.state == before:
        return
    detail = {
        "source": source.name,
        "state": source.state,
        "previous_state": before,
        "reason": source.reason,
        "stream": source.stream,
    }
    arn = store.arn_of(write, "source", source.name)
    _emit(write, SOURCE_CHANGED, detail, [arn], key=f"source {source.name}")


def engine_turned(write: WriteCall, source: str, engine: str, turn: Turn) -> None:
    """An engine began to fail on a source, or got over it; in order for each lane."""
    detail = {
        "source": source,
        "engine": engine,
        "state": "FAILING" if turn.is_failing else "RECOVERED",
        "reason": turn.reason,
    }
    _emit(write, ENGINE_CHANGED, detail, _arns(write, source, engine), key=f"{source}/{engine}")


def piece_failed(write: WriteCall, engine: Engine, document: dict[str, Any]) -> None:
    """A piece was given up: its record goes to the engine's dead-letter queue, and onto the bus."""
    source = document["source"]
    key = f"{source}/{engine.name}"
    _emit(write, PIECE_FAILED, document, _arns(write, source, engine.name), key=key)
    if engine.dead_letter:
        service, operation, given = call_for(engine.dead_letter, orjson.dumps(document).decode())
        write.emit(
            Delivery(service=service, operation=operation, input=given, principal=_PRINCIPAL)
        )


def _arns(write: WriteCall, source: str, engine: str) -> list[str]:
    return [store.arn_of(write, "source", source), store.arn_of(write, "engine", engine)]


def _emit(
    write: WriteCall, detail_type: str, detail: dict[str, Any], arns: list[str], key: str
) -> None:
    entry = {
        "Source": EVENT_SOURCE,
        "DetailType": detail_type,
        "Detail": orjson.dumps(detail).decode(),
        "Resources": arns,
        "Time": write.now_ms / 1000,
    }
    write.emit(
        Delivery(
            service="events",
            operation="PutEvents",
            input={"Entries": [entry]},
            principal=_PRINCIPAL,
            ordering_key=f"media {key}",
        )
    )
