"""What CloudWatch shows of functions: noted in one append an invocation, counted per minute.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pileus.compute.calls import Usage
from pileus.kernel.distribution import Distribution
from pileus.kernel.measures import Dimensions, Measures, Tally

_MINUTE_MS = 60_000
_NS_PER_US = 1000
_NOTED_MAX = 8192
"""Invocations that are noted before they are counted."""
_QUALIFIER = 7
"""Which part of a function's ARN says what of it was asked for."""
_Numbers = dict[float, float]
"""How often each value came."""


def dimensions_of(function: str, qualifier: str, version: str = "") -> list[Dimensions]:
    """What a number counts for: everything, the function, what of it was asked for; and the version
    that ran, where an alias was.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
    """
    named = ("FunctionName", function)
    asked = ("Resource", f"{function}:{qualifier}" if qualifier else function)
    found: list[Dimensions] = [(), (named,), (named, asked)]
    if version and qualifier not in ("", version):
        found.append((named, asked, ("ExecutedVersion", version)))
    return found


class InvocationMeasures:
    """Invocations, Errors, Throttles, Duration and what is said of concurrency.

    The concurrency of a function is counted by function, the account's over all, that of provisioned
    instances by what was asked for.
    """

    def __init__(self, measures: Measures, namespace: str) -> None:
        self._measures = measures
        self._namespace = namespace
        self._noted: list[Usage] = []
        measures.add_source(self.fold)

    def note(self, usages: Sequence[Usage]) -> None:
        """Note finished or refused invocations."""
        if not self._measures.is_on:
            return
        noted = self._noted
        if not noted:
            self._measures.expect()
        noted += usages
        if len(noted) >= _NOTED_MAX:
            self.fold()

    def fold(self, _minute_ms: int = 0) -> None:
        """Give everything noted to the measures."""
        noted, self._noted = self._noted, []
        groups: defaultdict[tuple[int, str, str, str, str], list[Usage]] = defaultdict(list)
        for usage in noted:
            target = usage.target
            minute = usage.at_ms // _MINUTE_MS
            key = (minute, target.scope, target.function, usage.invoked_arn, target.version)
            groups[key].append(usage)
        for (minute, scope, function, arn, version), group in groups.items():
            parts = arn.split(":")
            qualifier = parts[_QUALIFIER] if len(parts) > _QUALIFIER else ""
            everything, by_function, *by_resource = dimensions_of(function, qualifier, version)
            tally = _tally(group)
            add = [(dimensions, tally) for dimensions in (everything, by_function, *by_resource)]
            ran = [usage for usage in group if not usage.throttle]
            add.append((everything, _of_account(ran)))
            add.append((by_function, _counts(ConcurrentExecutions=(u.concurrency for u in ran))))
            add.append((by_resource[0], _of_provisioned(ran)))
            for dimensions, told in add:
                self._add(minute, scope, dimensions, told)

    def _add(self, minute: int, scope: str, dimensions: Dimensions, told: Tally) -> None:
        account, _, region = scope.partition("/")
        subject = (account, region, self._namespace, dimensions)
        tally = self._measures.tally(minute * _MINUTE_MS, subject)
        for metric, numbers in told.items():
            tally.setdefault(metric, Distribution()).merge(numbers)


def _tally(group: list[Usage]) -> Tally:
    ran = [usage for usage in group if not usage.throttle]
    told = _counts(
        Invocations=(1 for _ in ran),
        Errors=(int(usage.is_error) for usage in ran),
        Throttles=(int(bool(usage.throttle)) for usage in group),
    )
    if ran:
        durations = Counter(usage.duration_ns // _NS_PER_US for usage in ran)
        numbers = {duration_us / 1000: float(times) for duration_us, times in durations.items()}
        told[("Duration", "Milliseconds")] = _distribution(numbers)
    kept = [usage for usage in ran if usage.provisioned]
    return told | _counts(
        ProvisionedConcurrencyInvocations=(int(not usage.has_spilled) for usage in kept),
        ProvisionedConcurrencySpilloverInvocations=(int(usage.has_spilled) for usage in kept),
    )


def _of_account(ran: list[Usage]) -> Tally:
    return _counts(
        ConcurrentExecutions=(usage.load.running_sum for usage in ran),
        UnreservedConcurrentExecutions=(usage.load.unreserved for usage in ran),
        ClaimedAccountConcurrency=(usage.load.claimed for usage in ran),
    )


def _of_provisioned(ran: list[Usage]) -> Tally:
    kept = [(min(usage.busy, usage.provisioned), usage.provisioned) for usage in ran]
    return _counts(
        ProvisionedConcurrentExecutions=(busy for busy, provisioned in kept if provisioned),
        ProvisionedConcurrencyUtilization=(
            busy / provisioned for busy, provisioned in kept if provisioned
        ),
    )


def _counts(**metrics: Iterable[float]) -> Tally:
    """Distributions of those metrics of which there is any number."""
    told: Tally = {}
    for name, numbers in metrics.items():
        counted = Counter(numbers)
        if counted:
            told[(name, "Count")] = _distribution(counted)
    return told


def _distribution(numbers: Counter[float] | _Numbers) -> Distribution:
    found = Distribution()
    for value, times in numbers.items():
        found.add(float(value), float(times))
    return found
