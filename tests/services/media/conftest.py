"""A platform in memory with scripted engines and sources."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pileus.compute.log_shipping import LogShipper
from pileus.ports.fetching import Fetching
from pileus.ports.intakes import Recording, Segment
from pileus.ports.nodes import Invocation
from pileus.services.media.engines import Engines
from pileus.services.media.parts import MediaSettings, add_media_parts
from pileus.testing.compute import package
from pileus.testing.fake_fetching import FakeFetching
from pileus.testing.fake_intakes import FakeIntake, FakeIntakes, Tiles
from pileus.testing.fake_nodes import Answer, FakeNodes, Program
from pileus.testing.platform import MemoryPlatform

FRAMES = {"Kind": "frames", "Rate": 5.0, "Width": 320}
CODE = {"ZipFile": package({"look.py": "# an engine"})}
Look = Callable[[int], Any]
"""What an engine says of the piece of that number."""


def looking(look: Look, duration_s: float = 0.0) -> Program:
    """An engine."""

    def handle(invocation: Invocation, count: int) -> Answer:
        event = json.loads(invocation.payload)
        told = [
            {"number": each["number"], "result": look(each["number"])} for each in event["chunks"]
        ]
        return Answer(json.dumps({"results": told}).encode(), duration_s=duration_s)

    return Program(handle)


class Listener:
    """A stream engine: it says a word of every piece, and tells of what it was given."""

    def __init__(self, *, has_checkpoints: bool = False) -> None:
        self.begun: list[Any] = []
        self.heard: list[int] = []
        self.ends: list[bool] = []
        self.fails_at: dict[int, int] = {}
        self.program = Program(self._handle)
        self._has_checkpoints = has_checkpoints
        self._count = 0

    def _handle(self, invocation: Invocation, count: int) -> Answer:
        event = json.loads(invocation.payload)
        if count == 1:
            resume = event.get("resume")
            self.begun.append(resume)
            self._count = ((resume or {}).get("state") or {}).get("count", 0)
        if event["op"] == "end":
            self.ends.append(event["forced"])
            return self._told([], 0)
        emitted = []
        for each in event["chunks"]:
            start_ms, stop_ms = each["start_ms"], each["stop_ms"]
            if self.fails_at.get(start_ms, 0) > 0:
                self.fails_at[start_ms] -= 1
                document = {"errorType": "ValueError", "errorMessage": f"deaf at {start_ms}"}
                return Answer(json.dumps(document).encode(), is_error=True)
            self.heard.append(start_ms)
            self._count += 1
            word = {"word": str(self._count if self._has_checkpoints else start_ms)}
            emitted.append(
                {"start_ms": start_ms, "stop_ms": stop_ms, "at_ms": stop_ms, "words": [word]}
            )
        return self._told(emitted, event["chunks"][-1])

    def _told(self, emitted: list[Any], last: Any) -> Answer:
        told: dict[str, Any] = {"emitted": emitted, "consumed": last and last["number"]}
        if self._has_checkpoints and last:
            told["checkpoint"] = {"at_ms": last["stop_ms"], "state": {"count": self._count}}
        return Answer(json.dumps(told).encode())


def person(number: int) -> Any:
    """One person in every picture."""
    return [{"label": f"person {number}"}]


@dataclass
class Bench:
    """A platform whose engines and sources the test plays."""

    platform: MemoryPlatform
    code_dir: Path
    programs: dict[str, Program] = field(default_factory=lambda: {"look.look": looking(person)})
    intakes: FakeIntakes = field(default_factory=FakeIntakes)
    server: FakeFetching = field(default_factory=FakeFetching)
    tiles: Tiles | None = None
    keeps_spools: bool = False

    def prepare(self, platform: MemoryPlatform) -> None:
        """Give a platform, which has not started yet, what runs engines and reads sources."""
        self.nodes = FakeNodes(platform.clock, self.programs)
        before, self.intakes = self.intakes, FakeIntakes()
        self.intakes.tiles = self.tiles
        if self.keeps_spools:
            self.intakes.inherit(before)
        platform.kernel.add_part(LogShipper, LogShipper(platform.kernel))
        platform.kernel.add_part(Fetching, self.server)
        settings = MediaSettings(self.code_dir, "test-boot")
        engines = add_media_parts(platform.kernel, self.nodes, self.intakes, settings)
        platform.clock.watch(lambda: engines.code.is_working)

    async def __call__(self, operation: str, **given: Any) -> Any:
        return await self.platform("media", operation, **given)

    @property
    def intake(self) -> FakeIntake:
        return self.intakes.latest

    async def engine(self, name: str = "look", **more: Any) -> Any:
        given = {"Mode": "object", "Handler": "look.look", "Code": CODE, "Input": FRAMES, **more}
        return await self("CreateEngine", Name=name, **given)

    async def pipeline(self, *engines: str, **source: Any) -> None:
        """Source ``lobby`` with engines that are there."""
        await self("CreateSource", **{"Name": "lobby", "Url": "rtsp://h/lobby", **source})
        await self("CreatePipeline", Name="p", Source="lobby", Engines=list(engines))
        await self.passing(10)

    def plays(self, tiles: Tiles) -> None:
        """What recorded sound that is cut at silences holds, also after a restart."""
        self.tiles = self.intakes.tiles = tiles

    async def passing(self, duration_ms: int) -> None:
        await self.platform.clock.advance(duration_ms)

    async def words(self, engine: str = "look") -> list[str]:
        """Every word that a stream engine said."""
        found = await self.results(engine)
        return [w["word"] for each in found for s in each["series"] for w in s.get("words", ())]

    async def segment(self, number: int, ago_ms: int = 0) -> None:
        """A finished segment of two seconds, captured just now; returns once it is kept."""
        start_ms, now_ms = number * 2000, self.platform.clock.now_ms() - ago_ms
        segment = Segment(
            path="",
            stream=self.intake.opened.stream,
            start_ms=start_ms,
            stop_ms=start_ms + 1960,
            captured_at_ms=now_ms,
            size_bytes=9,
            pictures=50,
        )
        spool = self.intake.opened.spool
        self.intake.tell(self.intakes.put(spool, segment, b"segment %d" % number))
        self.intake.tell(Recording(start_ms=start_ms + 2000))
        await self.passing(1)

    async def seconds(self, first: int, last: int) -> None:
        """A source with a piece every 200 ms and a segment every two seconds, as it comes."""
        for second in range(first, last):
            if second == 0:
                self.intake.tell(Recording(start_ms=0))
            elif second % 2 == 0:
                await self.segment(second // 2 - 1, ago_ms=2000)
            for number in range(second * 5 + 1, second * 5 + 6):
                self.intake.show(number)
                await self.passing(200)

    async def results(self, engine: str = "look", **more: Any) -> list[dict[str, Any]]:
        """All of them, unless more is asked."""
        found, asked = list[dict[str, Any]](), bool(more)
        while True:
            told = await self("ListResults", Source="lobby", Engine=engine, **more)
            found += [json.loads(each["Document"]) for each in told["Results"]]
            if asked or not told["Results"]:
                return found
            more = {"AfterOffset": told["LastOffset"]}

    async def starts(self, engine: str = "look") -> list[int]:
        return [each["chunk"]["start_ms"] for each in await self.results(engine)]

    async def lane(self, engine: str = "look") -> dict[str, Any]:
        told = await self("DescribeLane", Source="lobby", Engine=engine)
        lane: dict[str, Any] = told["Lane"]
        return lane

    @property
    def engines(self) -> Engines:
        return self.platform.kernel.part(Engines)

    async def restart(self) -> None:
        """The platform is killed and comes back."""
        self.platform = await self.platform.restart()
        await self.passing(10)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(None, tmp_path / "code")  # type: ignore[arg-type]
    made.platform = await MemoryPlatform.start(prepare=made.prepare)
    yield made
    await made.platform.crash()
