"""How engines and sources fare: what DescribeLane tells, and what CloudWatch shows in ``Pileus/Media``.

Kept in memory from the start of the platform on, over all lives of a lane or a source's process; numbers are
handed over once a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

from pileus.kernel.distribution import Distribution
from pileus.kernel.kernel import Kernel
from pileus.services.media.lane_figures import LaneFigures
from pileus.services.media.source_figures import SourceFigures

NAMESPACE = "Pileus/Media"
_MINUTE_S = 60.0
_Key = tuple[str, str, str]


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
            for dimensions, tally in each.fold(_MINUTE_S).items():
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
