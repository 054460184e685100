"""Finished invocations as the kernel's meter and observers are told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pileus.compute.calls import Usage
from pileus.compute.invocation_measures import InvocationMeasures
from pileus.kernel.kernel import Kernel

_NAMESPACES = {"lambda": "AWS/Lambda"}


def meter_of(kernel: Kernel, service: str) -> Callable[[Usage], None]:
    """What pools of a service call for every invocation: GB-seconds, requests, a record."""

    def meter(usage: Usage) -> None:
        account = usage.target.scope.partition("/")[0]
        kernel.meter.add_quantity(account, gb_seconds, usage.gigabyte_seconds)
        kernel.meter.add_quantity(account, requests, 0 if usage.throttle else 1)
        if noted is not None:
            noted.note(usage)
        kernel.observers.tell_later("invocation", account, record, usage)

    def record(usage: Usage) -> dict[str, Any]:
        account, _, region = usage.target.scope.partition("/")
        return {
            "account": account,
            "region": region,
            "service": service,
            "function": usage.target.function,
            "version": usage.target.version,
            "cold": usage.is_cold,
            "duration_ms": usage.duration_ns / 1e6,
            "init_ms": usage.init_ns / 1e6,
            "billed_ms": usage.billed_ms,
            "memory_mb": usage.target.spec.memory_mb,
            "memory_peak_mb": usage.memory_peak_mb,
            "error": usage.is_error,
            "throttle": usage.throttle,
            "concurrency": usage.concurrency,
            "gb_seconds": usage.gigabyte_seconds,
        }

    namespace = _NAMESPACES.get(service)
    noted = InvocationMeasures(kernel.measures, namespace) if namespace else None
    gb_seconds, requests = f"{service}:gb_seconds", f"{service}:requests"
    return meter
