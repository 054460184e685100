"""Live media as a client sees it: sources, engines, pipelines, and what engines say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError, DeployError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, None: 1}
_READ_AT_ONCE = 1000
_WAIT_S = 10
_PAUSE_S = 0.5


def span_s(text: str, option: str) -> float:
    """``2s``, ``500ms``, ``1h``, or a number of seconds.

    Raises:
        DeployError: it is none of these.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise DeployError(f"{option} {text!r}: expected a span such as 2s, 500ms or 1h")
    return float(found[1]) * _UNIT_S[found[2]]


def address(given: str) -> str:
    """What a user names as a source: an address as it is, a file's path as ``file:/…``.

    Raises:
        DeployError: neither an address nor a file that is there.
    """
    if len(urlsplit(given).scheme) > 1:
        return given
    path = Path(given).expanduser().resolve()
    if not path.is_file():
        raise DeployError(f"{given}: no such file, and no address such as rtsp://camera/1")
    return f"file:{path}"


def ask(api: Api, operation: str, **given: Any) -> dict[str, Any]:
    """Call an operation; a refusal is told in its own sentence alone.

    Raises:
        DeployError: refused, or nobody answered.
    """
    try:
        return api.call("media", operation, **given)
    except ApiError as error:
        raise DeployError(_sentence(error)) from error


def every(api: Api, kind: str) -> list[dict[str, Any]]:
    """All ``Sources``, ``Engines`` or ``Pipelines`` in order of name. Raises DeployError."""
    try:
        return list(api.each("media", f"List{kind}", kind))
    except ApiError as error:
        raise DeployError(_sentence(error)) from error


def _sentence(error: ApiError) -> str:
    return error.detail if error.detail.endswith((".", "?", "!")) else str(error)


@dataclass(frozen=True, slots=True)
class Said:
    """One record of an engine's results.

    Attributes:
        document: as ``docs/media-results.schema.json`` has it.
    """

    offset: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lane:
    """An engine on a source."""

    source: str
    engine: str


def lane_of(api: Api, pipeline: str, engine: str | None) -> Lane:
    """The lane of a pipeline; ``engine`` may be left out where the pipeline has one.

    Raises:
        DeployError: no such pipeline, or it has several engines or not that one.
    """
    found = ask(api, "DescribePipeline", Name=pipeline)["Pipeline"]
    names = ", ".join(found["Engines"])
    if engine is None and len(found["Engines"]) > 1:
        raise DeployError(f"the pipeline {pipeline} has several engines, choose with -e: {names}")
    chosen = engine or found["Engines"][0]
    if chosen not in found["Engines"]:
        raise DeployError(f"the pipeline {pipeline} has no engine {chosen}; it has {names}")
    return Lane(found["Source"], chosen)


def results(api: Api, lane: Lane) -> Iterator[Said]:
    """Every result that is kept, in order.

    Raises:
        DeployError: the engine has not looked at the source yet.
    """
    after: int | None = None
    while True:
        try:
            found = _said(_told(api, lane, after, 0))
        except ApiError as error:
            raise DeployError(_nothing_yet(api, lane, error)) from error
        if not found:
            return
        yield from found
        after = found[-1].offset


def follow(api: Api, time: Time, lane: Lane) -> Iterator[Said]:
    """The same until the source has ended, which a live one does not; a lane that has not begun yet is
    waited for."""
    after: int | None = None
    while True:
        try:
            told = _told(api, lane, after, _WAIT_S)
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise DeployError(_sentence(error)) from error
            ask(api, "DescribeSource", Name=lane.source)  # gone: there is nothing to wait for
            time.sleep(_PAUSE_S)
            continue
        yield from _said(told)
        after = told["LastOffset"]
        if told.get("Complete"):
            return


def _told(api: Api, lane: Lane, after: int | None, wait_s: int) -> dict[str, Any]:
    given: dict[str, Any] = {"MaxResults": _READ_AT_ONCE, "WaitSeconds": wait_s}
    if after is not None:
        given["AfterOffset"] = after
    return api.call("media", "ListResults", Source=lane.source, Engine=lane.engine, **given)


def _said(told: dict[str, Any]) -> list[Said]:
    return [Said(each["Offset"], json.loads(each["Document"])) for each in told["Results"]]


def _nothing_yet(api: Api, lane: Lane, error: ApiError) -> str:
    if error.code != "ResourceNotFoundException":
        return _sentence(error)
    source = ask(api, "DescribeSource", Name=lane.source)["Source"]
    reason = f": {source['StateReason']}" if source.get("StateReason") else ""
    state = f"{source['State'].lower()}{reason}"
    return f"{lane.engine} has not looked at {lane.source} yet; the source is {state}"
