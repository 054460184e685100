"""What CloudWatch shows of functions: noted in a few appends an invocation, counted per minute.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections import Counter

import msgspec

from pileus.compute.calls import Usage
from pileus.kernel.distribution import Distribution
from pileus.kernel.measures import Dimensions, Measures

_MINUTE_MS = 60_000
_NS_PER_US = 1000
_NOTED_MAX = 8192
"""Invocations of a function that are noted before they are counted."""


class _Noted(msgspec.Struct):
    """Invocations of one function in one minute."""

    until_ms: int
    errors: int = 0
    throttles: int = 0
    durations_ns: list[int] = []
    running: list[int] = []
    running_sums: list[int] = []


class InvocationMeasures:
    """Invocations, Errors, Throttles, Duration and ConcurrentExecutions, by function and over all."""

    def __init__(self, measures: Measures, namespace: str) -> None:
        self._measures = measures
        self._namespace = namespace
        self._noted: dict[tuple[str, str], _Noted] = {}
        measures.add_source(self.fold)

    def note(self, usage: Usage) -> None:
        """Note one finished or refused invocation."""
        if not self._measures.is_on:
            return
        key = (usage.target.scope, usage.target.function)
        noted = self._noted.get(key)
        if noted is None or usage.at_ms >= noted.until_ms or len(noted.running) >= _NOTED_MAX:
            noted = self._begin(key, usage.at_ms)
        if usage.throttle:
            noted.throttles += 1
            return
        if usage.is_error:
            noted.errors += 1
        noted.durations_ns.append(usage.duration_ns)
        noted.running.append(usage.concurrency)
        noted.running_sums.append(usage.concurrency_sum)

    def _begin(self, key: tuple[str, str], at_ms: int) -> _Noted:
        if (past := self._noted.pop(key, None)) is not None:
            self._count(key, past)
        self._measures.expect()
        noted = self._noted[key] = _Noted((at_ms // _MINUTE_MS + 1) * _MINUTE_MS)
        return noted

    def fold(self) -> None:
        """Give everything noted to the measures."""
        everything, self._noted = self._noted, {}
        for key, noted in everything.items():
            self._count(key, noted)

    def _count(self, key: tuple[str, str], noted: _Noted) -> None:
        account, _, region = key[0].partition("/")
        count = len(noted.durations_ns)
        durations = Distribution()
        for duration_us, times in Counter(d // _NS_PER_US for d in noted.durations_ns).items():
            durations.add(duration_us / 1000, times)
        named: Dimensions = (("FunctionName", key[1]),)
        for dimensions, running in ((named, noted.running), ((), noted.running_sums)):
            subject = (account, region, self._namespace, dimensions)
            tally = self._measures.tally(noted.until_ms - 1, subject)
            told = {
                "Invocations": {1.0: count},
                "Errors": {1.0: noted.errors, 0.0: count - noted.errors},
                "Throttles": {1.0: noted.throttles, 0.0: count},
                "ConcurrentExecutions": {float(n): c for n, c in Counter(running).items()},
            }
            for name, values in told.items():
                numbers = tally.setdefault((name, "Count"), Distribution())
                for value, times in values.items():
                    if times:
                        numbers.add(value, times)
            if count:
                tally.setdefault(("Duration", "Milliseconds"), Distribution()).merge(durations)
