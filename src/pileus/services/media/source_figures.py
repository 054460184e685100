"""How one source fares: what its process counts, told as numbers of a minute."""

from __future__ import annotations

from collections.abc import Mapping

from pileus.kernel.measures import Dimensions, Tally
from pileus.ports import intakes as messages
from pileus.services.media.minute_numbers import Numbers

_TOLD = {
    "packets": "Packets",
    "packets_damaged": "PacketsDamaged",
    "packets_before_keyframe": "PacketsBeforeKeyframe",
    "timestamps_missing": "TimestampsMissing",
    "timestamps_mended": "TimestampsMended",
    "discontinuities": "Discontinuities",
    "records": "Records",
    "refused": "RecordsRefused",
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
