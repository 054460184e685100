"""A platform whose one camera shows a clip, with an engine that sees its figures and one that listens.

Run ``python -m tests.console.fake_media [--port N]`` to look at the page by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import orjson

from pileus.console.socket import Socket, SocketHandler
from pileus.media.intake.intake import Intake
from pileus.media.preview import DESCRIPTION, JPEG, KEY_PICTURE, PICTURE, pack
from pileus.media.upload import Patience
from pileus.ports import intakes as messages
from pileus.protocols.http import HttpRequest
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError
from pileus.values.times import utc
from tests.console.clip import Clip, synthetic_clip
from tests.console.fake_feed import FakePlatform, served
from tests.console.fake_rooms import FakeReply, FakeRooms

SEEN_EVERY, SEEN_AFTER_MS = 2, 150
WORD_MS = 400
TEXT = [
    "good",
    "evening",
    "and",
    "welcome",
    "to",
    "the",
    "news",
    "of",
    "the",
    "lobby",
    "where",
    "three",
    "figures",
    "walk",
]


class FakeMedia(FakeRooms):
    """Answers the operations of the media room; the clip plays once and is recorded as it does."""

    def __init__(self, clip: Clip) -> None:
        super().__init__()
        self.clip = clip
        self.began_ms = 0
        self.recorded = _recorded(clip)
        self.sources: dict[str, dict[str, Any]] = {"lobby": _source("lobby")}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {
            "news": {"Name": "news", "Source": "lobby", "Engines": ["persons"]}
        }
        self.now_ms = lambda: 0

    async def invoke(
        self, context: CallContext, service: str, operation: str, input: Mapping[str, Any]
    ) -> FakeReply:
        if service != "media":
            return await super().invoke(context, service, operation, input)
        answer = getattr(self, f"_media_{operation}")(input)
        return FakeReply(await answer if asyncio.iscoroutine(answer) else answer)

    @property
    def pts_ms(self) -> int:
        """The moment that is live."""
        return self.now_ms() - self.began_ms

    # -- what there is ------------------------------------------------------------------------

    def _media_ListSources(self, _: Any) -> dict[str, Any]:
        return {"Sources": list(self.sources.values())}

    def _media_ListEngines(self, _: Any) -> dict[str, Any]:
        return {"Engines": [{"Name": "persons"}, {"Name": "speech"}]}

    def _media_ListPipelines(self, _: Any) -> dict[str, Any]:
        return {"Pipelines": list(self.pipelines.values())}

    def _media_ListLanes(self, _: Any) -> dict[str, Any]:
        lanes = [
            {
                "Source": pipeline["Source"],
                "Engine": engine,
                "State": "RUNNING",
                "Health": "HEALTHY",
                "ResultsPerSecond": 4.9,
                "LagMs": 140,
                "Waiting": 1,
                "Instances": 1,
                "Results": 37,
                "Failures": 0,
                "Dead": 0,
                "Drops": {"overtaken": 2},
            }
            for pipeline in self.pipelines.values()
            for engine in pipeline["Engines"]
        ]
        return {"Lanes": lanes}

    def _media_DescribeSource(self, given: Any) -> dict[str, Any]:
        return {"Source": self.sources[given["Name"]]}

    def _media_CreateSource(self, given: Any) -> dict[str, Any]:
        if given["Name"] in self.sources:
            message = f"There is a source {given['Name']} already."
            raise ServiceError("ResourceAlreadyExistsException", message, status=409)
        made = self.sources[given["Name"]] = {**_source(given["Name"]), **given}
        made |= {"State": "CONNECTING"} | ({"PushKey": "k"} if given.get("Push") else {})
        return {"Source": made}

    def _media_DeleteSource(self, given: Any) -> dict[str, Any]:
        del self.sources[given["Name"]]
        return {}

    def _media_CreatePipeline(self, given: Any) -> dict[str, Any]:
        self.pipelines[given["Name"]] = dict(given)
        return {"Pipeline": given}

    _media_UpdatePipeline = _media_CreatePipeline

    def _media_DeletePipeline(self, given: Any) -> dict[str, Any]:
        del self.pipelines[given["Name"]]
        return {}

    def add_records(self, name: str) -> None:
        """A source of records whose records the test puts in."""
        records = {"SilenceSeconds": 60.0}
        self.sources[name] = {**_source(name), "Records": records, "RecordsKept": 0}
        self.records[name] = []

    def put_record(self, name: str, record: Any) -> None:
        """One more."""
        kept = self.records[name]
        chunk = {"start_ms": len(kept), "stop_ms": len(kept) + 1, "captured_at_ms": self.now_ms()}
        kept.append({"source": name, "stream": "s", "chunk": chunk, "record": record})
        self.sources[name]["RecordsKept"] = len(kept)

    async def _media_ListRecords(self, given: Any) -> dict[str, Any]:
        kept = self.records[given["Source"]]
        first = given.get("AfterOffset", -1) + 1
        if given.get("Last"):
            first = max(0, len(kept) - given["Last"])
        if given.get("WaitSeconds") and first >= len(kept):
            await asyncio.sleep(0.05)
        found = kept[first : first + given.get("MaxResults", 100)]
        told = [
            {"Offset": at, "Document": orjson.dumps(each).decode()}
            for at, each in enumerate(found, first)
        ]
        return {"Records": told, "LastOffset": first + len(found) - 1}

    # -- what is seen and recorded ------------------------------------------------------------

    async def _media_ListResults(self, given: Any) -> dict[str, Any]:
        step_ms = WORD_MS if given["Engine"] == "speech" else self._seen_ms
        first = given.get("AfterOffset", -1) + 1
        if given.get("WaitSeconds"):
            ready_ms = first * step_ms + SEEN_AFTER_MS
            await asyncio.sleep(max(0, ready_ms - self.pts_ms) / 1000)
        end = self._known(step_ms)
        if given.get("Last"):
            first = max(0, end - given["Last"])
        found = range(first, min(end, first + given.get("MaxResults", 100)))
        if "FromMs" in given:
            found = [at for at in found if given["FromMs"] <= at * step_ms < given["ToMs"]]
        results = [
            {"Offset": at, "Document": self._document(given["Engine"], at, step_ms)} for at in found
        ]
        return {"Results": results, "LastOffset": found[-1] if found else first - 1}

    @property
    def _seen_ms(self) -> int:
        return SEEN_EVERY * 1000 // self.clip.frames_per_s

    def _known(self, step_ms: int) -> int:
        length_ms = len(self.clip.frames) * 1000 // self.clip.frames_per_s
        return max(0, min(self.pts_ms - SEEN_AFTER_MS, length_ms) // step_ms)

    def _document(self, engine: str, at: int, step_ms: int) -> str:
        start_ms = at * step_ms
        place = {"start_ms": start_ms, "stop_ms": start_ms + step_ms}
        if engine == "speech":
            words = [{"word": TEXT[at % len(TEXT)], **place, "confidence": 0.9}]
            series = [{**place, "words": words}]
        else:
            boxes = self.clip.frames[at * SEEN_EVERY].boxes
            objects = [{"label": "person", "confidence": 0.91, "box": box} for box in boxes]
            series = [{**place, "objects": objects}]
        chunk = {**place, "captured_at_ms": self.began_ms + start_ms}
        told = {
            "source": "lobby",
            "stream": "s",
            "engine": engine,
            "chunk": chunk,
            "series": series,
        }
        return orjson.dumps(told).decode()

    def _media_ListSegments(self, given: Any) -> dict[str, Any]:
        ready = [each for each in self.recorded if each.stop_ms + 100 < self.pts_ms]
        if given["Source"] != "lobby":
            ready = []
        if given.get("Last"):
            ready = ready[-given["Last"] :]
        told = [
            {
                "SegmentId": f"{each.start_ms + 1:015d}",
                "StartMs": each.start_ms,
                "StopMs": each.stop_ms,
                "CapturedAt": utc(self.began_ms + each.start_ms),
                "Stream": "s",
            }
            for each in ready
            if self.began_ms + each.start_ms >= given.get("FromMs", 0)
        ]
        return {"Segments": told}

    def _media_GetSegment(self, given: Any) -> dict[str, Any]:
        found = next(each for each in self.recorded if each.start_ms + 1 == int(given["SegmentId"]))
        return {"Media": found.path.encode("latin-1")}

    def _media_WatchSource(self, given: Any) -> dict[str, Any]:
        return {"Pictures": self._pictures(given["Source"], given["Form"])}

    async def _pictures(self, source: str, form: str) -> AsyncGenerator[dict[str, Any]]:
        frame_ms = 1000 // self.clip.frames_per_s
        at = max(0, self.pts_ms // frame_ms)
        if source != "lobby" or at >= len(self.clip.frames):
            await asyncio.Event().wait()
        at -= next(back for back in range(at + 1) if self.clip.frames[at - back].is_key)
        for number, frame in enumerate(self.clip.frames[at:], at):
            pts_ms = number * frame_ms
            await asyncio.sleep(max(0, pts_ms - self.pts_ms) / 1000)
            times = (pts_ms, self.began_ms + pts_ms)
            if form == "jpeg":
                yield _event(pack(JPEG, *times, frame.jpeg))
                continue
            if frame.is_key:
                told = {"codec": self.clip.codec, "width": self.clip.width}
                described = json.dumps({**told, "height": self.clip.height}).encode()
                yield _event(pack(DESCRIPTION, *times, described))
            kind = KEY_PICTURE if frame.is_key else PICTURE
            yield _event(pack(kind, *times, frame.access_unit))
        await asyncio.Event().wait()


def _event(record: bytes) -> dict[str, Any]:
    return {"Picture": {"Record": record}}


def _source(name: str) -> dict[str, Any]:
    return {"Name": name, "Url": "rtsp://camera/1", "State": "LIVE", "KeepSeconds": 3600}


def _recorded(clip: Clip) -> list[messages.Segment]:
    """The clip as the intake records it; ``path`` holds the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        _write(clip, path)
        told: list[messages.Told] = []
        opened = messages.Open(url=f"file:{path}", spool=folder, rings=folder, is_paced=False)
        patience = Patience(lambda: 0, lambda: 0.0, lambda _: None, 0.0)
        commands: queue.SimpleQueue[messages.Command] = queue.SimpleQueue()
        commands.put(messages.Begin())
        Intake(opened, commands, told.append, patience, lambda: 0.5).run()
        segments = [each for each in told if isinstance(each, messages.Segment)]
        for each in segments:
            each.path = Path(each.path).read_bytes().decode("latin-1")
        return segments


def _write(clip: Clip, path: Path) -> None:
    with av.open(str(path), "w") as output:
        track = output.add_stream("libx264", rate=clip.frames_per_s)
        track.width, track.height, track.pix_fmt = clip.width, clip.height, "yuv420p"
        encoder = track.codec_context
        decoder = av.CodecContext.create("h264", "r")
        for number, unit in enumerate(clip.frames):
            for frame in decoder.decode(av.Packet(unit.access_unit)):
                frame.pts, frame.time_base = number, 1 / encoder.framerate
                frame.pict_type = av.video.frame.PictureType.I if unit.is_key else 0
                output.mux(track.encode(frame))
        output.mux(track.encode(None))


class MediaPlatform(FakePlatform):
    """A console on these rooms."""

    def __init__(self, clip: Clip) -> None:
        self.media = FakeMedia(clip)
        self.pushed: list[str | bytes] = []
        self._more = asyncio.Condition()
        super().__init__(clip)
        self.media.now_ms = self.clock.now_ms
        self.media.began_ms = self.clock.now_ms()

    def websocket(self, request: HttpRequest) -> SocketHandler | None:
        """Takes what a device pushes, besides."""
        if not request.path.endswith("/push"):
            return super().websocket(request)
        assert request.query == "key=k"
        return self._take

    async def _take(self, socket: Socket) -> None:
        while (message := await socket.receive()) is not None:
            async with self._more:
                self.pushed.append(message)
                self._more.notify_all()

    async def has_pushed(self, is_enough: Callable[[list[str | bytes]], bool]) -> None:
        """Wait for what a device pushes."""
        async with asyncio.timeout(15), self._more:
            await self._more.wait_for(lambda: is_enough(self.pushed))

    def make_rooms(self) -> FakeRooms:
        return self.media


@asynccontextmanager
async def media_served(clip: Clip, port: int = 0) -> AsyncIterator[tuple[MediaPlatform, str]]:
    """A platform that has just begun to play, and where its page is."""
    platform = MediaPlatform(clip)
    async with served(platform, port) as address:
        yield platform, f"{address}/_pileus/media.html"


async def main() -> None:
    """Serve the clip until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=4598)
    async with media_served(synthetic_clip(seconds=600), parser.parse_args().port) as (_, address):
        print(address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
