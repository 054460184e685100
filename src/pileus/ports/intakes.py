"""Processes that read sources of media, and what they and the platform say to each other.

Messages are JSON, a line each. A process reads one source once: from the first connection to its end, through
any number of interruptions. Another kind of process reads a recording again (:class:`Replay`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from pileus.values.errors import PileusError


class Open(msgspec.Struct, tag="open", tag_field="do", kw_only=True):
    """The first command.

    Attributes:
        url, options: what to read (``location``).
        is_listening: publishers connect to ``url``, one at a time.
        spool: for finished segments, which the platform takes away. To ``Intakes`` it is a relative name,
            to the process a folder.
        rings: folder for rings.
        stream: names this life of the source; its segments tell it.
        is_paced: a file is read at its own speed rather than as fast as possible.
        is_recorded: cut segments.
        segment_ms: their wished length.
        origin_ms: where on the source's clock this life begins.
        stall_s: silence after which the source is opened anew.
        linger_s: how long a pushed source waits for a publisher that was cut off.
        inlet_fd: set by ``Intakes``: the process's end of its inlet; -1 where nothing is pushed.
    """

    url: str
    spool: str
    rings: str
    stream: str = ""
    options: dict[str, str] = {}
    is_listening: bool = False
    is_paced: bool = True
    is_recorded: bool = True
    segment_ms: int = 2000
    origin_ms: int = 0
    stall_s: float = 4.0
    linger_s: float = 10.0
    inlet_fd: int = -1


PREVIEW_BYTES_MAX = 2 << 20
"""A picture for people that is larger is left out."""


class Attach(msgspec.Struct, tag="attach", tag_field="do", kw_only=True):
    """Make pieces for engines, or, of kind ``h264`` or ``jpeg``, pictures for people.

    Attributes:
        id: names the input and its ring.
        kind: ``frames`` or ``audio``, for engines.
        rate: pictures a second at most, or Hz.
        width: of the pictures, in pixels; 0 for the source's own.
        gate: ``motion`` to leave out pictures in which nothing moves, ``keyframes`` to decode only keyframes,
            too, where nothing has moved for a while; else empty.
        format: of frames: ``jpeg``, or empty for rows of red, green and blue.
        slots: of the ring.
        from_ms: what lies before on the source's clock is left out.
        pause_ms, least_ms, most_ms: sound is cut at silences (``media/stretches.py``); 0: it is not.
    """

    id: str
    kind: str
    rate: float = 0.0
    width: int = 0
    gate: str = ""
    format: str = ""
    slots: int = 64
    from_ms: int = -1
    pause_ms: int = 0
    least_ms: int = 0
    most_ms: int = 0


class Detach(msgspec.Struct, tag="detach", tag_field="do", kw_only=True):
    """No engine wants these pieces any more."""

    id: str


class Begin(msgspec.Struct, tag="begin", tag_field="do", kw_only=True):
    """Read the source. Before it only wishes are told, so that nothing is read before they are known."""


class Stop(msgspec.Struct, tag="stop", tag_field="do", kw_only=True):
    """End in order: the segment under way is finished."""


class Replay(msgspec.Struct, tag="replay", tag_field="do", kw_only=True):
    """The first command to a process that reads a recording: pieces for one input, as fast as they are taken.

    Attributes:
        rings: folder for its ring.
        input: what is wanted, from ``input.from_ms`` on.
    """

    rings: str
    input: Attach


class Decode(msgspec.Struct, tag="decode", tag_field="do", kw_only=True):
    """Make the pieces of a recorded segment; its file is the process's to delete."""

    path: str
    stream: str
    start_ms: int
    captured_at_ms: int


class Finish(msgspec.Struct, tag="finish", tag_field="do", kw_only=True):
    """No further segment comes: tell what is kept for a whole piece."""


class Credit(msgspec.Struct, tag="credit", tag_field="do", kw_only=True):
    """Pieces up to this number may be written: those whose places they take are done with."""

    upto: int


Command = Open | Attach | Detach | Begin | Stop | Replay | Decode | Finish | Credit


class State(msgspec.Struct, tag="state", tag_field="is", kw_only=True):
    """``connecting``, ``live``, ``stalled``, ``ended`` or ``failed``, with the reason in a sentence.

    ``failed`` is said of one attempt; the next follows after ``retry_ms``, if that is not 0.
    """

    state: str
    reason: str = ""
    retry_ms: int = 0


class Format(msgspec.Struct, tag="format", tag_field="is", kw_only=True):
    """What the source turned out to hold; empty or 0 where it has no picture or no sound."""

    video: str = ""
    width: int = 0
    height: int = 0
    rate: float = 0.0
    audio: str = ""
    sample_rate: int = 0


class Segment(msgspec.Struct, tag="segment", tag_field="is", kw_only=True):
    """A finished segment, on disk; times on the source's clock."""

    path: str
    stream: str
    start_ms: int
    stop_ms: int
    captured_at_ms: int
    size_bytes: int
    pictures: int


class Recording(msgspec.Struct, tag="recording", tag_field="is", kw_only=True):
    """A segment has begun. The one before is finished and was told."""

    start_ms: int


class Chunk(msgspec.Struct, tag="chunk", tag_field="is", kw_only=True):
    """A piece for engines, in a ring; or data, in ``record``, without one.

    ``stream`` is told of pieces of a recording, which may hold several.
    """

    input: str
    ring: str
    number: int
    start_ms: int
    stop_ms: int
    captured_at_ms: int
    stream: str = ""
    record: Any = None


class Lull(msgspec.Struct, tag="lull", tag_field="is", kw_only=True):
    """Sound that is cut at silences has no piece here; pieces and lulls of an input cover it without a hole.

    Attributes:
        ring: the input's.
        reason: ``silence``, or ``short`` for a sound that is too short.
        stream: told of a recording, as with pieces.
    """

    input: str
    ring: str
    start_ms: int
    stop_ms: int
    captured_at_ms: int
    reason: str
    stream: str = ""


class Decoded(msgspec.Struct, tag="decoded", tag_field="is", kw_only=True):
    """A segment's pieces were told, or what was kept at the end."""


class Preview(msgspec.Struct, tag="preview", tag_field="is", kw_only=True):
    """Pictures for people: records of ``media/preview.py``."""

    input: str
    records: bytes


class Counts(msgspec.Struct, tag="counts", tag_field="is", kw_only=True):
    """``SourceCounts`` so far, and by input how many pictures its gate left out."""

    counts: dict[str, int]
    gated: dict[str, int] = {}
    connections: int = 0


class End(msgspec.Struct, tag="end", tag_field="is", kw_only=True):
    """The stream is over; ``is_forced``: it was cut off rather than ended."""

    is_forced: bool


class Answer(msgspec.Struct, tag="answer", tag_field="is", kw_only=True):
    """The answer to a publisher's offer (SDP)."""

    sdp: str


class Left(msgspec.Struct, tag="left", tag_field="is", kw_only=True):
    """A publisher that came with an offer has gone."""


Told = (
    Answer
    | Left
    | State
    | Format
    | Segment
    | Recording
    | Chunk
    | Lull
    | Decoded
    | Preview
    | Counts
    | End
)


PUSHED = "push:"
"""The address of a source whose bytes come by the inlet."""


class InletClosed(PileusError):
    """The process that was to take the bytes is gone."""


class Inlet(Protocol):
    """The way of a pushed source's bytes into its process, for one publisher after another."""

    async def begin(self) -> None:
        """A publisher has come. Raises InletClosed."""
        ...

    async def offer(self, sdp: str) -> None:
        """A publisher has come by WebRTC: the process tells its ``Answer``, and when it has ``Left``.

        Raises InletClosed.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Its next bytes; waits while the process is behind. Raises InletClosed."""
        ...

    async def end(self, *, is_clean: bool) -> None:
        """It has ended, or was cut off. Raises InletClosed."""
        ...


class Intake(Protocol):
    """The process of one source."""

    @property
    def inlet(self) -> Inlet:
        """Where a pushed source's bytes go; only where the address is ``PUSHED``."""
        ...

    def send(self, command: Command) -> None:
        """Tell it something; nothing happens once it has ended."""
        ...

    def told(self) -> AsyncIterator[Told]:
        """What it tells, until it is gone. A process that dies says no ``End``."""
        ...

    async def close(self) -> None:
        """Take the rings away and end the process. Idempotent."""
        ...


class Replaying(Protocol):
    """A process that reads a recording."""

    async def feed(self, segment: Segment, data: AsyncIterator[bytes]) -> None:
        """Have a segment's pieces made: it tells them, and then ``Decoded``. Raises what ``data`` raises."""
        ...

    def send(self, command: Command) -> None:
        """Tell it something; nothing happens once it has ended."""
        ...

    def told(self) -> AsyncIterator[Told]:
        """What it tells, until it is gone."""
        ...

    async def close(self) -> None:
        """Take its ring away and end the process. Idempotent."""
        ...


class Intakes(Protocol):
    """Starts the processes. Called from the event loop only."""

    @property
    def rings_dir(self) -> str:
        """Absolute path of the folder below which rings lie, for instances to be shown."""
        ...

    async def start(self, name: str, opened: Open) -> Intake:
        """Start reading a source. ``name`` is for people and logs; ``opened.spool`` names its spool, and
        ``opened.rings`` is replaced by a folder of the process's own."""
        ...

    async def replay(self, name: str, wanted: Attach) -> Replaying:
        """Start reading a recording; its segments are fed to it in order. Raises OSError."""
        ...

    async def spooled(self, spool: str) -> list[Segment]:
        """Finished segments of a spool, oldest first: whoever stores one drops it.

        They outlive the process that wrote them, this platform, and a crash of both.
        """
        ...

    def read(self, segment: Segment) -> AsyncIterator[bytes]:
        """A spooled segment's bytes."""
        ...

    async def drop(self, segment: Segment) -> None:
        """Delete a spooled segment. Idempotent."""
        ...

    async def lay(self, data: AsyncIterator[bytes]) -> str:
        """Lay a file below :attr:`rings_dir`, where instances see it; its path. Raises OSError and what ``data``
        raises, and leaves nothing then."""
        ...

    async def take_away(self, path: str) -> None:
        """Delete such a file. Idempotent."""
        ...

    async def spools(self, under: str) -> list[str]:
        """Names of spools that begin with ``under`` and a slash."""
        ...

    async def clear_spool(self, spool: str) -> None:
        """Delete a spool whose source is no more."""
        ...

    async def close(self) -> None:
        """End every process."""
        ...
