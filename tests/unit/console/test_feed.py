"""From records to what pages are told."""

from __future__ import annotations

from typing import Any

from pileus.adapters.clock_virtual import VirtualClock
from pileus.console.feed import LOG_TEXT_MAX, Feed
from pileus.console.subscription import Subscription
from pileus.kernel.observing import PassingCall
from pileus.ports.nodes import LogLine
from pileus.values.context import CallContext

A, R = "000000000000", "us-east-1"
BUS = f"arn:aws:events:{R}:{A}:event-bus/default"


def function(name: str) -> str:
    return f"arn:aws:lambda:{R}:{A}:function:{name}"


def record(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "at_ms": 5, "account": A, "region": R, **fields}


def call(service: str = "s3", operation: str = "PutObject", **fields: Any) -> dict[str, Any]:
    told = {"principal": f"arn:aws:iam::{A}:root", "source": "client", "took_ms": 1.0, "error": ""}
    return record("call", service=service, operation=operation, **{"input": {}, **told, **fields})


async def told(page: Subscription) -> dict[str, Any]:
    frame = await page.next_frame()
    return {message["type"]: message["items"] for message in frame["messages"]}


def watched() -> tuple[Feed, Subscription]:
    feed = Feed(VirtualClock())
    return feed, feed.subscribe(A)


async def test_calls_are_listed_and_counted() -> None:
    feed, page = watched()
    feed.observe(call(input={"Bucket": "b"}))
    feed.observe(call("sqs", "SendMessage", error="QueueDoesNotExist"))
    messages = await told(page)
    assert [row["target"] for row in messages["calls"]] == ["arn:aws:s3:::b", ""]
    assert messages["counts"] == [{"calls": 2, "errors": 1}]


async def test_the_consoles_own_calls_are_left_out() -> None:
    feed, _ = watched()
    feed.observe(call(source="console"))
    assert feed.snapshot(A)["call_count"] == 0


async def test_unwatched_calls_are_counted_only() -> None:
    feed = Feed(VirtualClock())
    feed.observe(call())
    assert feed.snapshot(A)["call_count"] == 1
    assert feed.snapshot(A)["calls"] == []


async def test_an_account_sees_its_own_only() -> None:
    feed = Feed(VirtualClock())
    page = feed.subscribe("111111111111")
    feed.observe(call())
    feed.publish("111111111111", "rooms", "", "theirs")
    assert await told(page) == {"rooms": ["theirs"]}


async def test_a_function_that_calls_lights_the_way() -> None:
    feed, page = watched()
    principal = f"arn:aws:sts::{A}:assumed-role/corb/Video"
    feed.observe(
        call(
            "sagemaker-runtime", "InvokeEndpoint", principal=principal, input={"EndpointName": "e"}
        )
    )
    endpoint = f"arn:aws:sagemaker:{R}:{A}:endpoint/e"
    assert (await told(page))["pulses"] == [[function("Video"), endpoint, 1, 0]]
    assert (function("Video"), endpoint) in feed.view(A).observed_links


async def test_a_delivery_lights_the_way_it_came() -> None:
    feed, page = watched()
    feed.set_trail_finder(A, lambda room, target: [("rule", target)] if room == "events" else [])
    result = {"Entries": [{"Resources": [f"{function('Video')}:$LATEST"]}]}
    feed.observe(record("delivery", source="lambda", target="events", input=result, attempt=1))
    feed.observe(
        record(
            "delivery",
            source="events",
            target="lambda",
            input={"FunctionName": function("Keep")},
            attempt=2,
        )
    )
    feed.observe(
        record(
            "delivery",
            source="s3",
            target="sqs",
            input={"QueueUrl": "x/q"},
            origin="arn:aws:s3:::b/k",
        )
    )
    feed.observe(
        record("delivery", source="s3", target="lambda", input={"FunctionName": function("Keep")})
    )
    assert (await told(page))["pulses"] == [
        [function("Video"), BUS, 1, 0],
        ["rule", function("Keep"), 1, 1],
        ["arn:aws:s3:::b", f"arn:aws:sqs:{R}:{A}:q", 1, 0],
    ]


async def test_stored_segments_are_counted_by_source() -> None:
    feed = Feed(VirtualClock())
    feed.observe(call(input={"Bucket": "v", "Key": "lobby/1.mkv"}))
    feed.observe(call(input={"Bucket": "v", "Key": "lobby/2.mkv"}, error="SlowDown"))
    feed.observe(call(operation="GetObject", input={"Bucket": "v", "Key": "lobby/1.mkv"}))
    assert feed.view(A).segments == {"lobby": 1}
    assert ("source:lobby", "arn:aws:s3:::v") in feed.view(A).observed_links


async def test_invocations_make_rows() -> None:
    feed, page = watched()
    feed.observe(record("invocation", function="f", duration_ms=3.0, cold=True, error=True))
    messages = await told(page)
    assert messages["functions"][0]["cold"] == 1
    assert messages["invocations"] == [[function("f"), 1]]


async def test_long_log_lines_are_cut_and_say_so() -> None:
    feed, page = watched()
    feed.observe(
        record(
            "log", function="f", group="/aws/lambda/f", lines=[LogLine(7, "x" * (LOG_TEXT_MAX + 5))]
        )
    )
    line = (await told(page))["logs"][0]
    assert (line["function"], len(line["text"]), line["cut"]) == ("f", LOG_TEXT_MAX, 5)


async def test_texts_are_kept_for_pages_that_come_later() -> None:
    feed = Feed(VirtualClock())
    feed.observe(record("sms", direction="in", number="+12025550142", text="status", id="1"))
    assert feed.snapshot(A)["sms"][0]["text"] == "status"


async def test_unknown_kinds_are_counted() -> None:
    feed = Feed(VirtualClock())
    feed.observe(record("weather"))
    assert feed.unknown == {"weather": 1}


async def test_unchanged_state_is_not_told_again() -> None:
    clock = VirtualClock()
    feed = Feed(clock)
    page = feed.subscribe(A)
    feed.publish(A, "rooms", "", {"queues": 1})
    await told(page)
    feed.publish(A, "rooms", "", {"queues": 1})
    feed.publish(A, "health", "", "ok")
    assert await clock.run(told(page)) == {"health": ["ok"]}


async def test_a_page_that_left_is_told_nothing() -> None:
    feed, page = watched()
    feed.unsubscribe(page)
    assert feed.watched_accounts() == set()
    feed.publish(A, "rooms", "", 1)
    assert page._states == {}


async def test_while_no_page_is_open_calls_are_counted_without_a_record() -> None:
    feed = Feed(VirtualClock())
    context = CallContext()
    for service, given, error in (
        ("s3", {"Bucket": "v", "Key": "lobby/1.mkv"}, ""),
        ("sqs", {}, "E"),
    ):
        feed.count_call(PassingCall(context, service, "PutObject", given, 1, error))
    feed.count_call(PassingCall(CallContext(source="console"), "s3", "ListBuckets", {}, 1, ""))
    assert not feed.wants("call", A)
    assert feed.wants("invocation", A)
    assert (feed.view(A).call_count, feed.view(A).error_count) == (2, 1)
    assert feed.view(A).segments == {"lobby": 1}
    feed.subscribe(A)
    assert feed.wants("call", A)
    assert not feed.wants("call", "111111111111")
