"""What the page knows of live media, and what its buttons may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from pileus.protocols.http import HttpResponse
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

from .test_routes import console, request

JSON = {"content_type": "application/json"}
ANSWERS: dict[str, dict[str, Any]] = {
    "ListSources": {"Sources": [{"Name": "lobby", "State": "LIVE"}]},
    "ListEngines": {"Engines": [{"Name": "look"}]},
    "ListPipelines": {"Pipelines": [{"Name": "p", "Source": "lobby", "Engines": ["look"]}]},
    "ListLanes": {"Lanes": [{"Source": "lobby", "Engine": "look", "LagMs": 3}]},
    "DescribeSource": {"Source": {"Name": "lobby", "Counts": {"packets": 4}, "PushKey": "secret"}},
    "ListSegments": {"Segments": [{"SegmentId": "7"}]},
    "ListResults": {"Results": [{"Offset": 4, "Document": '{"series":[]}'}]},
}


class Room:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []

    async def invoke(
        self, context: CallContext, service: str, operation: str, given: Mapping[str, Any]
    ) -> Any:
        self.asked.append((context.account, operation, given))
        if operation == "CreateSource":
            raise ServiceError("ResourceAlreadyExistsException", "There is one.", status=409)
        return SimpleNamespace(output=ANSWERS[operation], body=None)


def told(response: HttpResponse) -> Any:
    return orjson.loads(response.body)  # type: ignore[arg-type]


async def test_everything_at_once_and_no_key() -> None:
    response = await console(invoke=Room().invoke).handle(request("api/media?account=111111111111"))
    found = told(response)
    assert found["Sources"] == [
        {"Name": "lobby", "Counts": {"packets": 4}, "Newest": {"SegmentId": "7"}}
    ]
    assert found["Newest"] == {"lobby/look": {"series": []}}
    assert found["Lanes"][0]["LagMs"] == 3 and found["unanswered"] == {}
    assert b"secret" not in bytes(response.body)  # type: ignore[arg-type]


async def test_a_button_calls_its_operation_in_the_account_shown() -> None:
    room = Room()
    asked = request(
        "api/media/DescribeSource?account=111111111111", "POST", b'{"Name":"x"}', **JSON
    )
    response = await console(invoke=room.invoke).handle(asked)
    assert told(response)["Source"]["PushKey"] == "secret"
    assert room.asked == [("111111111111", "DescribeSource", {"Name": "x"})]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("api/media/CreateSource", b"{}", JSON, 409),
        ("api/media/CreateEngine", b"{}", JSON, 404),
        ("api/media/DescribeSource", b"{", JSON, 400),
        ("api/media/DescribeSource", b'{"Name":"x"}', {}, 415),
        ("api/media/DescribeSource", b'{"Name":"x"}', {**JSON, "origin": "http://evil"}, 403),
    ],
)
async def test_what_a_button_may_not_do(
    path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    served = console(invoke=Room().invoke)
    assert (await served.handle(request(path, "POST", body, **headers))).status == status
