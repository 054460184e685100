"""How engines and sources fare: what DescribeLane tells, and what CloudWatch shows in ``Pileus/Media``.

Kept in memory from the start of the platform on, over all lives of a lane or a source's process; numbers are
handed over once a minute.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pileus.kernel.distribution import Distribution
from pileus.kernel.kernel import Kernel
from pileus.kernel.measures import Dimensions, Tally
from pileus.ports import intakes as messages

NAMESPACE = "Pileus/Media"
_FAILING_AFTER = 3
"""Failures one after another until an engine counts as failing: one may be the piece's fault."""
_IDLE_AFTER_MS = 4000
_SAMPLE_EVERY_MS = 1000
_BEATS_MS = 60_000
_COUNT, _MS = "Count", "Milliseconds"
_Key = tuple[str, str, str]


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


class Numbers:
    """What is to be told of this minute, by dimensions."""

    def __init__(self) -> None:
        self._told: dict[Dimensions, Tally] = {}

    def add(self, dimensions: Dimensions, name: str, value: float, unit: str = _COUNT) -> None:
        """Keep one number."""
        tally = self._told.setdefault(dimensions, {})
        tally.setdefault((name, unit), Distribution()).add(value)

    def take(self) -> dict[Dimensions, Tally]:
        """What came together; it begins anew."""
        told, self._told = self._told, {}
        return told


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
            self.numbers.add(self._dimensions, "Latency", max(0, now_ms - each), _MS)
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

    def sampled(self, now_ms: int, sample: Sample) -> None:
        """How the lane stands; more than one in a second count as one."""
        self._sample = sample
        if now_ms - self._sampled_ms < _SAMPLE_EVERY_MS:
            return
        self._sampled_ms = now_ms
        for name, value, unit in (
            ("Lag", sample.lag_ms / 1000, "Seconds"),
            ("LagChunks", sample.pending, _COUNT),
            ("Instances", sample.busy, _COUNT),
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
        results = told.get(self._dimensions, {}).get(("Results", _COUNT))
        if results is not None:
            told[self._dimensions][("Throughput", "Count/Second")] = one = Distribution()
            one.add(round(results.total / minute_s, 3))
        return told


_TOLD = {
    "packets": "Packets",
    "packets_damaged": "PacketsDamaged",
    "packets_before_keyframe": "PacketsBeforeKeyframe",
    "timestamps_missing": "TimestampsMissing",
    "timestamps_mended": "TimestampsMended",
    "discontinuities": "Discontinuities",
}
"""Counts of a source's process and the metrics that show them."""


class SourceFigures:
    """One source.

    Attributes:
        is_live: it is being read.
    """

    def __init__(self, source: str) -> None:
        self.numbers = Numbers()
        self._dimensions: Dimensions = (("Source", source),)
        self._seen: dict[str, int] = {}
        self._state = ""
        self.is_live = False

    def begun(self) -> None:
        """A process reads it: its counts begin at nothing."""
        self._seen = {}
        self.is_live = True

    def ended(self) -> None:
        """It is read no more."""
        self.is_live = False

    def told(self, what: messages.Told) -> None:
        """The process said something."""
        if isinstance(what, messages.Segment):
            self.numbers.add(self._dimensions, "Segments", 1)
            self.numbers.add(self._dimensions, "Bytes", what.size_bytes, "Bytes")
        elif isinstance(what, messages.State):
            self._state = what.state
            for name in ("stalled", "failed"):
                if what.state == name:
                    self.numbers.add(self._dimensions, name.capitalize(), 1)
        elif isinstance(what, messages.Counts):
            self._count({**what.counts, "connections": what.connections})

    def _count(self, counts: Mapping[str, int]) -> None:
        for name, metric in (*_TOLD.items(), ("connections", "Connections")):
            now, before = counts.get(name, 0), self._seen.get(name, 0)
            self._seen[name] = now
            if now > before or name == "packets_damaged":
                self.numbers.add(self._dimensions, metric, max(0, now - before))

    def fold(self, _minute_s: float) -> dict[Dimensions, Tally]:
        """The minute's numbers; ``Live`` is 1 where pictures come."""
        if self.is_live:
            self.numbers.add(self._dimensions, "Live", float(self._state == "live"))
        return self.numbers.take()


class Figures:
    """Of all sources and lanes; the platform has one."""

    def __init__(self, kernel: Kernel) -> None:
        self._measures = kernel.measures
        self._lanes: dict[_Key, dict[str, LaneFigures]] = {}
        self._sources: dict[_Key, SourceFigures] = {}
        self._measures.add_source(self._fold)

    def lane(self, source: _Key, engine: str) -> LaneFigures:
        """Those of a lane that begins. ``source``: account, region, name."""
        self._expect()
        lanes = self._lanes.setdefault(source, {})
        return lanes.setdefault(engine, LaneFigures(source[2], engine))

    def lane_before(self, source: _Key, engine: str) -> LaneFigures | None:
        """Those of a lane that runs or ran; None where there was none."""
        return self._lanes.get(source, {}).get(engine)

    def source(self, source: _Key) -> SourceFigures:
        """Those of a source that is about to be read."""
        self._expect()
        return self._sources.setdefault(source, SourceFigures(source[2]))

    def forget(self, source: _Key) -> None:
        """The source is deleted."""
        self._lanes.pop(source, None)
        self._sources.pop(source, None)

    def _fold(self, minute_ms: int) -> None:
        """Hand over what came together in a minute."""
        for key, each in self._all():
            for dimensions, tally in each.fold(_BEATS_MS / 1000).items():
                if self._measures.is_on:
                    into = self._measures.tally(minute_ms, (key[0], key[1], NAMESPACE, dimensions))
                    for metric, numbers in tally.items():
                        into.setdefault(metric, Distribution()).merge(numbers)
        if any(each.is_live for _, each in self._all()):
            self._expect()

    def _expect(self) -> None:
        if self._measures.is_on:
            self._measures.expect()

    def _all(self) -> Iterator[tuple[_Key, LaneFigures | SourceFigures]]:
        yield from self._sources.items()
        for key, lanes in self._lanes.items():
            yield from ((key, lane) for lane in lanes.values())
