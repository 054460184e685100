"""Event streams as botocore, which is not ours, reads them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from botocore.eventstream import EventStreamBuffer

from pileus.protocols import codec, event_stream
from pileus.protocols.http import HttpResponse
from pileus.values.body import Body
from pileus.values.times import utc


def _messages(raw: bytes) -> list[Any]:
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return list(buffer)


def test_a_message_is_read_by_botocore() -> None:
    (found,) = _messages(event_stream.message({":event-type": "é", "b": ""}, b"\x00\xffpayload"))
    assert found.headers == {":event-type": "é", "b": ""}
    assert found.payload == b"\x00\xffpayload"


async def _events() -> AsyncIterator[dict[str, Any]]:
    record = {"SequenceNumber": "1", "Data": b"\xff", "PartitionKey": "k"}
    record["ApproximateArrivalTimestamp"] = utc(1500)
    event = {"Records": [record], "ContinuationSequenceNumber": "1", "MillisBehindLatest": 0}
    yield {"SubscribeToShardEvent": event}
    yield {"ResourceInUseException": {"message": "taken"}}


def _render(output: dict[str, Any]) -> HttpResponse:
    made = codec.codec_for("kinesis", "SubscribeToShard", "json")
    return made.render(output, None, "id", None)


async def test_events_follow_the_initial_response() -> None:
    response = _render({"EventStream": _events()})
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers
    assert isinstance(response.body, Body)
    first, event, error = _messages(await response.body.read())
    assert (first.headers[":event-type"], first.payload) == ("initial-response", b"{}")
    assert event.headers[":event-type"] == "SubscribeToShardEvent"
    (record,) = json.loads(event.payload)["Records"]
    assert (record["Data"], record["ApproximateArrivalTimestamp"]) == ("/w==", 1.5)
    assert error.headers[":message-type"] == "exception"
    assert error.headers[":exception-type"] == "ResourceInUseException"
    assert json.loads(error.payload) == {"message": "taken"}


async def test_rest_services_send_payloads_as_they_are() -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        yield {"PayloadChunk": {"Payload": b"\x00chunk"}}
        yield {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": "bG9n"}}

    made = codec.codec_for("lambda", "InvokeWithResponseStream", "rest-json")
    response = made.render({"EventStream": events(), "StatusCode": 200}, None, "id", None)
    assert response.header("content-type") == "application/vnd.amazon.eventstream"
    assert isinstance(response.body, Body)
    chunk, complete = _messages(await response.body.read())
    assert chunk.headers[":event-type"] == "PayloadChunk"
    assert chunk.headers[":content-type"] == "application/octet-stream"
    assert chunk.payload == b"\x00chunk"
    assert json.loads(complete.payload) == {"ErrorCode": "Unhandled", "LogResult": "bG9n"}


async def test_whoever_makes_the_events_hears_when_the_client_is_gone() -> None:
    heard = []

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                yield {"SubscribeToShardEvent": {"Records": []}}
        finally:
            heard.append("end")

    response = _render({"EventStream": events()})
    assert isinstance(response.body, Body)
    pieces: Any = aiter(response.body)
    await anext(pieces)
    await anext(pieces)
    await pieces.aclose()
    assert heard == ["end"]
