"""The composition root: settings in, a running platform out."""

from __future__ import annotations

from dataclasses import dataclass

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.file_blobs import FileBlobs
from pileus.adapters.key_file import load_key
from pileus.adapters.segment_log import SegmentLog
from pileus.adapters.sqlite_state import SqliteState
from pileus.kernel.kernel import Kernel
from pileus.kernel.settings import Settings


@dataclass(slots=True)
class Platform:
    """Everything that runs."""

    settings: Settings
    kernel: Kernel

    async def close(self) -> None:
        """Stop in the order opposite to starting."""
        await self.kernel.close()


def embedded_kernel(settings: Settings) -> Kernel:
    """A kernel over the data folder of ``settings``; not started."""
    clock, chance = SystemClock(), SystemChance()
    data = settings.data_dir
    return Kernel(
        state=SqliteState(data / "state.db"),
        blobs=FileBlobs(data / "blobs", clock),
        log=SegmentLog(data / "log", clock),
        clock=clock,
        chance=chance,
        signing_key=load_key(data / "key", chance),
    )
