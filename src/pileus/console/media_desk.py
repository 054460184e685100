"""What the page knows of live media and what its buttons do, all by operations of the ``media`` room.

``GET /_pileus/api/media?account=`` tells sources, engines, pipelines and lanes at once, with each source's newest
segment and each engine's newest result. ``POST /_pileus/api/media/<Operation>`` calls one of ``OPERATIONS``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pileus.console.answers import json_answer, query_of
from pileus.console.asking import Asker, Invoke, guest
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.context import DEFAULT_ACCOUNT
from pileus.values.errors import ServiceError

OPERATIONS = frozenset(
    {
        "CreateSource",
        "DescribeSource",
        "DeleteSource",
        "CreatePipeline",
        "UpdatePipeline",
        "DeletePipeline",
        "ListResults",
    }
)
BODY_BYTES_MAX = 64 << 10
_PATH = re.compile(r"api/media(?:/([A-Za-z]+))?")
_LISTS = (("Sources", "ListSources"), ("Engines", "ListEngines"), ("Pipelines", "ListPipelines"))


class MediaDesk:
    """Answers the page. ``region`` is the one it shows."""

    def __init__(self, invoke: Invoke, region: str, endpoint: str) -> None:
        self._invoke, self._region, self._endpoint = invoke, region, endpoint

    async def respond(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """Everything at once; None for another path."""
        if name != "api/media":
            return None
        asker = Asker(self._invoke, _account(request), self._region, self._endpoint)
        return json_answer(await _overview(asker) | {"unanswered": asker.unanswered})

    async def act(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """One operation; None for another path."""
        found = _PATH.fullmatch(name)
        if found is None or found[1] is None:
            return None
        if found[1] not in OPERATIONS:
            return json_answer({"error": f"The page does not call {found[1]}."}, 404)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return json_answer({"error": "send application/json"}, 415)
        try:
            given = orjson.loads(await request.body.read(BODY_BYTES_MAX))
        except ValueError:
            return json_answer({"error": "send the operation's input as JSON"}, 400)
        context = guest(_account(request), self._region, self._endpoint)
        try:
            answer = await self._invoke(context, "media", found[1], given)
        except ServiceError as error:
            return json_answer({"error": error.message, "code": error.code}, error.status)
        return json_answer(answer.output)


async def _overview(asker: Asker) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for member, operation in _LISTS:
        token = ("NextToken", "NextToken")
        told[member] = [
            each
            async for page in asker.pages("media", operation, token)
            for each in page.get(member, [])
        ]
    told["Lanes"] = (await asker.ask("media", "ListLanes")).get("Lanes", [])
    told["Sources"] = [await _source(asker, each) for each in told["Sources"]]
    told["Newest"] = {}
    for pipeline in told["Pipelines"]:
        for engine in pipeline["Engines"]:
            given = {"Source": pipeline["Source"], "Engine": engine, "Last": 1}
            newest = _newest(await asker.ask("media", "ListResults", **given))
            told["Newest"][f"{pipeline['Source']}/{engine}"] = newest
    return told


async def _source(asker: Asker, listed: Mapping[str, Any]) -> dict[str, Any]:
    """A source with its form and counts and its newest segment; its push key is told to who asks for it only."""
    described = await asker.ask("media", "DescribeSource", Name=listed["Name"])
    source = dict(described.get("Source", listed))
    source.pop("PushKey", None)
    if "Records" in source:
        kept = await asker.ask("media", "ListRecords", Source=listed["Name"], Last=1)
        for each in kept.get("Records", ()):
            source["NewestRecord"] = orjson.loads(each["Document"])["record"]
        return source
    found = await asker.ask("media", "ListSegments", Source=listed["Name"], Last=1)
    if segments := found.get("Segments"):
        source["Newest"] = segments[0]
    return source


def _newest(found: Mapping[str, Any]) -> Any:
    results = found.get("Results")
    return orjson.loads(results[-1]["Document"]) if results else None


def _account(request: HttpRequest) -> str:
    return query_of(request).get("account") or DEFAULT_ACCOUNT
