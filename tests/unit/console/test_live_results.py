"""Results as they come: what is asked for, what is sent, how slow readers and endings are met."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from tests.unit.console.test_routes import FakeSocket, console, request

from pileus.console.guard import Guard
from pileus.console.live_results import CLOSE_REFUSED, READERS_MAX
from pileus.protocols.http import HttpResponse
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

PATH = "media/000000000000/eu-west-1/lobby/results"
GONE = ServiceError("ResourceNotFoundException", "There is no source lobby.", status=404)


def said(*offsets: int, is_complete: bool = False) -> dict[str, Any]:
    """An answer of ``ListResults``."""
    results = [{"Offset": each, "Document": f'{{"n":{each}}}'} for each in offsets]
    told = {"Results": results, "LastOffset": offsets[-1] if offsets else 6}
    return told | ({"Complete": True} if is_complete else {})


@dataclass
class Door:
    """Gives these answers, one a call, and then none for ever."""

    answers: list[dict[str, Any] | ServiceError]
    asked: list[dict[str, Any]] = field(default_factory=list)
    contexts: list[CallContext] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)

    async def __call__(
        self, context: CallContext, service: str, operation: str, given: Mapping[str, Any], /
    ) -> Any:
        assert service == "media"
        self.operations.append(operation)
        self.asked.append(dict(given))
        self.contexts.append(context)
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, ServiceError):
            raise answer
        return type("Reply", (), {"output": answer, "body": None})


async def events(door: Door, query: str, **headers: str) -> HttpResponse:
    return await console(invoke=door).handle(request(f"{PATH}?{query}", **headers))


async def text(response: HttpResponse, pieces: int) -> str:
    stream = aiter(response.body)  # type: ignore[arg-type]
    found = b"".join([await anext(stream) for _ in range(pieces)])
    await stream.aclose()  # type: ignore[attr-defined]
    return found.decode()


async def test_a_document_is_an_event_with_its_offset() -> None:
    door = Door([said(4, 5), said(), said(7)])
    response = await events(door, "engine=look&after=3&from=200&to=900")
    assert set(door.operations) == {"ListResults"}
    assert response.header("Content-Type") == "text/event-stream"
    told = await text(response, 3)
    assert told == (
        "retry: 1000\n\n"
        'id: 4\ndata: {"n":4}\n\nid: 5\ndata: {"n":5}\n\n'
        ": nothing new\n\n"
        'id: 7\ndata: {"n":7}\n\n'
    )
    lane = {"Source": "lobby", "Engine": "look", "FromMs": 200, "ToMs": 900, "MaxResults": 100}
    assert door.asked[0] == {**lane, "AfterOffset": 3}
    assert door.asked[1] == {**lane, "AfterOffset": 5, "WaitSeconds": 15}
    assert door.asked[2]["AfterOffset"] == 6
    assert (door.contexts[0].account, door.contexts[0].region) == ("000000000000", "eu-west-1")


async def test_a_browser_that_comes_back_goes_on_where_it_was() -> None:
    door = Door([said(9)])
    await events(door, "engine=look&last=50", last_event_id="8")
    assert door.asked[0]["AfterOffset"] == 8
    assert "Last" not in door.asked[0]


async def test_the_end_is_told_once_and_what_comes_after_it_is_told_as_well() -> None:
    door = Door([said(1, is_complete=True), said(is_complete=True), said(2)])
    told = await text(await events(door, "engine=look&last=1"), 3)
    assert told.count("event: end\ndata: {}\n\n") == 1
    assert told.endswith('id: 2\ndata: {"n":2}\n\n')
    assert door.asked[0]["Last"] == 1
    assert "Last" not in door.asked[1]


async def test_a_part_of_time_has_an_end() -> None:
    door = Door([said(1), said(2, is_complete=True)])
    response = await events(door, "engine=look&to=900")
    pieces = [piece async for piece in response.body]  # type: ignore[union-attr]
    assert b"".join(pieces).endswith(b"event: end\ndata: {}\n\n")


async def test_nothing_is_asked_for_that_was_not_taken() -> None:
    door = Door([said(each) for each in range(50)])
    response = await events(door, "engine=look")
    stream = aiter(response.body)  # type: ignore[arg-type]
    for count in (1, 2, 3):
        await anext(stream)
        await asyncio.sleep(0)
        assert len(door.asked) == count


async def test_a_source_deleted_meanwhile_is_told() -> None:
    told = await text(await events(Door([said(1), GONE]), "engine=look"), 2)
    assert told.endswith(
        "event: failed\n"
        'data: {"code":"ResourceNotFoundException","error":"There is no source lobby."}\n\n'
    )


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "?engine=<name>"),
        ("engine=look&after=x", 400, "after is a whole number"),
        ("engine=look&from=-1", 400, "from is a whole number"),
        ("engine=look", 404, "no source lobby"),
    ],
)
async def test_what_cannot_be_read_says_why(query: str, status: int, words: str) -> None:
    response = await events(Door([GONE]), query)
    assert response.status == status
    assert words in orjson.loads(response.body)["error"]  # type: ignore[arg-type]


async def test_the_guard_stands_before_it() -> None:
    served = console(invoke=Door([]), guard=Guard(token="secret"))
    assert (await served.handle(request(f"{PATH}?engine=look"))).status == 401
    asked = request(f"{PATH}?engine=look", upgrade="websocket", origin="http://evil.example")
    assert console(invoke=Door([])).websocket(asked) is None


async def test_a_websocket_gets_a_text_a_document() -> None:
    served, socket = console(invoke=Door([said(4, 5, is_complete=True)])), FakeSocket()
    handler = served.websocket(request(f"{PATH}?engine=look", upgrade="websocket"))
    assert handler is not None
    talking = asyncio.ensure_future(handler(socket))
    await socket.has_sent(3)
    assert [orjson.loads(each) for each in socket.sent] == [
        {"offset": 4, "document": {"n": 4}},
        {"offset": 5, "document": {"n": 5}},
        {"end": True},
    ]
    socket.gone.set()
    await talking


async def test_a_websocket_to_no_lane_is_closed_with_the_reason() -> None:
    served, socket = console(invoke=Door([GONE])), FakeSocket()
    handler = served.websocket(request(f"{PATH}?engine=look", upgrade="websocket"))
    assert handler is not None
    await handler(socket)
    assert socket.closed == (CLOSE_REFUSED, "There is no source lobby.")
    malformed = request(PATH, upgrade="websocket")
    assert served.websocket(malformed) is None
    assert (await served.handle(malformed)).status == 400


async def test_readers_are_bounded() -> None:
    served = console(invoke=Door([said(1)] * (READERS_MAX + 1)))
    streams = []
    for _ in range(READERS_MAX):
        response = await served.handle(request(f"{PATH}?engine=look"))
        streams.append(aiter(response.body))  # type: ignore[arg-type]
        await anext(streams[-1])
    assert (await served.handle(request(f"{PATH}?engine=look"))).status == 503
    await streams[0].aclose()  # type: ignore[attr-defined]
    assert (await served.handle(request(f"{PATH}?engine=look"))).status == 200


async def test_records_are_told_as_results_are() -> None:
    told = {"Records": [{"Offset": 4, "Document": '{"n":4}'}], "LastOffset": 4}
    door = Door([told])
    path = PATH.replace("results", "records?last=1")
    response = await console(invoke=door).handle(request(path))
    assert await text(response, 1) == 'retry: 1000\n\nid: 4\ndata: {"n":4}\n\n'
    assert door.operations == ["ListRecords"]
    assert door.asked[0] == {"Source": "lobby", "Last": 1, "MaxResults": 100}
