"""Where sources, engines, pipelines and segments lie.

``source, name``               Source
``engine, name``               Engine
``pipeline, name``             Pipeline
``pin, name``                  Pin: an image that is kept, or was to be
``segment, source, captured_ms``  Segment; the results of engines, and records, are in the Log
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.kernel.calls import Call
from pileus.kernel.records import RecordCodec
from pileus.services.media import errors
from pileus.services.media.limits import LIMITS
from pileus.services.media.model import Engine, Pin, Pipeline, Segment, Source
from pileus.values.page_tokens import page_token, parse_page_token

CODECS: Mapping[str, RecordCodec[Any]] = {
    "source": RecordCodec(Source),
    "engine": RecordCodec(Engine),
    "pipeline": RecordCodec(Pipeline),
}
SEGMENTS = RecordCodec(Segment)
RECORDS = "~records"
"""In an engine's place in the names of topics: the source's own records. No engine is called so."""
PINS = RecordCodec(Pin)
_MOST = {
    "source": LIMITS.sources_max,
    "engine": LIMITS.engines_max,
    "pipeline": LIMITS.pipelines_max,
}


def find(state: Any, kind: str, name: str) -> Any:
    """The record of a kind, or None."""
    raw = state.get((kind, name))
    return None if raw is None else CODECS[kind].decode(raw)


def named(state: Any, kind: str, name: str) -> Any:
    """The record of a kind; raises ResourceNotFoundException."""
    found = find(state, kind, name)
    if found is None:
        raise errors.not_found(kind, name)
    return found


def check_new(state: Any, kind: str, name: str) -> None:
    """Raise ResourceAlreadyExistsException or LimitExceededException."""
    if find(state, kind, name) is not None:
        raise errors.exists(kind, name)
    if len(state.range((kind,))) >= _MOST[kind]:
        raise errors.too_many(kind, _MOST[kind])


def put(state: Any, kind: str, record: Any) -> None:
    state.put((kind, record.name), CODECS[kind].encode(record))


def every(state: Any, kind: str) -> Iterator[Any]:
    """All records of a kind, in order of name."""
    for _, raw in state.range((kind,)):
        yield CODECS[kind].decode(raw)


def page(state: Any, kind: str, request: Mapping[str, Any]) -> tuple[list[Any], str]:
    """A page of records, and the next token or an empty string; raises ValidationException."""
    after = after_token(request)
    limit = request.get("MaxResults") or LIMITS.page
    rows = state.range((kind,), after=(kind, after) if after else None, limit=limit + 1)
    found = [CODECS[kind].decode(raw) for _, raw in rows[:limit]]
    return found, page_token(found[-1].name) if len(rows) > limit else ""


def after_token(request: Mapping[str, Any]) -> str:
    """The place of the request's token, or an empty string; raises ValidationException."""
    try:
        return parse_page_token(request.get("NextToken"))
    except ValueError:
        raise errors.invalid_token() from None


def arn_of(call: Call, kind: str, name: str) -> str:
    """``arn:aws:media:<region>:<account>:<kind>/<name>``."""
    return call.arn(f"{kind}/{name}")


def key_of(call: Call, name: str) -> tuple[str, str, str]:
    """What is kept in memory of a source or pipeline lies under this."""
    return (call.account, call.region, name)


def topic(account: str, region: str, source: str, engine: str) -> str:
    """The Log's topic of what an engine says of a source."""
    return f"media/{account}/{region}/{source}/{engine}"
