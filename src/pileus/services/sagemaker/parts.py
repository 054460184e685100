"""The platform's objects that run models, made and bound together in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pileus.compute.calls import Usage
from pileus.compute.host_environment import HostEnvironment
from pileus.compute.log_shipping import LogShipper
from pileus.compute.model_store import ModelStore
from pileus.compute.pools import Pools, PoolServices, PoolSettings
from pileus.compute.scaling import ScalingLimits
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import Nodes
from pileus.services.sagemaker.running import Endpoints

_UNBOUNDED = 1_000_000
"""Variants bound their own instances; Lambda's quota of an account does not count models."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
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
    host: HostEnvironment | None = field(default=None)


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
        meter=_meter(kernel),
    )
    limits = ScalingLimits(account_concurrency=_UNBOUNDED, burst_starts=_UNBOUNDED)
    endpoints.pools = Pools(services, PoolSettings(idle_s=settings.idle_s, limits=limits))
    kernel.add_part(Endpoints, endpoints)
    return endpoints


def _meter(kernel: Kernel) -> Callable[[Usage], None]:
    def meter(usage: Usage) -> None:
        account, _, region = usage.target.scope.partition("/")
        kernel.meter.add_quantity(account, "sagemaker:gb_seconds", usage.gigabyte_seconds)
        kernel.meter.add_quantity(account, "sagemaker:requests", 0 if usage.throttle else 1)
        kernel.observe(
            "invocation",
            account=account,
            region=region,
            service="sagemaker",
            function=usage.target.function,
            version=usage.target.version,
            cold=usage.is_cold,
            duration_ms=usage.duration_ns / 1e6,
            init_ms=usage.init_ns / 1e6,
            billed_ms=usage.billed_ms,
            memory_mb=usage.target.spec.memory_mb,
            memory_peak_mb=usage.memory_peak_mb,
            error=usage.is_error,
            throttle=usage.throttle,
            concurrency=usage.concurrency,
            gb_seconds=usage.gigabyte_seconds,
        )

    return meter
