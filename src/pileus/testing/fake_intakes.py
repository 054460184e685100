"""``Intakes`` without processes: the test says what a source's process would tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from pileus.ports.intakes import (
    Attach,
    Chunk,
    Command,
    Credit,
    Decoded,
    Detach,
    End,
    Finish,
    InletClosed,
    Lull,
    Open,
    Segment,
    Told,
)
from pileus.testing.fake_spools import FakeSpools


class FakeInlet:
    """Keeps what was pushed: ``begin``, bytes, ``end`` or ``cut``."""

    def __init__(self) -> None:
        self.came: list[str | bytes] = []
        self.is_gone = False

    async def begin(self) -> None:
        """A publisher comes."""
        self._take("begin")

    async def offer(self, sdp: str) -> None:
        """A publisher comes by WebRTC."""
        self._take(f"offer {sdp}")

    async def write(self, data: bytes) -> None:
        """Its bytes."""
        self._take(data)

    async def end(self, *, is_clean: bool) -> None:
        """It ended, or was cut off."""
        self._take("end" if is_clean else "cut")

    def _take(self, what: str | bytes) -> None:
        if self.is_gone:
            raise InletClosed("gone")
        self.came.append(what)


class FakeIntake:
    """One process. ``commands`` is everything it was sent; :meth:`tell` speaks for it."""

    def __init__(self, name: str, opened: Open) -> None:
        self.name, self.opened = name, opened
        self.commands: list[Command] = []
        self.is_closed = False
        self.inlet = FakeInlet()
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()

    @property
    def inputs(self) -> dict[str, Attach]:
        """What is attached now."""
        found: dict[str, Attach] = {}
        for command in self.commands:
            if isinstance(command, Attach):
                found[command.id] = command
            elif isinstance(command, Detach):
                found.pop(command.id, None)
        return found

    def tell(self, *what: Told) -> None:
        """Have the process say something."""
        for each in what:
            self._told.put_nowait(each)

    def show(self, *numbers: int, step_ms: int = 200, captured_from_ms: int = 0) -> None:
        """Pieces for every input, one after another on the source's clock."""
        for number in numbers:
            start_ms = (number - 1) * step_ms
            for input_id in self.inputs:
                self.tell(
                    Chunk(
                        input=input_id,
                        ring=f"/rings/{input_id}",
                        number=number,
                        start_ms=start_ms,
                        stop_ms=start_ms + step_ms,
                        captured_at_ms=captured_from_ms + start_ms,
                    )
                )

    def end(self, *, is_forced: bool = False) -> None:
        """The stream is over."""
        self.tell(End(is_forced=is_forced))

    def die(self) -> None:
        """The process is gone without a word."""
        self.inlet.is_gone = True
        self._told.put_nowait(None)

    def send(self, command: Command) -> None:
        """Keep a command."""
        self.commands.append(command)

    async def told(self) -> AsyncIterator[Told]:
        """What the test had it say."""
        while (what := await self._told.get()) is not None:
            yield what

    async def close(self) -> None:
        """Note that it was ended."""
        self.is_closed = True
        self._told.put_nowait(None)


Tiles = Callable[[int, int], Iterable[tuple[int, int, bool]]]
"""Sound that is cut at silences, from a moment to another: starts and stops, and whether it is a piece. The last
piece may end later."""


class FakeReplay:
    """A process that reads a recording: each segment has a piece every ``step_ms``, told as credit allows, or what
    ``tiles`` tells."""

    def __init__(self, wanted: Attach, step_ms: int, ring: str, tiles: Tiles | None = None) -> None:
        self.wanted, self.segments = wanted, list[Segment]()
        self.is_closed = False
        self._tiles, self._at_ms = tiles, max(0, wanted.from_ms)
        self._step_ms, self._ring = step_ms, ring
        self._number, self._upto, self._from_ms = 0, 0, wanted.from_ms
        self._ready: list[Chunk | Lull | Decoded] = []
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()

    async def feed(self, segment: Segment, data: AsyncIterator[bytes]) -> None:
        """Its pieces, from the source's clock."""
        assert b"".join([piece async for piece in data])
        self.segments.append(segment)
        if self._tiles is not None:
            self._cut(self._tiles, segment)
            self._ready.append(Decoded())
            self._go_on()
            return
        first_ms = -(-segment.start_ms // self._step_ms) * self._step_ms
        for start_ms in range(first_ms, segment.stop_ms + 1, self._step_ms):
            if start_ms + self._step_ms <= self._from_ms:
                continue
            self._make(segment, start_ms, start_ms + self._step_ms)
        self._ready.append(Decoded())
        self._go_on()

    def _make(self, segment: Segment, start_ms: int, stop_ms: int) -> None:
        self._number += 1
        self._ready.append(
            Chunk(
                input=self.wanted.id,
                ring=self._ring,
                number=self._number,
                start_ms=start_ms,
                stop_ms=stop_ms,
                captured_at_ms=segment.captured_at_ms + start_ms - segment.start_ms,
                stream=segment.stream,
            )
        )

    def _cut(self, tiles: Tiles, segment: Segment) -> None:
        """Pieces and lulls that end in a segment; a piece under way is kept for the next one."""
        for start_ms, stop_ms, is_piece in tiles(self._at_ms, segment.stop_ms):
            if is_piece and stop_ms > segment.stop_ms:
                return
            self._at_ms = stop_ms
            if is_piece:
                self._make(segment, start_ms, stop_ms)
                continue
            self._ready.append(
                Lull(
                    input=self.wanted.id,
                    ring=self._ring,
                    start_ms=start_ms,
                    stop_ms=stop_ms,
                    captured_at_ms=segment.captured_at_ms,
                    reason="silence",
                    stream=segment.stream,
                )
            )

    def _go_on(self) -> None:
        while self._ready:
            first = self._ready[0]
            if isinstance(first, Chunk) and first.number > self._upto:
                return
            self._told.put_nowait(self._ready.pop(0))

    def send(self, command: Command) -> None:
        """Credit lets it go on."""
        if isinstance(command, Credit):
            self._upto = max(self._upto, command.upto)
        elif isinstance(command, Finish):
            if self._tiles is not None and self.segments[-1].stop_ms > self._at_ms:
                self._make(self.segments[-1], self._at_ms, self.segments[-1].stop_ms)
            self._ready.append(Decoded())
        self._go_on()

    async def told(self) -> AsyncIterator[Told]:
        """Until it is closed or dies."""
        while (what := await self._told.get()) is not None:
            yield what

    def die(self) -> None:
        """The process is gone without a word."""
        self._told.put_nowait(None)

    async def close(self) -> None:
        """Note that it was ended."""
        self.is_closed = True
        self._told.put_nowait(None)


class FakeIntakes(FakeSpools):
    """Keeps every process that was started, oldest first. ``step_ms``: distance of pieces of recordings.

    Attributes:
        tiles: how recorded sound is cut at silences.
    """

    rings_dir = "/rings"

    def __init__(self, step_ms: int = 200) -> None:
        super().__init__()
        self.started: list[FakeIntake] = []
        self.replays: list[FakeReplay] = []
        self._step_ms = step_ms
        self.tiles: Tiles | None = None

    @property
    def latest(self) -> FakeIntake:
        """The process started last."""
        return self.started[-1]

    async def start(self, name: str, opened: Open) -> FakeIntake:
        """Start one."""
        made = FakeIntake(name, opened)
        self.started.append(made)
        return made

    async def replay(self, name: str, wanted: Attach) -> FakeReplay:
        """Start one that reads a recording."""
        tiles = self.tiles if wanted.most_ms else None
        made = FakeReplay(wanted, self._step_ms, f"/rings/replay-{len(self.replays)}", tiles)
        self.replays.append(made)
        return made

    async def close(self) -> None:
        """End every process."""
        for each in self.started:
            await each.close()
