"""Finished invocations as the kernel's meter and observers are told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pileus.compute.calls import Usage
from pileus.compute.invocation_measures import InvocationMeasures
from pileus.kernel.kernel import Kernel

_NAMESPACES = {"lambda": "AWS/Lambda"}


def meter_of(kernel: Kernel, service: str) -> Callable[[Sequence[Usage]], None]:
    """What pools of a service tell of every invocation: GB-seconds, requests, a record."""

    def meter(usages: Sequence[Usage]) -> None:
        add_quantity, observers = kernel.meter.add_quantity, kernel.observers
        for usage in usages:
            account = usage.target.scope.partition("/")[0]
            add_quantity(account, gb_seconds, usage.gigabyte_seconds)
            add_quantity(account, requests, 0 if usage.throttle else 1)
            if observers.want("invocation", account):
                observers.tell("invocation", record(usage), usage.at_ms)
        if noted is not None:
            noted.note(usages)

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
