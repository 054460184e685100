"""What the platform measures of itself, as AWS names it: put together per minute in memory, and
handed to CloudWatch through the door when the minute is over.

Batched class of acknowledgement: a crash loses the minute under way, an orderly stop does not.
A room that is measured has a ``measures.py`` with any of::

    of_call(operation, input, output) -> Hashable | None                  # a call that went well
    counted(what) -> Iterable[Measure]                                     # what one of those comes to
    of_delivery(delivery, error) -> Iterable[Measure]                      # of its outbox
    gauges(call: ReadCall) -> Iterable[Measure]                            # how things stand
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.kernel.deliveries import Delivery
from pileus.kernel.distribution import Distribution
from pileus.ports.state import Space
from pileus.values.context import CallContext, Principal
from pileus.values.errors import ServiceError, StoreUnavailable
from pileus.values.times import utc

if TYPE_CHECKING:
    from pileus.kernel.calls import ReadCall
    from pileus.kernel.kernel import Kernel
    from pileus.kernel.rooms import Room

_log = logging.getLogger("pileus.measures")
_MINUTE_MS = 60_000
_LAG_MS = 500
_ACTIVE_MS = 6 * 3_600_000
"""AWS goes on measuring a queue for six hours after its last use."""
_DATA_PER_CALL = 500
_NOTED_MAX = 8192
"""What is noted before it is counted."""
_VALUES_PER_DATUM = 150
Dimensions = tuple[tuple[str, str], ...]
Subject = tuple[str, str, str, Dimensions]
"""Account, region, namespace, dimensions."""
Tally = dict[tuple[str, str], Distribution]
"""Numbers by name and unit."""
Minute = dict[Subject, Tally]


class Measure(msgspec.Struct, frozen=True):
    """One number: of a metric ``name``, in CloudWatch's unit."""

    dimensions: Dimensions
    name: str
    unit: str
    value: float


Noted = Callable[[], Iterable[Measure]]
"""Numbers that are put together when the minute ends, and not while somebody waits."""
OfCall = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Hashable | None]
Counted = Callable[[Any], Iterable["Measure"]]


class _Measured(msgspec.Struct, frozen=True):
    """What a room's ``measures.py`` offers of every call, looked up once.

    ``of_call`` gives the little that a call is counted by, which many calls have in common; only
    when the minute ends does ``counted`` make numbers of it.
    """

    of_call: OfCall | None
    counted: Counted | None
    has_gauges: bool


class Measures:
    """The minute under way. Called from the event loop only.

    Attributes:
        is_on: nothing is kept while False, as in tests that measure nothing.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._minutes: dict[int, Minute] = {}
        self._measured: dict[str, _Measured] = {}
        self._active: dict[Space, int] = {}
        self._is_waiting = False
        self._is_expected = False
        self._sources: list[Callable[[int], None]] = [self._count_noted, self._count_calls]
        self._noted: list[tuple[int, Space, Noted]] = []
        self._calls: list[tuple[int, Space, Hashable]] = []
        self.is_on = False

    def start(self) -> None:
        """Go on with what stands in the store: queues with messages that wait."""
        if not self.is_on:
            return
        for space in self._kernel.state.spaces():
            room = self._kernel.registry.room(space[2])
            if room.namespace and self._of(room).has_gauges:
                self._note_active(space, self._kernel.clock.now_ms())

    def add_source(self, fold: Callable[[int], None]) -> None:
        """Who notes by itself what is frequent: ``fold`` adds all of it when a minute ends, and is
        told when that began."""
        self._sources.append(fold)

    def expect(self) -> None:
        """A source has something to tell at the end of the minute."""
        self._wait()

    def tally(self, at_ms: int, subject: Subject) -> Tally:
        """Numbers of a minute by name and unit, to be added to at once and not kept."""
        minute = self._minutes.get(at_ms // _MINUTE_MS)
        if minute is None:
            minute = self._minutes[at_ms // _MINUTE_MS] = {}
            self._wait()
        found = minute.get(subject)
        if found is None:
            found = minute[subject] = {}
        return found

    def add(self, at_ms: int, subject: Subject, name: str, unit: str, value: float) -> None:
        """Keep one number."""
        _numbers(self.tally(at_ms, subject), name, unit).add(value)

    def note(self, space: Space, noted: Noted) -> None:
        """Count later what happened in a measured room's space now: one append."""
        if not self.is_on:
            return
        if not self._noted:
            self._wait()
        self._noted.append((self._kernel.clock.now_ms(), space, noted))
        if len(self._noted) >= _NOTED_MAX:
            self._count_noted(0)

    def _count_noted(self, _minute_ms: int) -> None:
        found, self._noted = self._noted, []
        for at_ms, space, noted in found:
            self._add_all(at_ms, space, self._kernel.registry.room(space[2]).namespace, noted())

    def _count_calls(self, _minute_ms: int) -> None:
        found, self._calls = self._calls, []
        for (minute, space, what), times in Counter(found).items():
            room = self._kernel.registry.room(space[2])
            counted = self._of(room).counted
            assert counted is not None
            at_ms = minute * _MINUTE_MS
            self._add_all(at_ms, space, room.namespace, counted(what), float(times))

    def call(
        self,
        room: Room,
        space: Space,
        operation: str,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
    ) -> None:
        """A call of a measured room went well."""
        measured = self._measured.get(room.namespace) or self._of(room)
        if measured.of_call is None and not measured.has_gauges:
            return
        now_ms = self._kernel.clock.now_ms()
        if measured.has_gauges:
            self._note_active(space, now_ms)
        if measured.of_call is not None:
            what = measured.of_call(operation, input, output)
            if what is not None:
                self._note_call(now_ms // _MINUTE_MS, space, what)

    def _note_call(self, minute: int, space: Space, what: Hashable) -> None:
        if not self._calls:
            self._wait()
        self._calls.append((minute, space, what))
        if len(self._calls) >= _NOTED_MAX:
            self._count_calls(0)

    def delivered(self, space: Space, delivery: Delivery, error: ServiceError | None) -> None:
        """A delivery of a room's outbox succeeded, or was given up with ``error``."""
        room = self._kernel.registry.room(space[2])
        if not (self.is_on and room.namespace):
            return
        module = self._kernel.registry.measures(room)
        if hasattr(module, "of_delivery"):
            found = module.of_delivery(delivery, error)
            self._add_all(self._kernel.clock.now_ms(), space, room.namespace, found)

    def _of(self, room: Room) -> _Measured:
        found = self._measured.get(room.namespace)
        if found is None:
            module = self._kernel.registry.measures(room)
            found = _Measured(
                getattr(module, "of_call", None),
                getattr(module, "counted", None),
                hasattr(module, "gauges"),
            )
            self._measured[room.namespace] = found
        return found

    def _add_all(
        self,
        at_ms: int,
        space: Space,
        namespace: str,
        measures: Iterable[Measure],
        times: float = 1.0,
    ) -> None:
        tally: Tally = {}
        dimensions: Dimensions | None = None
        for each in measures:
            if each.dimensions is not dimensions:
                dimensions = each.dimensions
                tally = self.tally(at_ms, (space[0], space[1], namespace, dimensions))
            _numbers(tally, each.name, each.unit).add(each.value, times)

    def _note_active(self, space: Space, now_ms: int) -> None:
        if space not in self._active:
            self._wait()
        self._active[space] = now_ms

    # -- the end of a minute ----------------------------------------------------------------

    def _wait(self) -> None:
        self._is_expected = True
        if not self._is_waiting:
            self._is_waiting = True
            self._kernel.supervisor.spawn("measures", self._run())

    async def _run(self) -> None:
        """Hand over every minute; ends when there is nothing more to measure."""
        clock = self._kernel.clock
        try:
            while self._is_expected or self._minutes or self._active:
                self._is_expected = False
                now_ms = clock.now_ms()
                due_ms = (now_ms // _MINUTE_MS + 1) * _MINUTE_MS + _LAG_MS
                await clock.sleep((due_ms - now_ms) / 1000)
                await self.flush(clock.now_ms() // _MINUTE_MS)
        finally:
            self._is_waiting = False

    async def close(self) -> None:
        """Hand over the minute under way as well; the platform is about to stop."""
        if self.is_on:
            self._active.clear()
            await self.flush(self._kernel.clock.now_ms() // _MINUTE_MS + 1)

    async def flush(self, before_minute: int) -> None:
        """Hand over the minutes before one, the last of them with the gauges' figures."""
        for fold in self._sources:
            fold((before_minute - 1) * _MINUTE_MS)
        self._read_gauges(before_minute - 1)
        for number in sorted(each for each in self._minutes if each < before_minute):
            minute = self._minutes.pop(number)
            try:
                await self._hand_over(number, minute)
            except (ServiceError, StoreUnavailable) as problem:
                _log.warning("the measures of a minute were lost: %s", problem)

    def _read_gauges(self, minute: int) -> None:
        now_ms = self._kernel.clock.now_ms()
        for space, used_ms in list(self._active.items()):
            if now_ms - used_ms > _ACTIVE_MS:
                del self._active[space]
                continue
            room = self._kernel.registry.room(space[2])
            for each in self._gauges(space, room):
                subject = (space[0], space[1], room.namespace, each.dimensions)
                self.add(minute * _MINUTE_MS, subject, each.name, each.unit, each.value)

    def _gauges(self, space: Space, room: Room) -> list[Measure]:
        def read(call: ReadCall) -> list[Measure]:
            return list(self._kernel.registry.measures(room).gauges(call))

        return self._kernel.read(self._kernel.system_context(space), space, read)

    async def _hand_over(self, number: int, minute: Minute) -> None:
        at = utc(number * _MINUTE_MS)
        for (account, region, namespace), data in _data(minute).items():
            context = CallContext(
                account=account,
                region=region,
                principal=Principal.service("monitoring.amazonaws.com", account),
                source="cloudwatch",
                endpoint=self._kernel.endpoint,
            )
            for start in range(0, len(data), _DATA_PER_CALL):
                part = [{**each, "Timestamp": at} for each in data[start : start + _DATA_PER_CALL]]
                given = {"Namespace": namespace, "MetricData": part}
                await self._kernel.invoke(context, "cloudwatch", "PutMetricData", given)


def _numbers(tally: Tally, name: str, unit: str) -> Distribution:
    found = tally.get((name, unit))
    if found is None:
        found = tally[(name, unit)] = Distribution()
    return found


def _data(minute: Minute) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """``MetricData`` by account, region and namespace."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for (account, region, namespace, dimensions), tally in minute.items():
        data = found.setdefault((account, region, namespace), [])
        told = [{"Name": name, "Value": value} for name, value in dimensions]
        for (name, unit), numbers in tally.items():
            head = {"MetricName": name, "Dimensions": told, "Unit": unit}
            data += [{**head, **part} for part in _parts(numbers)]
    return found


def _parts(numbers: Distribution) -> Iterator[dict[str, list[float]]]:
    """``Values`` and ``Counts``, as many at a time as CloudWatch takes."""
    pairs = list(numbers.values.items())
    for start in range(0, len(pairs), _VALUES_PER_DATUM):
        some = pairs[start : start + _VALUES_PER_DATUM]
        yield {"Values": [value for value, _ in some], "Counts": [count for _, count in some]}
