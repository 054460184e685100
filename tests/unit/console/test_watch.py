"""Inventory, map, overview, results and occupancy, over Corb's rooms as they would answer."""

from __future__ import annotations

from typing import Any

from tests.console.fake_rooms import (
    ACCOUNT,
    BUS,
    ENDPOINT_ARN,
    REGION,
    RESULTS_BUCKET,
    SMS_TOPIC,
    VIDEO_BUCKET,
    FakeRooms,
    function_arn,
    function_name,
    rule_arn,
)

from pileus.adapters.clock_virtual import VirtualClock
from pileus.console.feed import Feed
from pileus.console.subscription import Subscription
from pileus.console.watch import INVENTORY_EVERY_MS, Watcher
from pileus.media.preview import DESCRIPTION, KEY_PICTURE, PreviewHub, pack

KEY = "lobby/20260101T000000.000Z.jsonl"


class Watching:
    """A watcher with one open page."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.rooms = FakeRooms()
        self.feed = Feed(self.clock)
        self.previews = PreviewHub()
        self.watcher = Watcher(
            self.feed, self.clock, self.rooms.invoke, self.previews, lambda: {"state": "ok"}
        )
        self.page: Subscription = self.feed.subscribe(ACCOUNT)

    async def step(self) -> dict[str, Any]:
        await self.watcher.step(REGION, "http://127.0.0.1:4566")
        return self.feed.snapshot(ACCOUNT)

    def store(self, key: str, frames: list[tuple[float, list[list[float]]]]) -> None:
        self.rooms.store(key, "lobby", frames)
        stored = {"Bucket": RESULTS_BUCKET, "Key": key}
        self.observe(service="s3", operation="PutObject", input=stored)

    def observe(self, **fields: Any) -> None:
        told = {"kind": "call", "at_ms": 1, "account": ACCOUNT, "region": REGION, "error": ""}
        self.feed.observe({**told, "principal": "", "source": "client", "took_ms": 1, **fields})

    async def streamed(self, kind: str) -> list[Any]:
        self.page.put_state("end", "", 0)
        frame = await self.page.next_frame()
        return [item for m in frame["messages"] if m["type"] == kind for item in m["items"]]


def links(resources: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(link["from"], link["to"]): link["how"] for link in resources["links"]}


async def test_the_map_shows_what_is_declared() -> None:
    resources = (await Watching().step())["resources"][0]
    found = links(resources)
    video, keeper = function_arn("VideoIngress"), function_arn("OccupancyKeeper")
    rule = rule_arn(f"{function_name('OccupancyKeeper')}-rule-1")
    assert found[f"arn:aws:s3:::{VIDEO_BUCKET}", video] == "event"
    assert found[video, BUS] == "destination"
    assert found[BUS, rule] == "event"
    assert found[rule, keeper] == "target"
    assert found[video, ENDPOINT_ARN] == "uses"
    assert found["sms:in", SMS_TOPIC] == "event"
    assert found[SMS_TOPIC, function_arn("MessageIngress")] == "event"
    nodes = {node["id"]: node for node in resources["nodes"]}
    assert nodes[video]["stack"] == "corb-dev" and nodes[video]["logical_id"] == "VideoIngress"
    assert nodes[rule]["detail"] == "result_type: segments_analysed"
    assert nodes[f"arn:aws:s3:::{RESULTS_BUCKET}"]["logical_id"] == "corbresults"


async def test_the_map_learns_from_what_passes() -> None:
    watching = Watching()
    await watching.step()
    watching.observe(
        service="s3", operation="PutObject", input={"Bucket": VIDEO_BUCKET, "Key": "lobby/1.mkv"}
    )
    found = links((await watching.step())["resources"][0])
    assert found["source:lobby", f"arn:aws:s3:::{VIDEO_BUCKET}"] == "event"


async def test_the_way_of_a_delivery_is_found_when_there_is_just_one() -> None:
    watching = Watching()
    await watching.step()
    keeper, rule = (
        function_arn("OccupancyKeeper"),
        rule_arn(f"{function_name('OccupancyKeeper')}-rule-1"),
    )
    given = {"FunctionName": keeper}
    watching.feed.observe(
        {
            "kind": "delivery",
            "account": ACCOUNT,
            "at_ms": 1,
            "source": "events",
            "target": "lambda",
            "input": given,
        }
    )
    pulses = await watching.streamed("pulses")
    assert [BUS, rule, 1, 0] in pulses and [rule, keeper, 1, 0] in pulses


async def test_rooms_are_told_in_numbers() -> None:
    watching = Watching()
    watching.rooms.waiting_messages = 3
    rooms = (await watching.step())["rooms"][0]
    assert rooms["queues"] == [
        {"name": "corb-dead-letters", "visible": 3, "in_flight": 0, "delayed": 0}
    ]
    assert rooms["tables"][0]["items"] == 4
    assert rooms["stacks"] == [{"name": "corb-dev", "status": "CREATE_COMPLETE"}]
    assert rooms["unanswered"] == {}


async def test_a_room_that_is_not_there_is_told_not_hidden() -> None:
    watching = Watching()
    watching.rooms._sns_ListTopics = None  # type: ignore[assignment,method-assign]
    rooms = (await watching.step())["rooms"][0]
    assert rooms["unanswered"] == {"sns.ListTopics": "NotImplemented"}


async def test_a_stored_result_becomes_detections() -> None:
    watching = Watching()
    await watching.step()
    watching.store(KEY, [(0.0, [[0.1, 0.1, 0.2, 0.2]]), (200.0, [])])
    await watching.step()
    (told,) = await watching.streamed("detections")
    assert told["run"] == KEY
    assert [(pts, len(boxes)) for pts, boxes in told["frames"]] == [(0.0, 1), (200.0, 0)]


async def test_a_page_that_opens_later_gets_the_past() -> None:
    watching = Watching()
    old = "lobby/20250101T000000.000Z.jsonl"
    watching.rooms.store(old, "lobby", [(0.0, [])])
    watching.rooms.store(KEY, "lobby", [(0.0, [[0, 0, 1, 1]])])
    await watching.step()
    (people,) = watching.watcher.people(ACCOUNT)
    assert people["points"] == [(0.0, 1)]
    assert people["run"] == KEY


async def test_a_result_that_is_gone_costs_nothing() -> None:
    watching = Watching()
    await watching.step()
    watching.store(KEY, [(0.0, [])])
    watching.rooms.results.clear()
    await watching.step()
    assert await watching.streamed("detections") == []


async def test_occupancy_is_read_from_the_apps_table() -> None:
    watching = Watching()
    watching.rooms.items["rooms", "lobby"] = {
        "persons": {"N": "4"},
        "peak": {"N": "6"},
        "episode": {"S": "e"},
    }
    watching.rooms.items["room#lobby", "alarm"] = {"persons_limit": {"N": "5"}}
    minute = {"segments": {"N": "2"}, "persons_sum": {"N": "9"}, "persons_max": {"N": "6"}}
    watching.rooms.items["room#lobby", "minute#0000000060000"] = {
        **minute,
        "record": {"S": "minute#0000000060000"},
    }
    watching.feed.view(ACCOUNT).segments["lobby"] = 1
    (occupancy,) = (await watching.step())["occupancy"]
    assert (occupancy["people"], occupancy["peak"], occupancy["limit"], occupancy["too_full"]) == (
        4,
        6,
        5,
        True,
    )
    assert occupancy["minutes"] == [{"at_ms": 60_000, "peak": 6, "average": 4.5}]


async def test_sources_are_told_with_their_state() -> None:
    watching = Watching()
    now_ms = watching.clock.now_ms()
    described = b'{"codec": "avc1.42c01f", "width": 640, "height": 360, "frames_per_second": 10.0}'
    batch = pack(DESCRIPTION, 0, now_ms, described) + pack(KEY_PICTURE, 0, now_ms, b"x")
    watching.previews.feed("lobby", batch)
    (source,) = (await watching.step())["sources"]
    assert (source["state"], source["width"]) == ("playing", 640)
    await watching.clock.advance(60_000)
    (source,) = (await watching.step())["sources"]
    assert source["state"] == "quiet"


async def test_the_inventory_is_asked_again_after_a_deployment_only() -> None:
    watching = Watching()
    await watching.step()
    asked = watching.rooms.asked
    asked.clear()
    watching.observe(service="sqs", operation="DeleteMessage", input={})
    watching.observe(service="dynamodb", operation="UpdateItem", input={})
    await watching.step()
    assert "lambda.ListFunctions" not in asked
    watching.observe(service="cloudformation", operation="ExecuteChangeSet", input={})
    await watching.step()
    assert asked.count("lambda.ListFunctions") == 1
    await watching.clock.advance(INVENTORY_EVERY_MS + 1)
    await watching.step()
    assert asked.count("lambda.ListFunctions") == 2


async def test_nothing_is_asked_while_no_page_is_open() -> None:
    watching = Watching()
    watching.feed.unsubscribe(watching.page)
    await watching.step()
    assert watching.rooms.asked == []
