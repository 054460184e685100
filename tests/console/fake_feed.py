"""A platform that plays Edifice Corb for the console: records, pictures, results, replies.

Run ``python -m tests.console.fake_feed [--port N] [--film FILE]`` to look at the page by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pileus.adapters.clock_system import SystemClock
from pileus.console.routes import Console, Hooks
from pileus.console.socket import SocketHandler
from pileus.gateway.app import GatewayApp
from pileus.gateway.server import Server
from pileus.gateway.websocket import open_websocket
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.ports.nodes import LogLine
from pileus.protocols.http import HttpRequest
from pileus.values.times import utc
from tests.console.clip import Clip, ClipFrame, film_clip, synthetic_clip
from tests.console.fake_rooms import (
    ACCOUNT,
    ENDPOINT,
    OCCUPANCY_TABLE,
    REGION,
    RESULTS_BUCKET,
    SMS_TOPIC,
    VIDEO_BUCKET,
    FakeRooms,
    function_arn,
    function_name,
)

SOURCE = "lobby"
SEGMENT_MS = 2000
Frame = tuple[float, list[list[float]]]
HANDSET = "+12025550142"


class FakePlatform:
    """A Console with a story told into it. ``speed`` 2 plays twice as fast as life."""

    def __init__(self, clip: Clip, *, speed: float = 1.0) -> None:
        self.clock = SystemClock()
        self.clip = clip
        self.speed = speed
        self.rooms = self.make_rooms()
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
        self._peak_at_ms = 0
        self._wants_jpeg = False
        self.warm: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def make_rooms(self) -> FakeRooms:
        """What answers the page's questions."""
        return FakeRooms()

    def websocket(self, request: HttpRequest) -> SocketHandler | None:
        """The handler of an upgrade."""
        return self.console.websocket(request)

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
        began_ns, began_ms = self.clock.mono_ns(), self.clock.now_ms()
        length_ms = len(self.clip.frames) * 1000 / self.clip.frames_per_s
        segment: list[Frame] = []
        segments = 0
        for lap in itertools.count():
            for frame in self.clip.frames:
                pts_ms = lap * length_ms + frame.pts_ms
                late_s = (self.clock.mono_ns() - began_ns) / 1e9 - pts_ms / 1000 / self.speed
                if late_s < 0:
                    await self.clock.sleep(-late_s)
                self._show(frame, round(pts_ms), began_ms + round(pts_ms / self.speed))
                if pts_ms >= (segments + 1) * SEGMENT_MS:
                    segments += 1
                    start_ms = began_ms + round((segments - 1) * SEGMENT_MS / self.speed)
                    self._spawn(self._segment(segments, start_ms, segment))
                    segment = []
                # Five of ten frames a second are sampled, as VideoIngress does it.
                if round(pts_ms) % 200 == 0:
                    segment.append((pts_ms, frame.boxes))

    def _show(self, frame: ClipFrame, pts_ms: int, captured_at_ms: int) -> None:
        clip, records = self.clip, []
        if frame.is_key:
            told = {"codec": clip.codec, "width": clip.width, "height": clip.height}
            described = json.dumps({**told, "frames_per_second": clip.frames_per_s}).encode()
            records.append(pack(DESCRIPTION, pts_ms, captured_at_ms, described))
        kind = KEY_PICTURE if frame.is_key else PICTURE
        records.append(pack(kind, pts_ms, captured_at_ms, frame.access_unit))
        if self._wants_jpeg:
            records.append(pack(JPEG, pts_ms, captured_at_ms, frame.jpeg))
        answer = self.console.previews.feed(SOURCE, b"".join(records))
        self._wants_jpeg = bool(answer["jpeg"])

    async def _segment(self, number: int, start_ms: int, frames: list[Frame]) -> None:
        moment = utc(start_ms).strftime("%Y%m%dT%H%M%S")
        key = f"{SOURCE}/{moment}.{start_ms % 1000:03d}Z"
        self.rooms.segments = number
        self._call("s3", "PutObject", {"Bucket": VIDEO_BUCKET, "Key": f"{key}.mkv"}, 2.1)
        people = len(frames[-1][1]) if frames else 0
        self._deliver("s3", "lambda", {"FunctionName": function_arn("VideoIngress")})
        async with self._run("VideoIngress", 390, cold_ms=212) as log:
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
        self._result_of("VideoIngress", "OccupancyKeeper")
        async with self._run("OccupancyKeeper", 9, cold_ms=41) as log:
            self._keep(people)
            item = {"TableName": OCCUPANCY_TABLE}
            self._call("dynamodb", "UpdateItem", item, 0.7, by="OccupancyKeeper")
            log(f"lobby now={people} peak={self._peak}")
        if self._alarm is not None and people > self._alarm:
            self._result_of("OccupancyKeeper", "TooFullAnnouncer")
            async with self._run("TooFullAnnouncer", 6, cold_ms=38) as log:
                limit, self._alarm = self._alarm, None
                text = f"{SOURCE} is too full: {people} people (limit {limit})."
                self._reply("TooFullAnnouncer", text)
                log("announced")

    def _keep(self, people: int) -> None:
        now_ms = self.clock.now_ms()
        if people > self._peak:
            self._peak, self._peak_at_ms = people, now_ms
        self._people = people
        told = {"persons": people, "peak": self._peak}
        told |= {"peak_at_ms": self._peak_at_ms, "as_of_ms": now_ms}
        self.rooms.items["rooms", SOURCE] = {k: {"N": str(v)} for k, v in told.items()}
        minute = f"minute#{now_ms // 60_000 * 60_000:013d}"
        counted = {"segments": "1", "persons_sum": str(people), "persons_max": str(self._peak)}
        item: dict[str, Any] = {name: {"N": value} for name, value in counted.items()}
        self.rooms.items[f"room#{SOURCE}", minute] = {**item, "record": {"S": minute}}

    async def send_sms(self, account: str, sender: str, text: str) -> str:
        """The handset's hook: answers as MessageIngress and its colleagues would."""
        self.sms_taken.append((account, sender, text))
        message_id = f"SM{next(self._ids):032d}"
        carrier = "service:sms-voice.amazonaws.com"
        self._call("sns", "Publish", {"TopicArn": SMS_TOPIC}, 0.9, principal=carrier)
        self._observe("sms", direction="in", id=message_id, text=text, number=sender)
        self._deliver("sns", "lambda", {"FunctionName": function_arn("MessageIngress")})
        self._spawn(self._converse(text))
        return message_id

    async def _converse(self, text: str) -> None:
        words = text.lower().split()
        async with self._run("MessageIngress", 14, cold_ms=44) as log:
            listener, reply = self._understand(words)
            log(f"command {listener}")
        self._result_of("MessageIngress", listener)
        async with self._run(listener, 22, cold_ms=52) as log:
            if listener == "HelpSender" and words != ["help"]:
                log("[ERROR] CommandUnreadable: no such command")
            log(f"answering {HANDSET}")
        self._reply(listener, reply)

    def _understand(self, words: list[str]) -> tuple[str, str]:
        """Who answers, and what."""
        match words:
            case ["status"]:
                reply = f"{SOURCE}: {self._people} people now, peak {self._peak}."
                return "StatusReporter", reply
            case ["clean", room]:
                return "CleaningReportGenerator", f"Cleaning of {room} is on its way."
            case ["alarm", room, limit] if limit.isdigit():
                self._alarm = int(limit)
                self.rooms.items[f"room#{room}", "alarm"] = {"persons_limit": {"N": limit}}
                reply = f"I will tell you when more than {limit} people are in {room}."
                return "AlarmSetter", reply
        return "HelpSender", "Commands: status, clean ROOM, alarm ROOM N, help."

    def _reply(self, function: str, text: str) -> None:
        sent = {"DestinationPhoneNumber": HANDSET, "MessageBody": text}
        self._call("pinpoint-sms-voice-v2", "SendTextMessage", sent, 0.4, by=function)
        message_id = f"SM{next(self._ids):032d}"
        self._observe("sms", direction="out", id=message_id, text=text, number=HANDSET)

    def _result_of(self, function: str, listener: str) -> None:
        """A function's result goes to the bus, and a rule hands it on."""
        entry = {"Source": "lambda", "Resources": [f"{function_arn(function)}:$LATEST"]}
        self._deliver("lambda", "events", {"Entries": [entry]})
        self._deliver("events", "lambda", {"FunctionName": function_arn(listener)})

    # -- records ----------------------------------------------------------------------------

    def _observe(self, kind: str, **fields: Any) -> None:
        record = {"kind": kind, "at_ms": self.clock.now_ms(), "account": ACCOUNT, "region": REGION}
        self.console.feed.observe({**record, **fields})

    def _call(
        self,
        service: str,
        operation: str,
        input: dict[str, Any],
        took_ms: float,
        *,
        by: str = "",
        principal: str = f"arn:aws:iam::{ACCOUNT}:root",
    ) -> None:
        if by:
            principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/corb/{function_name(by)}"
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

    def _deliver(self, room: str, service: str, input: dict[str, Any]) -> None:
        self._observe("delivery", source=room, target=service, operation="", input=input, attempt=1)

    def _run(self, function: str, duration_ms: float, *, cold_ms: float) -> _Run:
        return _Run(self, function, duration_ms, cold_ms)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Run:
    """An invocation as records: started, its log lines, finished, REPORT."""

    def __init__(
        self, platform: FakePlatform, function: str, duration_ms: float, cold_ms: float
    ) -> None:
        self._platform = platform
        self._function = function
        self._duration_ms = duration_ms * platform._chance.uniform(0.8, 1.5)
        self._cold_ms = 0.0 if function in platform.warm else cold_ms
        platform.warm.add(function)
        self._request_id = f"{next(platform._ids):08x}-1111-4000-8000-000000000000"

    async def __aenter__(self) -> Any:
        self._log(f"START RequestId: {self._request_id} Version: $LATEST")
        return self._log

    async def __aexit__(self, *_: object) -> None:
        await self._platform.clock.sleep(0.01)
        memory_mb = 1024 if self._function == "VideoIngress" else 256
        self._tell(
            "invocation",
            cold=bool(self._cold_ms),
            init_ms=self._cold_ms,
            duration_ms=self._duration_ms,
            billed_ms=int(self._duration_ms) + 1,
            memory_mb=memory_mb,
            memory_peak_mb=memory_mb // 3,
            error=False,
            throttle="",
            concurrency=1,
            gb_seconds=memory_mb / 1024 * self._duration_ms / 1000,
        )
        init = f"\tInit Duration: {self._cold_ms:.2f} ms" if self._cold_ms else ""
        self._log(f"END RequestId: {self._request_id}")
        self._log(
            f"REPORT RequestId: {self._request_id}\tDuration: {self._duration_ms:.2f} ms\t"
            f"Billed Duration: {int(self._duration_ms) + 1} ms\tMemory Size: {memory_mb} MB\t"
            f"Max Memory Used: {memory_mb // 3} MB{init}"
        )

    def _tell(self, kind: str, **fields: Any) -> None:
        self._platform._observe(kind, function=function_name(self._function), **fields)

    def _log(self, text: str) -> None:
        group = f"/aws/lambda/{function_name(self._function)}"
        lines = [LogLine(self._platform.clock.now_ms(), text)]
        self._platform._observe("log", group=group, stream="2026/11/21/[$LATEST]a1", lines=lines)


@asynccontextmanager
async def served(platform: FakePlatform, port: int = 0) -> AsyncIterator[str]:
    """The platform's console on the gateway's own server; its address."""
    app = GatewayApp(platform.console.handle)
    app.add_handler("", platform.console.handle)
    app.add_websocket("", platform.websocket)
    server = Server(app, platform.clock, open_websocket=open_websocket)
    port = await server.start("127.0.0.1", port)
    watching = asyncio.ensure_future(platform.console.run())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        watching.cancel()
        await server.close()


async def main() -> None:
    """Serve the story until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=4599)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args()
    clip = film_clip(options.film) if options.film else synthetic_clip(seconds=20)
    platform = FakePlatform(clip, speed=options.speed)
    async with served(platform, options.port) as address:
        print(f"{address}/_pileus/", flush=True)
        await platform.play()


if __name__ == "__main__":
    asyncio.run(main())
