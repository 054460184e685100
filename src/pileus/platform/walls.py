"""Whether this machine walls functions off as strongly as its user asks for."""

from __future__ import annotations

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node.nodes import LocalNodes, LocalNodeSettings
from pileus.kernel.settings import Settings
from pileus.ports.nodes import NoCapacity
from pileus.values.errors import PileusError


class SandboxTooWeak(PileusError):
    """The weakest sandbox accepted is stronger than the strongest there is."""


async def require(settings: Settings) -> None:
    """Try the sandbox out before anything runs. Raises SandboxTooWeak."""
    nodes = LocalNodes(LocalNodeSettings(settings.data_dir.resolve() / "run"), SystemClock())
    try:
        can = await nodes.probe()
    except NoCapacity as error:
        raise SandboxTooWeak(f"sandbox tier {settings.tier} is required: {error}") from error
    finally:
        await nodes.close()
    if can.tier.value > settings.tier:
        raise SandboxTooWeak(
            f"sandbox tier {settings.tier} is required, and tier {can.tier.value} is what works "
            f"here: {'; '.join(can.reasons)}"
        )
