"""Who may start when: concurrency and request limits as AWS documents them. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and
https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
"""

from __future__ import annotations

from array import array

import msgspec
from msgspec.structs import replace

_NS_PER_S = 1_000_000_000

RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_EXCEEDED = "ConcurrentInvocationLimitExceeded"
RATE_EXCEEDED = "FunctionInvocationRateLimitExceeded"
RESERVED_RATE_EXCEEDED = "ReservedFunctionInvocationRateLimitExceeded"
ACCOUNT_RATE_EXCEEDED = "CallerRateLimitExceeded"


class ScalingLimits(msgspec.Struct, frozen=True):
    """Quotas of one account in one region.

    Attributes:
        account_concurrency: executions at one time over all functions.
        burst_starts: new instances at once, of one function.
        refill_starts: how many more every ``burst_window_s``; None: as many as at once.
        is_regional: all functions of an account and region share the burst, whose size is the
            region's; how Lambda scaled until November 2023.
        requests_per_execution: synchronous requests in a second, for each execution that the
            account, or a function's reservation, may have at one time, and for each provisioned
            instance of a version; 0: as many as come.
    """

    account_concurrency: int = 1000
    burst_starts: int = 1000
    burst_window_s: float = 10.0
    refill_starts: int | None = None
    is_regional: bool = False
    requests_per_execution: int = 10

    def in_region(self, region: str) -> ScalingLimits:
        """The same with the burst of a region, where bursts are regions'."""
        if not self.is_regional:
            return self
        return replace(self, burst_starts=_BURSTS.get(region, _BURST_ELSEWHERE))


_BURSTS = {
    "us-west-2": 3000, "us-east-1": 3000, "eu-west-1": 3000,
    "ap-northeast-1": 1000, "eu-central-1": 1000, "us-east-2": 1000,
}  # fmt: skip
_BURST_ELSEWHERE = 500
PROFILES = {
    "function": ScalingLimits(),
    "region": ScalingLimits(
        burst_starts=_BURST_ELSEWHERE, refill_starts=500, burst_window_s=60.0, is_regional=True
    ),
}
"""``function``: 1,000 new instances every 10 seconds, each function by itself. ``region``: 500 to 3,000
at once, then 500 every minute, all functions of a region together."""


class RequestRate(msgspec.Struct):
    """Lets at most ``per_s`` requests in within any second: a ring of the moments of the last ones."""

    per_s: int
    _moments_ns: array[int] = msgspec.field(default_factory=lambda: array("q"))
    _oldest: int = 0

    def is_full(self, now_ns: int) -> bool:
        """Whether one more would be too many."""
        moments_ns = self._moments_ns
        if len(moments_ns) < self.per_s:
            return False
        return not self.per_s or now_ns - moments_ns[self._oldest] < _NS_PER_S

    def count(self, now_ns: int) -> None:
        """Note one that was let in."""
        moments_ns = self._moments_ns
        if len(moments_ns) < self.per_s:
            moments_ns.append(now_ns)
            return
        oldest = self._oldest
        moments_ns[oldest] = now_ns
        self._oldest = oldest + 1 if oldest + 1 < self.per_s else 0


class Load(msgspec.Struct, frozen=True, gc=False):
    """How busy an account is in a region, as CloudWatch shows it.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html

    Attributes:
        running: executions of one function now.
        running_sum: executions of all functions now.
        unreserved: of these, the ones that neither a reservation nor provisioned concurrency holds.
        claimed: what is not free for others: ``unreserved``, all reservations, and the provisioned
            concurrency of functions without one.
    """

    running: int = 0
    running_sum: int = 0
    unreserved: int = 0
    claimed: int = 0


class _Function(msgspec.Struct):
    running: int = 0
    reserved: int | None = None
    rate: RequestRate | None = None
    provisioned: dict[str, int] = msgspec.field(default_factory=dict)
    provisioned_rates: dict[str, RequestRate] = msgspec.field(default_factory=dict)
    provisioned_sum: int = 0
    """Concurrency kept for provisioned instances of all versions."""
    tokens: float = 0.0
    refilled_ns: int = 0
    has_started: bool = False

    @property
    def kept(self) -> int:
        """What the function takes of the account's pool."""
        return max(self.running, self.provisioned_sum)


class ConcurrencyGate(msgspec.Struct):
    """Counts the executions of one account and region and admits new ones.

    Reserved concurrency is taken off the account's pool whether used or not, and bounds its
    function.
    """

    limits: ScalingLimits = msgspec.field(default_factory=ScalingLimits)
    _functions: dict[str, _Function] = msgspec.field(default_factory=dict)
    _unreserved_running: int = 0
    _reserved_sum: int = 0
    _provisioned_sum: int = 0
    """Of the functions without reservation."""
    _running_sum: int = 0
    _shared: _Function = msgspec.field(default_factory=_Function)
    _rate: RequestRate | None = None

    def __post_init__(self) -> None:
        """Bound the account's requests, where they are bounded."""
        self._rate = self._rate_of(self.limits.account_concurrency)

    def _rate_of(self, concurrency: int) -> RequestRate | None:
        each = self.limits.requests_per_execution
        return RequestRate(each * concurrency) if each else None

    def reserve(self, function: str, reserved: int | None) -> None:
        """Set or lift a function's reserved concurrency (0 throttles every call)."""
        entry = self._functions.get(function) or self._entry(function)
        if entry.reserved == reserved:
            return
        if entry.reserved is None:
            self._unreserved_running -= entry.kept
            self._provisioned_sum -= entry.provisioned_sum
        else:
            self._reserved_sum -= entry.reserved
        entry.reserved = reserved
        entry.rate = None if reserved is None else self._rate_of(reserved)
        if reserved is None:
            self._unreserved_running += entry.kept
            self._provisioned_sum += entry.provisioned_sum
        else:
            self._reserved_sum += reserved

    def provision(self, function: str, version: str, count: int) -> None:
        """Keep concurrency for a version's provisioned instances: it is taken off the account's pool
        whether used or not, unless the function has reserved concurrency, which then holds it.
        Requests for the version are bounded by it from then on."""
        entry = self._functions.get(function) or self._entry(function)
        before, provisioned_before = entry.kept, entry.provisioned_sum
        if count != entry.provisioned.get(version, 0):
            rate = self._rate_of(count) if count else None
            if rate is not None:
                entry.provisioned_rates[version] = rate
            else:
                entry.provisioned_rates.pop(version, None)
        if count:
            entry.provisioned[version] = count
        else:
            entry.provisioned.pop(version, None)
        entry.provisioned_sum = sum(entry.provisioned.values())
        if entry.reserved is None:
            self._unreserved_running += entry.kept - before
            self._provisioned_sum += entry.provisioned_sum - provisioned_before

    def enter(self, function: str, now_ns: int | None = None, version: str = "") -> str:
        """Count one more execution; empty when admitted, else the reason for throttling.

        ``now_ns`` is when a synchronous request came, for which ``version``; requests per second
        bound no others.
        """
        entry = self._functions.get(function) or self._entry(function)
        is_of_the_pool = False
        if entry.reserved is not None:
            if entry.running >= entry.reserved:
                return RESERVED_EXCEEDED
        elif entry.running >= entry.provisioned_sum:
            pool = self.limits.account_concurrency - self._reserved_sum
            if self._unreserved_running >= pool:
                return ACCOUNT_EXCEEDED
            is_of_the_pool = True
        if now_ns is not None and self._rate is not None:
            own, versions = entry.rate, entry.provisioned_rates
            provisioned = versions.get(version) if versions else None
            if provisioned is not None and provisioned.is_full(now_ns):
                return RATE_EXCEEDED
            if own is not None and own.is_full(now_ns):
                return RESERVED_RATE_EXCEEDED
            if self._rate.is_full(now_ns):
                return ACCOUNT_RATE_EXCEEDED
            if provisioned is not None:
                provisioned.count(now_ns)
            if own is not None:
                own.count(now_ns)
            self._rate.count(now_ns)
        if is_of_the_pool:
            self._unreserved_running += 1
        entry.running += 1
        self._running_sum += 1
        return ""

    def leave(self, function: str) -> None:
        """One execution ended."""
        entry = self._functions[function]
        entry.running -= 1
        self._running_sum -= 1
        if entry.reserved is None and entry.running >= entry.provisioned_sum:
            self._unreserved_running -= 1

    def take_start(self, function: str, now_ns: int) -> bool:
        """Whether the function may start one more instance now; counts it if so."""
        entry = self._shared if self.limits.is_regional else self._entry(function)
        burst = float(self.limits.burst_starts)
        if not entry.has_started:
            entry.has_started, entry.tokens, entry.refilled_ns = True, burst, now_ns
        refill = self.limits.refill_starts
        rate = (burst if refill is None else refill) / self.limits.burst_window_s
        gained = (now_ns - entry.refilled_ns) / _NS_PER_S * rate
        entry.tokens = min(burst, entry.tokens + gained)
        entry.refilled_ns = now_ns
        if entry.tokens < 1.0:
            return False
        entry.tokens -= 1.0
        return True

    def running(self, function: str) -> int:
        """Executions of a function now."""
        entry = self._functions.get(function)
        return entry.running if entry else 0

    def load(self, function: str) -> Load:
        """How busy the account and a function are now."""
        entry = self._functions.get(function)
        return Load(
            entry.running if entry is not None else 0,
            self._running_sum,
            self._unreserved_running - self._provisioned_sum,
            self._unreserved_running + self._reserved_sum,
        )

    @property
    def running_sum(self) -> int:
        """Executions of the account now."""
        return self._running_sum

    def forget(self, function: str) -> None:
        """A deleted function: lift its reservation and drop its counts when idle."""
        self.reserve(function, None)
        for version in list(self._functions[function].provisioned):
            self.provision(function, version, 0)
        if not self._functions[function].running:
            del self._functions[function]

    def _entry(self, function: str) -> _Function:
        return self._functions.setdefault(function, _Function())
