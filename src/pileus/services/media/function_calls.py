"""Lambda functions in the place of engines: a call is an invocation, through the door, with the pieces in its event.

A piece is copied out of its ring here; pictures lie there as JPEG, made by the source's process.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.runtime import frame_ring, http_forms
from pileus.services.media import store
from pileus.services.media.engines import CannotRun, EngineFailed, words_of
from pileus.services.media.model import Engine
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

WRONG_RESULT = "Engine.WrongResult"


async def ask(call: StreamCall, engine: Engine, event: Mapping[str, Any]) -> dict[str, Any]:
    """One call of an engine's function (``engines.event_of`` tells the event). Raises CannotRun, EngineFailed."""
    records: dict[int, dict[str, Any]] = {}
    reader = _reader(event["ring"])
    for chunk in event["chunks"]:
        media = _media(reader, chunk)
        if media is not None:
            records[chunk["number"]] = _record(call, engine, event["stream"], chunk, media)
    told = await _invoked(call, engine, list(records.values())) if records else []
    results = dict(zip(records, told, strict=True))
    return {
        "results": [
            {"number": number, "result": results[number]}
            if number in results
            else {"number": number, "gone": True}
            for number in (chunk["number"] for chunk in event["chunks"])
        ]
    }


async def _invoked(call: StreamCall, engine: Engine, records: list[dict[str, Any]]) -> list[Any]:
    given = {"FunctionName": engine.function, "Payload": orjson.dumps({"Records": records})}
    principal = Principal.service("media.pileus", call.account)
    try:
        output = (await call.invoke("lambda", "Invoke", given, principal=principal)).output
    except ServiceError as why:
        raise CannotRun(f"{why.code}: {why.message}") from why
    payload = bytes(output.get("Payload") or b"null")
    if output.get("FunctionError"):
        raise EngineFailed(words_of(payload), is_lost=False)
    return _results(payload, len(records))


def _results(payload: bytes, count: int) -> list[Any]:
    """A result for every piece: a list, or ``{"results": […]}``; any other answer says nothing of them."""
    answer = orjson.loads(payload)
    if isinstance(answer, dict):
        answer = answer.get("results")
    if not isinstance(answer, list):
        return [None] * count
    if len(answer) != count:
        told = f"{WRONG_RESULT}: the function got {count} pieces and gave {len(answer)} results"
        raise EngineFailed(told, is_lost=False)
    return answer


def _reader(path: str) -> frame_ring.RingReader | None:
    """The ring; None where there is none, or none any more."""
    try:
        return frame_ring.RingReader(path) if path else None
    except FileNotFoundError:
        return None


def _media(reader: frame_ring.RingReader | None, chunk: Mapping[str, Any]) -> Any:
    """What the event holds of a piece; None where it is gone."""
    if "segment" in chunk:
        try:
            part = http_forms.part_of(chunk, None, Path(chunk["segment"]).read_bytes())
        except FileNotFoundError:
            return None
    elif reader is None:
        # Data, unless its ring is gone.
        return {"record": chunk["record"]} if "record" in chunk else None
    else:
        slot = reader.look(chunk["number"])
        if slot is None:
            return None
        part = http_forms.part_of(chunk, slot)
        if not reader.has(chunk["number"]):
            return None
    figures = {name: int(part.fields[name]) for name in _FIGURES if name in part.fields}
    told = {"contentType": part.fields["chunkMimeType"], **figures}
    told["data"] = base64.b64encode(part.data).decode()
    return told | ({"results": chunk["record"]} if "record" in chunk else {})


_FIGURES = ("width", "height", "sampleRate")


def _record(
    call: StreamCall, engine: Engine, stream: str, chunk: Mapping[str, Any], media: dict[str, Any]
) -> dict[str, Any]:
    source, start_ms = chunk["source"], chunk["start_ms"]
    place = {
        "source": source,
        "stream": stream,
        "engine": engine.name,
        "number": chunk["number"],
        "start_ms": start_ms,
        "stop_ms": chunk["stop_ms"],
    }
    return {
        "eventSource": "pileus:media",
        "eventVersion": "1.0",
        "eventID": f"{source}/{engine.name}:{stream}:{start_ms}",
        "eventName": "pileus:media:piece",
        "awsRegion": call.region,
        "eventSourceARN": store.arn_of(call, "source", source),
        "media": place | media,
    }
