"""What a source of records tells of itself while it is read."""

from __future__ import annotations

from collections import Counter

from pileus.kernel.calls import StreamCall
from pileus.ports import intakes as messages
from pileus.services.media.following import Known, note_state
from pileus.services.media.source_figures import SourceFigures


class FeedState:
    """State and counts of a source of records; the state is noted where it changes, not at each record.

    Attributes:
        heard_ms: when the last record, or other sign of life, came.
    """

    def __init__(
        self,
        call: StreamCall,
        source: str,
        counts: Counter[str],
        known: Known,
        figures: SourceFigures,
    ) -> None:
        self._call, self._source = call, source
        self._counts, self._known, self._figures = counts, known, figures
        self._state = ""
        self._connections = 0
        self.heard_ms = call.clock.now_ms()

    async def live(self) -> None:
        """Something came."""
        self.heard_ms = self._call.clock.now_ms()
        await self.note("live")

    async def note(self, state: str, reason: str = "") -> None:
        """It is in that state now; a failure is told as often as it comes."""
        if state == self._state and state != "failed":
            return
        self._state = state
        self._figures.told(messages.State(state=state, reason=reason))
        await note_state(self._call, self._source, state.upper(), reason)

    def connected(self) -> None:
        """A publisher came, or a server answered."""
        self._connections += 1
        self.counted()

    def counted(self) -> None:
        """Counts have changed."""
        told = messages.Counts(counts=dict(self._counts), connections=self._connections)
        self._known.counts = told
        self._figures.told(told)

    def refused(self, count: int = 1) -> None:
        """What came is no record."""
        self._counts["refused"] += count
        self.counted()
