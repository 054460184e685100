"""How one engine fares on one source, over all lives of its lane: health, lag, results, drops."""

from __future__ import annotations

import enum
from collections import Counter, deque
from typing import Any

import msgspec

from pileus.kernel.distribution import Distribution
from pileus.kernel.measures import Dimensions, Tally
from pileus.services.media.minute_numbers import COUNT, MS, Numbers

_FAILING_AFTER = 3
"""Failures one after another until an engine counts as failing: one may be the piece's fault."""
_IDLE_AFTER_MS = 4000
_SAMPLE_EVERY_MS = 1000
_BEATS_MS = 60_000


class Health(enum.StrEnum):
    """Of an engine on a source.

    ``STARTING``: it has pieces and has not answered yet. ``FAILING``: its last answers were errors.
    ``IDLE``: it has had nothing to do for a while. ``ENDED``: no pipeline has it, or its source is read no more.
    """

    STARTING = "STARTING"
    HEALTHY = "HEALTHY"
    FAILING = "FAILING"
    IDLE = "IDLE"
    ENDED = "ENDED"


class Sample(msgspec.Struct, frozen=True):
    """How a lane stands at a moment."""

    lag_ms: int = 0
    waiting: int = 0
    pending: int = 0
    busy: int = 0
    wanted: int = 0


class Turn(msgspec.Struct, frozen=True):
    """An engine began to fail, or got over it."""

    is_failing: bool
    reason: str


class LaneFigures:
    """One engine on one source.

    Attributes:
        turns: changes between failing and not, oldest first; whoever tells of one takes it away.
    """

    def __init__(self, source: str, engine: str) -> None:
        self.source, self.engine = source, engine
        self.numbers = Numbers()
        self.turns: deque[Turn] = deque()
        self.drops: Counter[str] = Counter()
        self.lulls_ms: Counter[str] = Counter()
        self.results = self.failures = self.dead = self.restarts = self.gated = 0
        self.reason = ""
        self._lane: object = None
        self._is_over = False
        self._heartbeat_ms = self._gate_seen = self._in_a_row = 0
        self._is_good = False
        self._sample, self._sampled_ms = Sample(), 0
        self._written: deque[tuple[int, int]] = deque()
        self._dimensions: Dimensions = (("Source", source), ("Engine", engine))

    # -- what happens -----------------------------------------------------------------------

    def begun(self, lane: object) -> None:
        """A lane runs, in the place of any other."""
        self._lane, self._is_over = lane, False
        self._gate_seen = self._in_a_row = 0
        self._is_good, self.reason = False, ""

    def ended(self, lane: object) -> None:
        """It runs no more."""
        if self._lane is lane:
            self._lane, self._is_over = None, True

    @property
    def is_live(self) -> bool:
        """Whether a lane runs."""
        return self._lane is not None

    def answered(self, now_ms: int) -> None:
        """An instance gave results."""
        self._heartbeat_ms, self._is_good = now_ms, True
        if self._in_a_row >= _FAILING_AFTER:
            self.turns.append(Turn(False, self.reason))
        self._in_a_row, self.reason = 0, ""

    def failed(self, now_ms: int, reason: str, *, is_alive: bool, is_lost: bool = False) -> None:
        """A call came to nothing. ``is_alive``: an instance answered; ``is_lost``: it is gone."""
        if is_alive:
            self._heartbeat_ms = now_ms
        if is_lost:
            self.restarts += 1
            self.numbers.add(self._dimensions, "Restarts", 1)
        self.failures += 1
        self.numbers.add(self._dimensions, "Failures", 1)
        self.reason = reason
        self._in_a_row += 1
        if self._in_a_row == _FAILING_AFTER:
            self.turns.append(Turn(True, reason))

    def wrote(self, now_ms: int, captured_at_ms: list[int], dead: int) -> None:
        """Results of pieces, captured then, can be read now; so many of them tell an error."""
        self.results += len(captured_at_ms)
        self.dead += dead
        self._written.append((now_ms, len(captured_at_ms)))
        while self._written[0][0] < now_ms - _BEATS_MS:
            self._written.popleft()
        for each in captured_at_ms:
            self.numbers.add(self._dimensions, "Latency", max(0, now_ms - each), MS)
            self.numbers.add(self._dimensions, "Results", 1)
        if dead:
            self.numbers.add(self._dimensions, "PoisonPieces", dead)

    def dropped(self, reason: str, count: int) -> None:
        """Pieces were left out."""
        self.drops[reason] += count
        self.numbers.add(self._dimensions, "Drops", count)
        self.numbers.add((*self._dimensions, ("Reason", reason)), "Drops", count)

    def gate(self, left_out: int) -> None:
        """So many pictures has the motion gate left out since the lane began, by its process's count."""
        more = left_out - self._gate_seen if left_out >= self._gate_seen else left_out
        self._gate_seen = left_out
        if more:
            self.gated += more
            self.numbers.add(self._dimensions, "Gated", more)

    def lull(self, reason: str, length_ms: int) -> None:
        """So much of the sound that came live has no piece."""
        self.lulls_ms[reason] += length_ms
        self.numbers.add((*self._dimensions, ("Reason", reason)), "GatedTime", length_ms, MS)

    def sampled(self, now_ms: int, sample: Sample) -> None:
        """How the lane stands; more than one in a second count as one."""
        self._sample = sample
        if now_ms - self._sampled_ms < _SAMPLE_EVERY_MS:
            return
        self._sampled_ms = now_ms
        for name, value, unit in (
            ("Lag", sample.lag_ms / 1000, "Seconds"),
            ("LagChunks", sample.pending, COUNT),
            ("Instances", sample.busy, COUNT),
        ):
            self.numbers.add(self._dimensions, name, value, unit)

    # -- what is told -----------------------------------------------------------------------

    def health(self, now_ms: int) -> Health:
        """How the engine is. Between two pictures it has nothing to do, and is no idle one for that."""
        if self._is_over:
            return Health.ENDED
        if self._in_a_row >= _FAILING_AFTER:
            return Health.FAILING
        has_work = self._sample.pending or self._sample.busy
        if not has_work and now_ms - self._heartbeat_ms >= _IDLE_AFTER_MS:
            return Health.IDLE
        return Health.HEALTHY if self._is_good else Health.STARTING

    def shown(self, now_ms: int) -> dict[str, Any]:
        """A ``Lane``; of one that has ended, its last figures."""
        sample, health = self._sample, self.health(now_ms)
        is_failing = health is Health.FAILING or bool(self.reason and not self.results)
        told = {
            "Source": self.source,
            "Engine": self.engine,
            "State": "FAILING" if is_failing else "RUNNING",
            "Health": health.value,
            "LagMs": sample.lag_ms,
            "Waiting": sample.waiting,
            "Instances": sample.busy,
            "InstancesWanted": sample.wanted,
            "InstancesAlive": sample.busy,
            "Results": self.results,
            "ResultsPerSecond": self._per_s(now_ms),
            "Failures": self.failures,
            "Dead": self.dead,
            "Restarts": self.restarts,
            "Gated": self.gated,
            "GatedMs": dict(self.lulls_ms),
            "Drops": dict(self.drops),
        }
        if self._is_over:
            told |= {"State": "ENDED", "LagMs": 0, "Waiting": 0, "Instances": 0}
            told |= {"InstancesWanted": 0, "InstancesAlive": 0}
        if self._heartbeat_ms:
            told["LastHeartbeatMs"] = self._heartbeat_ms
        if self.reason:
            told["StateReason"] = self.reason
        return told

    def _per_s(self, now_ms: int) -> float:
        """Over the last minute, or since the first result if that is shorter ago."""
        counted = [(at_ms, count) for at_ms, count in self._written if at_ms >= now_ms - _BEATS_MS]
        if not counted:
            return 0.0
        passed_ms = max(_SAMPLE_EVERY_MS, now_ms - counted[0][0])
        return round(sum(count for _, count in counted) * 1000 / passed_ms, 2)

    def fold(self, minute_s: float) -> dict[Dimensions, Tally]:
        """The minute's numbers, ``Throughput`` with them."""
        told = self.numbers.take()
        results = told.get(self._dimensions, {}).get(("Results", COUNT))
        if results is not None:
            told[self._dimensions][("Throughput", "Count/Second")] = one = Distribution()
            one.add(round(results.total / minute_s, 3))
        return told
