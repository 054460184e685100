"""Sources that are read by a script: processes and spools in memory, under the platform's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pileus.ports.clock import Clock
from pileus.ports.intakes import Attach, Command, End, Intake, Open, Replaying, Segment, State, Told
from pileus.services.media.delivering import Deliveries
from pileus.services.media.figures import Figures
from pileus.services.media.retention import Retention
from pileus.services.media.streams import Streams
from pileus.testing.fake_intakes import FakeInlet
from pileus.testing.fake_spools import FakeSpools
from pileus.testing.platform import MemoryPlatform


class ScriptedIntakes(FakeSpools):
    """Each life of a source is live at once and finishes a segment every ``segment_ms``.

    Give it to ``MemoryPlatform.start`` as ``prepare``. Spools survive the lives of platforms.

    Attributes:
        opened: what the processes were told to read.
        is_over_after: a process says so many segments and then that its source has ended; None: never.
    """

    rings_dir = "/rings"

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Open] = []
        self.is_over_after: int | None = None
        self._clock: Clock

    def __call__(self, platform: MemoryPlatform) -> None:
        """Have the platform read its sources here; it has not started yet."""
        self._clock = platform.clock
        platform.kernel.add_part(Streams, Streams(platform.kernel, self))
        platform.kernel.add_part(Deliveries, Deliveries(platform.kernel))
        platform.kernel.add_part(Figures, Figures(platform.kernel))
        platform.kernel.add_part(Retention, Retention(platform.kernel))

    async def start(self, name: str, opened: Open) -> Intake:
        """A process that begins where the source's clock is."""
        self.opened.append(opened)
        return _Scripted(self, self._clock, opened)

    async def replay(self, name: str, wanted: Attach) -> Replaying:
        """This script has no recordings to look at."""
        raise NotImplementedError("a script whose engines look at recordings")

    async def close(self) -> None:
        """Nothing runs by itself."""


class _Scripted:
    """A process whose source is live for as long as it is asked."""

    def __init__(self, intakes: ScriptedIntakes, clock: Clock, opened: Open) -> None:
        self._intakes, self._clock, self._opened = intakes, clock, opened
        self.attached: Sequence[Attach] = ()
        self.inlet = FakeInlet()

    def send(self, command: Command) -> None:
        """Engines are none of this script's."""
        if isinstance(command, Attach):
            self.attached = (*self.attached, command)

    async def told(self) -> AsyncIterator[Told]:
        opened, count = self._opened, 0
        yield State(state="live")
        at_ms = opened.origin_ms
        while count != self._intakes.is_over_after:
            captured_at_ms = self._clock.now_ms()
            await self._clock.sleep(opened.segment_ms / 1000)
            stop_ms = at_ms + opened.segment_ms
            made = Segment(
                path="",
                stream=opened.stream,
                start_ms=at_ms,
                stop_ms=stop_ms,
                captured_at_ms=captured_at_ms,
                size_bytes=0,
                pictures=1,
            )
            yield self._intakes.put(opened.spool, made)
            at_ms, count = stop_ms, count + 1
        yield State(state="ended")
        yield End(is_forced=False)

    async def close(self) -> None:
        """It ends with whoever reads it."""
