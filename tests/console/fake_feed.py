"""A platform that plays Edifice Corb for the console: records, pictures, results, replies.

Run ``python -m tests.console.fake_feed [--port N] [--film FILE]`` to look at the page by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

from pileus.adapters.clock_system import SystemClock
from pileus.console.preview import pack_unit
from pileus.console.routes import Console, Hooks
from tests.console.clip import Clip, ClipFrame, film_clip, synthetic_clip
from tests.console.fake_rooms import (
    ACCOUNT,
    BUS,
    ENDPOINT,
    OCCUPANCY_TABLE,
    REGION,
    RESULTS_BUCKET,
    VIDEO_BUCKET,
    FakeRooms,
    function_arn,
    rule_arn,
)
from tests.console.small_server import SmallServer

SOURCE = "lobby"
SEGMENT_MS = 2000
HANDSET = "+15550100"
APP_NUMBER = "+15550199"


class FakePlatform:
    """A Console with a story told into it. ``speed`` 2 plays twice as fast as life."""

    def __init__(self, clip: Clip, *, speed: float = 1.0) -> None:
        self.clock = SystemClock()
        self.clip = clip
        self.speed = speed
        self.rooms = FakeRooms()
        self.sms_taken: list[tuple[str, str, str]] = []
        self.console = Console(
            Hooks(
                clock=self.clock,
                invoke=self.rooms.invoke,
                send_sms=self.send_sms,
                environments=lambda: [
                    {"name": "dev", "account": ACCOUNT},
                    {"name": "prod", "account": "111111111111"},
                ],
                health=self.health,
                version="0.1.0",
            )
        )
        self._chance = random.Random(7)
        self._ids = itertools.count(1)
        self._peak = 0
        self._alarm: int | None = None
        self._started_ms = self.clock.now_ms()
        self._people = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    def health(self) -> dict[str, Any]:
        return {
            "state": "ok",
            "uptime_s": (self.clock.now_ms() - self._started_ms) // 1000,
            "memory_bytes": 58 << 20,
            "sandbox": "full",
        }

    # -- the story --------------------------------------------------------------------------

    async def play(self) -> None:
        """Loop the clip for ever, as a source that does not end."""
        self._source("starting", 0, 0)
        began_ns = self.clock.mono_ns()
        length_ms = len(self.clip.frames) * 1000 / self.clip.frames_per_s
        segment: list[tuple[float, list[list[float]]]] = []
        segments = 0
        for lap in itertools.count():
            for frame in self.clip.frames:
                pts_ms = lap * length_ms + frame.pts_ms
                late_s = (self.clock.mono_ns() - began_ns) / 1e9 - pts_ms / 1000 / self.speed
                if late_s < 0:
                    await self.clock.sleep(-late_s)
                self._show(frame, pts_ms)
                if pts_ms >= (segments + 1) * SEGMENT_MS:
                    segments += 1
                    self._source("playing", pts_ms, segments)
                    self._spawn(self._segment(segments, segment))
                    segment = []
                # Five of ten frames a second are sampled, as VideoIngress does it.
                if round(pts_ms) % 200 == 0:
                    segment.append((pts_ms, frame.boxes))

    def _show(self, frame: ClipFrame, pts_ms: float) -> None:
        preview = self.console.previews.of(SOURCE)
        size = {"width": self.clip.width, "height": self.clip.height}
        unit = pack_unit(
            frame.access_unit, is_key=frame.is_key, pts_ms=pts_ms, codec=self.clip.codec, **size
        )
        preview.take(_parse(unit))
        if preview.demand()["jpeg"]:
            picture = pack_unit(frame.jpeg, is_key=True, pts_ms=pts_ms, codec="jpeg", **size)
            preview.take(_parse(picture))

    async def _segment(self, number: int, frames: list[tuple[float, list[list[float]]]]) -> None:
        key = f"{SOURCE}/{number:06d}"
        self.rooms.segments = number
        self._call("s3", "PutObject", {"Bucket": VIDEO_BUCKET, "Key": f"{key}.mkv"}, 2.1)
        people = len(frames[-1][1]) if frames else 0
        origin = f"arn:aws:s3:::{VIDEO_BUCKET}"
        async with self._run("VideoIngress", origin, 390, cold_ms=212) as log:
            for pts_ms, boxes in frames:
                self._call(
                    "sagemaker-runtime",
                    "InvokeEndpoint",
                    {"EndpointName": ENDPOINT},
                    11.4,
                    by="VideoIngress",
                )
                log(f"frame {pts_ms / 1000:.1f}s persons={len(boxes)}")
                await self.clock.sleep(0.03)
            self.rooms.store(f"{key}.jsonl", SOURCE, frames)
            result = {"Bucket": RESULTS_BUCKET, "Key": f"{key}.jsonl"}
            self._call("s3", "PutObject", result, 1.8, by="VideoIngress")
        self._deliver("lambda", function_arn("VideoIngress"), "events", {"Entries": [{}]})
        rule = rule_arn("people-counted")
        self._deliver("events", BUS, "", {}, rule)
        async with self._run("OccupancyKeeper", rule, 9, cold_ms=41) as log:
            self._keep(people)
            item = {"TableName": OCCUPANCY_TABLE}
            self._call("dynamodb", "UpdateItem", item, 0.7, by="OccupancyKeeper")
            log(f"lobby now={people} peak={self._peak}")
        if self._alarm is not None and people > self._alarm:
            async with self._run("TooFullAlarm", rule_arn("too-full"), 6, cold_ms=38) as log:
                self._reply(
                    "TooFullAlarm", f"lobby is too full: {people} people (limit {self._alarm})."
                )
                log("alarm sent")
            self._alarm = None

    def _keep(self, people: int) -> None:
        now_ms = self.clock.now_ms()
        if people > self._peak:
            self._peak, self._peak_at_ms = people, now_ms
        self._people = people
        item = {
            "people": {"N": str(people)},
            "peak": {"N": str(self._peak)},
            "peak_at_ms": {"N": str(getattr(self, "_peak_at_ms", now_ms))},
            "updated_at_ms": {"N": str(now_ms)},
        }
        if self._alarm is not None:
            item["limit"] = {"N": str(self._alarm)}
        self.rooms.occupancy[SOURCE] = item

    async def send_sms(self, account: str, sender: str, text: str) -> str:
        """The handset's hook: answers as MessageIngress and its colleagues would."""
        self.sms_taken.append((account, sender, text))
        message_id = f"SM{next(self._ids):032d}"
        self._observe(
            "sms",
            direction="in",
            id=message_id,
            text=text,
            target=function_arn("MessageIngress"),
            **{"from": sender, "to": APP_NUMBER},
        )
        self._spawn(self._converse(text))
        return message_id

    async def _converse(self, text: str) -> None:
        words = text.lower().split()
        async with self._run("MessageIngress", "sms:in", 14, cold_ms=44) as log:
            log(f"command {words[0] if words else '?'}")
            if words[:1] == ["status"]:
                reply = f"lobby: {self._people} people now, peak {self._peak}."
            elif words[:1] == ["help"]:
                reply = "Commands: status, clean <room>, alarm <room> <n>, help."
            elif words[:1] == ["alarm"] and len(words) == 3 and words[2].isdigit():
                self._alarm = int(words[2])
                reply = f"I will tell you when more than {words[2]} people are in {words[1]}."
            elif words[:1] == ["clean"] and len(words) == 2:
                reply = ""
            else:
                log("[ERROR] CommandUnreadable: no such command")
                reply = "Sorry, I do not know that. Send help for what I understand."
        if reply:
            self._reply("MessageIngress", reply)
            return
        self._deliver("lambda", function_arn("MessageIngress"), "events", {"Entries": [{}]})
        rule = rule_arn("request-cleaning")
        self._deliver("events", BUS, "", {}, rule)
        async with self._run("CleaningReportGenerator", rule, 22, cold_ms=52) as log:
            log(f"cleaning of {words[1]} requested")
        self._reply("CleaningReportGenerator", f"Cleaning of {words[1]} is on its way.")

    def _reply(self, function: str, text: str) -> None:
        self._observe(
            "sms",
            direction="out",
            id=f"SM{next(self._ids):032d}",
            text=text,
            origin=function_arn(function),
            **{"from": APP_NUMBER, "to": HANDSET},
        )

    # -- records ----------------------------------------------------------------------------

    def _observe(self, kind: str, **fields: Any) -> None:
        record = {"kind": kind, "at_ms": self.clock.now_ms(), "account": ACCOUNT, "region": REGION}
        self.console.feed.observe({**record, **fields})

    def _source(self, state: str, pts_ms: float, segments: int) -> None:
        self._observe(
            "source",
            source=SOURCE,
            state=state,
            pts_ms=pts_ms,
            width=self.clip.width,
            height=self.clip.height,
            frames_per_s=self.clip.frames_per_s,
            rate=self.speed,
            segments=segments,
            segment_ms=SEGMENT_MS,
            dropped=0,
            target=f"arn:aws:s3:::{VIDEO_BUCKET}",
            started_at_ms=self._started_ms,
        )

    def _call(
        self, service: str, operation: str, input: dict[str, Any], took_ms: float, by: str = ""
    ) -> None:
        principal = f"arn:aws:iam::{ACCOUNT}:root"
        if by:
            principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/corb-{by}/{by}"
        self._observe(
            "call",
            service=service,
            operation=operation,
            principal=principal,
            source="client",
            request_id=f"{next(self._ids):08x}-0000-4000-8000-000000000000",
            input=input,
            took_ms=took_ms * self._chance.uniform(0.7, 1.6),
            error="",
        )

    def _deliver(
        self, room: str, origin: str, service: str, input: dict[str, Any], place: str = ""
    ) -> None:
        if place:
            # A rule that matches is no call of its own: rooms tell it as a delivery to its ARN.
            service, input = "sns", {"TopicArn": place}
        self._observe(
            "delivery",
            source=room,
            target=service,
            operation="",
            input=input,
            origin=origin,
            id=f"{next(self._ids):x}",
            attempt=1,
        )

    def _run(self, function: str, origin: str, duration_ms: float, *, cold_ms: float) -> _Run:
        return _Run(self, function, origin, duration_ms, cold_ms)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Run:
    """An invocation as records: started, its log lines, finished, REPORT."""

    warm: set[tuple[int, str]]

    def __init__(
        self, platform: FakePlatform, function: str, origin: str, duration_ms: float, cold_ms: float
    ) -> None:
        self._platform = platform
        self._function = function
        self._origin = origin
        self._duration_ms = duration_ms * platform._chance.uniform(0.8, 1.5)
        warm = platform.__dict__.setdefault("warm", set())
        self._cold_ms = 0.0 if function in warm else cold_ms
        warm.add(function)
        self._request_id = f"{next(platform._ids):08x}-1111-4000-8000-000000000000"

    async def __aenter__(self) -> Any:
        self._tell("invocation", phase="started", origin=self._origin, cold=bool(self._cold_ms))
        self._log(f"START RequestId: {self._request_id} Version: $LATEST")
        return self._log

    async def __aexit__(self, *_: object) -> None:
        await self._platform.clock.sleep(0.01)
        memory_mb = 1024 if self._function == "VideoIngress" else 256
        self._tell(
            "invocation",
            phase="finished",
            cold=bool(self._cold_ms),
            init_ms=self._cold_ms,
            duration_ms=self._duration_ms,
            billed_ms=int(self._duration_ms) + 1,
            memory_mb=memory_mb,
            memory_used_mb=memory_mb // 3,
            error="",
        )
        init = f"\tInit Duration: {self._cold_ms:.2f} ms" if self._cold_ms else ""
        self._log(f"END RequestId: {self._request_id}")
        self._log(
            f"REPORT RequestId: {self._request_id}\tDuration: {self._duration_ms:.2f} ms\t"
            f"Billed Duration: {int(self._duration_ms) + 1} ms\tMemory Size: {memory_mb} MB\t"
            f"Max Memory Used: {memory_mb // 3} MB{init}"
        )

    def _tell(self, kind: str, **fields: Any) -> None:
        self._platform._observe(kind, function=function_arn(self._function), **fields)

    def _log(self, text: str) -> None:
        group = f"/aws/lambda/{self._function}"
        self._platform._observe("log", group=group, stream="2026/11/21/[$LATEST]a1", text=text)


def _parse(message: bytes) -> Any:
    from pileus.console.preview import parse_unit

    return parse_unit(message)


async def main() -> None:
    """Serve the story until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=4599)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args()
    clip = film_clip(options.film) if options.film else synthetic_clip(seconds=20)
    platform = FakePlatform(clip, speed=options.speed)
    async with SmallServer(platform.console, options.port) as server:
        print(f"{server.address}/_pileus/", flush=True)
        await asyncio.gather(platform.console.run(), platform.play())


if __name__ == "__main__":
    asyncio.run(main())
