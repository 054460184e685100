"""The platform's objects that read sources and run engines, made and bound together in one place."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pileus.compute.code_store import CodeStore
from pileus.compute.function_images import FunctionImages
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.log_shipping import LogShipper
from pileus.compute.pools import Pools, PoolServices, PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.compute.usage_records import meter_of
from pileus.kernel.kernel import Kernel
from pileus.ports.intakes import Intakes
from pileus.ports.nodes import Nodes
from pileus.services.media.delivering import Deliveries
from pileus.services.media.engines import Engines
from pileus.services.media.figures import Figures
from pileus.services.media.pushes import Pushes
from pileus.services.media.retention import Retention
from pileus.services.media.streams import Streams

_UNBOUNDED = 1_000_000
"""Engines bound their own instances; Lambda's quota of an account does not count them."""


class MediaSettings(msgspec.Struct, frozen=True):
    """What does not follow from the ports.

    Attributes:
        code_dir: archives and unpacked packages lie below it; a cache of what is in Blobs.
        boot_id: changes with every boot of the machine; files of another boot are not trusted.
        idle_s: an instance unused for so long is ended.
    """

    code_dir: Path
    boot_id: str
    idle_s: float = 60.0


def add_media_parts(
    kernel: Kernel, nodes: Nodes, intakes: Intakes, settings: MediaSettings
) -> Engines:
    """Give the kernel pools for engines and the reading of sources. The part LogShipper must be there.

    Call it before the kernel starts, and ``engines.pools.close()`` before the nodes close.
    """
    code = CodeStore(kernel.blobs, settings.code_dir, settings.boot_id)
    images = FunctionImages(kernel)
    engines = Engines(kernel, code, HostEnvironment.own(), images)
    services = PoolServices(
        nodes=nodes,
        clock=kernel.clock,
        chance=kernel.chance,
        credentials=engines.credentials,
        write_log=kernel.part(LogShipper).write,
        meter=meter_of(kernel, "media"),
        layers=images,
    )
    limits = ScalingLimits(account_concurrency=_UNBOUNDED, burst_starts=_UNBOUNDED)
    engines.pools = Pools(services, PoolSettings(idle_s=settings.idle_s, limits=limits))
    kernel.add_part(Engines, engines)
    kernel.add_part(Streams, Streams(kernel, intakes))
    kernel.add_part(Deliveries, Deliveries(kernel))
    kernel.add_part(Pushes, Pushes(kernel))
    kernel.add_part(Figures, Figures(kernel))
    kernel.add_part(Retention, Retention(kernel))
    return engines
