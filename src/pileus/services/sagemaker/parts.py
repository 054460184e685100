"""The platform's objects that run models, made and bound together in one place."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pileus.compute.host_environment import HostEnvironment
from pileus.compute.log_shipping import LogShipper
from pileus.compute.model_store import ModelStore
from pileus.compute.pools import Pools, PoolServices, PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.compute.usage_records import meter_of
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import Nodes
from pileus.services.sagemaker.running import Endpoints

_UNBOUNDED = 1_000_000
"""Variants bound their own instances; Lambda's quota of an account does not count models."""


class ModelSettings(msgspec.Struct, frozen=True):
    """What does not follow from the ports.

    Attributes:
        models_dir: archives and unpacked models lie below it; a cache of what is in Blobs.
        boot_id: changes with every boot of the machine; files of another boot are not trusted.
        idle_s: an instance unused for so long is ended.
        host: the environment whose packages models see; None for the platform's own.
    """

    models_dir: Path
    boot_id: str
    idle_s: float = 360.0
    host: HostEnvironment | None = None


def add_model_parts(kernel: Kernel, nodes: Nodes, settings: ModelSettings) -> Endpoints:
    """Give the kernel pools for models. The part LogShipper must be there.

    Call it before the kernel starts, and ``endpoints.pools.close()`` before the nodes close.
    """
    models = ModelStore(kernel.blobs, settings.models_dir, settings.boot_id)
    endpoints = Endpoints(kernel, models, settings.host or HostEnvironment.own())
    services = PoolServices(
        nodes=nodes,
        clock=kernel.clock,
        chance=kernel.chance,
        credentials=endpoints.credentials,
        write_log=kernel.part(LogShipper).write,
        meter=meter_of(kernel, "sagemaker"),
    )
    limits = ScalingLimits(
        account_concurrency=_UNBOUNDED, burst_starts=_UNBOUNDED, requests_per_execution=0
    )
    endpoints.pools = Pools(services, PoolSettings(idle_s=settings.idle_s, limits=limits))
    kernel.add_part(Endpoints, endpoints)
    return endpoints
