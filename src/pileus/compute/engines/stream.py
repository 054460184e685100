"""One stream engine on one source: which pieces its instance gets next, and what of its words is written.

No effects and no clock. A record covers a stretch of the stream, from where the record before ended to where
the engine had taken the stream; the last record tells where a successor begins:

* An engine that leaves checkpoints begins at the last one. What it says until the stream has come again to
  where the last record ends was written before, and is left out.
* Any other begins behind the last moment that it said something of (``rewind_ms`` before it). Series that end
  there or earlier are left out, and of others the words that do.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pileus.compute.engines.feed import NOTHING, Position
from pileus.compute.engines.lane import NEVER, OVERTAKEN, OVERWRITTEN, Chunk

FAILED = "failed"
"""Left out because the instance that had it is gone."""
CHECKPOINT_EVERY_MS = 5000
"""Of the stream: a checkpoint without any words is written no more often."""


class StreamSettings(msgspec.Struct, frozen=True):
    """How a stream's pieces are treated.

    Attributes:
        call_max: most pieces of one call.
        waiting_max: pieces that may wait before ``when_behind`` counts.
        when_behind: ``never``, ``oldest`` or ``newest``.
        attempts_max: instances that may fail at a piece before it is given up.
        rewind_ms: how much of what was done a successor gets again.
    """

    call_max: int = 32
    waiting_max: int = 32
    when_behind: str = NEVER
    attempts_max: int = 3
    rewind_ms: int = 0


class Written(msgspec.Struct, frozen=True):
    """What the last record of a stream tells.

    Attributes:
        stream: the life of the source.
        stop_ms: until where the engine had taken the stream.
        resume_ms: where a successor begins.
        has_checkpoint: the engine said so; ``state`` is what it gave.
        is_ended: the stream is over.
    """

    stream: str
    stop_ms: int
    resume_ms: int
    has_checkpoint: bool = False
    state: Any = None
    is_ended: bool = False


class Said(msgspec.Struct):
    """What is to be written: a stretch of the stream and the series of it."""

    written: Written
    start_ms: int
    captured_at_ms: int
    series: list[dict[str, Any]]
    end: str = ""
    error: str = ""


class Stream:
    """The pieces of one stream engine on one source.

    Attributes:
        written: the last record.
        playing: the stream that the instance has; empty where there is none.
        resumed: what a predecessor of the instance left of this stream.
        behind: a piece found no room, or was lost: from where on the stream must be brought again, out of
            the recording. Nothing is taken until :meth:`caught_up`.
        drops: pieces left out, by reason.
    """

    def __init__(self, settings: StreamSettings, written: Written | None) -> None:
        self._settings = settings
        self.written = written
        self._waiting: deque[Chunk] = deque()
        self._running: list[Chunk] = []
        self._position_ms = -1
        self._captured_at_ms = 0
        self._begun_ms = 0
        self.resumed: Written | None = None
        self._checkpoint: Mapping[str, Any] | None = None
        self._attempts, self._failed_at = 0, NOTHING
        self._ending: bool | None = None
        self.playing = ""
        self.behind: Position | None = None
        self.drops: Counter[str] = Counter()

    # -- pieces come ------------------------------------------------------------------------

    def offer(self, chunk: Chunk, *, is_replayed: bool = False) -> bool:
        """Take the next piece; False where there is no room and it must be brought again."""
        if self.behind is not None:
            return False
        if len(self._waiting) >= self._settings.waiting_max and not is_replayed:
            if self._settings.when_behind == NEVER:
                first = self._waiting[0]
                self._waiting.clear()  # the ring will not keep it for long
                self.behind = Position(first.stream, first.start_ms)
                return False
            self._waiting.popleft()
            self.drops[OVERTAKEN] += 1
        self._waiting.append(chunk)
        return True

    def caught_up(self) -> None:
        """The next piece offered is the one that :attr:`behind` told of."""
        self.behind = None

    def end(self, *, is_forced: bool) -> None:
        """No piece of this stream comes any more."""
        self._ending = is_forced

    # -- what to do -------------------------------------------------------------------------

    def next_call(self) -> list[Chunk]:
        """Pieces for the instance, one stream's and one ring's; none where it is to wait or to end."""
        if self._running or not self._waiting or self.ends is not None:
            return []
        first = self._waiting[0]
        self._prepare(first)
        # After a failure one by one: the piece that it fails of is to be known.
        most = 1 if self._attempts else self._settings.call_max
        while self._waiting and len(self._running) < most and first.is_beside(self._waiting[0]):
            self._running.append(self._waiting.popleft())
        return list(self._running)

    def _prepare(self, first: Chunk) -> None:
        if self.playing:
            return
        self.playing = first.stream
        self.resumed = last = self._before()
        self._begun_ms = last.stop_ms if last else first.start_ms
        self._position_ms, self._checkpoint = self._begun_ms, None

    @property
    def ends(self) -> bool | None:
        """Whether the instance's stream is over now, and if, whether it was cut off."""
        if not self.playing or self._running:
            return None
        if self._waiting:
            return True if self._waiting[0].stream != self.playing else None
        return self._ending

    # -- answers come -----------------------------------------------------------------------

    def answered(self, told: Mapping[str, Any], series: Sequence[dict[str, Any]]) -> Said | None:
        """The instance has taken what it was given; what is to be written, if anything.

        ``series``: what it emitted, checked; each with ``at_ms``, where it had taken the stream.
        """
        running, self._running = self._running, []
        taken = [each for each in running if each.number <= told["consumed"]]
        if taken:
            last = taken[-1]
            self._position_ms, self._captured_at_ms = last.stop_ms, last.captured_at_ms
            if (last.stream, last.start_ms) >= self._failed_at:
                self._attempts = 0
        self._lost(running[len(taken) :])
        self._checkpoint = told.get("checkpoint") or self._checkpoint
        kept = self._unwritten(series)
        if kept or self._is_checkpoint_due():
            return self._said(kept)
        return None

    def _lost(self, lost: list[Chunk]) -> None:
        """The ring moved on before the instance looked."""
        if not lost:
            return
        if self._settings.when_behind == NEVER:
            self._waiting.clear()
            self.behind = Position(lost[0].stream, lost[0].start_ms)
            return
        self.drops[OVERWRITTEN] += 1
        self._waiting.extendleft(reversed(lost[1:]))

    def _is_checkpoint_due(self) -> bool:
        if self._checkpoint is None:
            return False
        last = self._before()
        return self._position_ms - (last.stop_ms if last else self._begun_ms) >= CHECKPOINT_EVERY_MS

    def _before(self) -> Written | None:
        """The record before, of the same stream."""
        last = self.written
        is_same = last is not None and last.stream == self.playing and not last.is_ended
        return last if is_same else None

    def _unwritten(self, series: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        last = self.resumed
        found = [dict(each) for each in series]
        if last is None:
            kept = found
        elif last.has_checkpoint:
            kept = [each for each in found if each["at_ms"] > last.stop_ms]
        else:
            kept = [each for each in found if _is_after(each, last.resume_ms)]
        for each in kept:
            del each["at_ms"]
        return kept

    def _said(self, series: list[dict[str, Any]], end: str = "", error: str = "") -> Said:
        last = self._before()
        start_ms = last.stop_ms if last else self._begun_ms
        # Taken again after a crash, the stream may not yet have come to where the last record ends.
        stop_ms = max(start_ms, self._position_ms)
        resume_ms = last.resume_ms if last else start_ms
        has_checkpoint = last is not None and last.has_checkpoint
        state = last.state if last else None
        if self._checkpoint is not None:
            has_checkpoint = True
            resume_ms, state = self._checkpoint["at_ms"], self._checkpoint["state"]
            self._checkpoint = None
        elif not has_checkpoint:
            said_ms = max((each["stop_ms"] for each in series), default=resume_ms)
            resume_ms = max(resume_ms, min(said_ms, stop_ms))
        if end:
            resume_ms = stop_ms
        self.written = Written(self.playing, stop_ms, resume_ms, has_checkpoint, state, bool(end))
        return Said(self.written, start_ms, self._captured_at_ms, series, end, error)

    def ended(self, series: Sequence[dict[str, Any]], *, is_forced: bool) -> Said:
        """The engine has returned after the end of its stream."""
        said = self._said(self._unwritten(series), end="forced" if is_forced else "clean")
        self.playing, self.resumed, self._ending = "", None, None
        return said

    # -- failures ---------------------------------------------------------------------------

    def failed(self, reason: str) -> Said | None:
        """The instance is gone. :attr:`behind` tells from where the stream is to be brought again, where
        nothing may be left out; the record of what is given up, if anything is."""
        running, self._running = self._running, []
        self._attempts += 1
        is_last = self._attempts >= self._settings.attempts_max
        said = None
        if not running:
            if is_last:
                self._attempts = 0
                said = self._said([], end="forced", error=reason)
                self._ending = None
        else:
            first = running[0]
            self._failed_at = Position(first.stream, first.start_ms)
            if is_last:
                said = self._given_up(first, reason)
        self._begin_again(running, is_over=not running and is_last)
        return said

    def _given_up(self, first: Chunk, reason: str) -> Said:
        """The piece that the engine always fails at: a successor begins behind it."""
        self._attempts = 0
        self._position_ms = max(self._position_ms, first.stop_ms)
        self._captured_at_ms = first.captured_at_ms
        said = self._said([], error=reason)
        passed = msgspec.structs.replace(said.written, resume_ms=said.written.stop_ms)
        self.written = said.written = passed
        return said

    def _begin_again(self, running: list[Chunk], *, is_over: bool) -> None:
        last, begun = self._before(), Position(self.playing, self._begun_ms)
        self.playing, self.resumed, self._checkpoint = "", None, None
        if is_over:
            return
        if self._settings.when_behind != NEVER:
            self.drops[FAILED] += len(running)
            return
        self._waiting.clear()
        self.behind = begun if last is None else self.begins_at(last)

    def begins_at(self, last: Written) -> Position:
        """From where on an instance gets a stream of which that is the last record."""
        rewind_ms = 0 if last.has_checkpoint or last.is_ended else self._settings.rewind_ms
        return Position(last.stream, max(0, last.resume_ms - rewind_ms))

    # -- figures ----------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Pieces that the instance has not taken."""
        return len(self._waiting) + len(self._running)

    def lowest(self, ring: str) -> int | None:
        """The lowest number of a ring that the instance has not taken; None where there is none."""
        pending = [*self._running, *self._waiting]
        return next((each.number for each in pending if each.ring == ring), None)

    def lag_ms(self, now_ms: int) -> int:
        """How long ago the oldest piece not taken was captured; 0 where none is."""
        pending = self._running or self._waiting
        return max(0, now_ms - pending[0].captured_at_ms) if pending else 0


def _is_after(series: dict[str, Any], done_ms: int) -> bool:
    """Whether a series says something new; what it says of before is taken out of it."""
    if series["stop_ms"] <= done_ms:
        return False
    if series["start_ms"] < done_ms:
        series["start_ms"] = done_ms
        if series.get("words"):
            series["words"] = [word for word in series["words"] if word["stop_ms"] > done_ms]
            return bool(series["words"]) or bool(series.get("objects"))
    return True
