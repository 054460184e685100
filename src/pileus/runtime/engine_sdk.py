"""What authors of media engines write against; public as ``pileus.engines``.

An **object engine** looks at pieces (pictures, stretches of sound, records), each for itself, in any number
of instances. A **stream engine** gets the pieces of one stream whole and in order, in one instance.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MODE = "_pileus_engine_mode"
OBJECT, STREAM = "object", "stream"
STATE_BYTES_MAX = 65_536
"""Of a stream engine's checkpoint, as JSON."""


@dataclass(frozen=True)
class Record:
    """A piece that is data: a record of a feed, or what another engine said.

    Attributes:
        data: the record; of another engine its output document (``docs/media-results.schema.json``).
        start_ms, stop_ms: of the piece, on the source's clock.
        source: name of the source.
        number: counts the records handed to engines; grows within a stream.
    """

    data: Any
    start_ms: int
    stop_ms: int
    source: str
    number: int

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Every object in another engine's document."""
        series = self.data.get("series", ()) if isinstance(self.data, Mapping) else ()
        return [found for each in series for found in each.get("objects") or ()]

    @property
    def words(self) -> list[dict[str, Any]]:
        """Every word in another engine's document."""
        series = self.data.get("series", ()) if isinstance(self.data, Mapping) else ()
        return [word for each in series for word in each.get("words") or ()]


@dataclass(frozen=True)
class Frame:
    """A picture.

    Attributes:
        image: numpy array, ``uint8``, (height, width, 3), red first. A read-only view of memory that the
            platform goes on using: valid during the call; copy what you keep. Stream engines get copies.
        pts_ms: when it is shown, from the source's first frame.
        source: name of the source.
        number: counts the pictures handed to engines of this kind; grows within a stream.
        results: what the other engine of ``Input: {Frames, Results}`` said of this picture, else None.
        stop_ms: when the next one is due.
    """

    image: Any
    pts_ms: int
    source: str
    number: int
    results: Record | None = None
    stop_ms: int = 0

    @property
    def start_ms(self) -> int:
        """The same as ``pts_ms``."""
        return self.pts_ms


@dataclass(frozen=True)
class Sound:
    """A stretch of sound: ``samples`` (numpy, ``int16``, mono) at ``rate`` Hz from ``start_ms`` on."""

    samples: Any
    rate: int
    start_ms: int
    stop_ms: int
    source: str
    number: int


@dataclass(frozen=True)
class Segment:
    """A finished segment of the recording, whole.

    Attributes:
        path: a Matroska file that begins with a keyframe and can be decoded alone; its times are the source's
            clock. It is there during the call: copy what you keep.
        start_ms, stop_ms: on the source's clock.
        source: name of the source.
        number: counts the segments handed to engines.
    """

    path: str
    start_ms: int
    stop_ms: int
    source: str
    number: int

    @property
    def data(self) -> bytes:
        """The file's bytes, read anew each time."""
        with open(self.path, "rb") as file:
            return file.read()


@dataclass(frozen=True)
class EngineContext:
    """About the call: ``source`` and ``stream`` it works for, ``remaining_ms()`` of its time."""

    source: str
    stream: str
    remaining_ms: Callable[[], int]


class Emit(Protocol):
    """``emit(start_ms, stop_ms, words=[…], objects=[…])``: a result of a stream engine."""

    def __call__(self, start_ms: float, stop_ms: float, **series: Any) -> None: ...


ObjectEngine = Callable[[Sequence[Any], EngineContext], Sequence[Any] | None]
StreamEngine = Callable[["EngineStream", Emit, EngineContext], None]
Piece = Frame | Sound | Record | Segment


def object_engine(function: ObjectEngine) -> ObjectEngine:
    """Mark ``function(pieces, context)``: a result for every piece, in order.

    A result is a list of objects (``{"label", "confidence", "box"}``), of series, or None.
    """
    setattr(function, MODE, OBJECT)
    return function


def stream_engine(function: StreamEngine) -> StreamEngine:
    """Mark ``function(stream, emit, context)``: called once a stream; returns after its end."""
    setattr(function, MODE, STREAM)
    return function


class EngineStream:
    """The pieces of a stream, whole and in order: iterate over them, to the end of the stream.

    After a crash a new instance gets the stream again. Without checkpoints it begins behind the last result
    that was kept (``Rewind`` before it, if the engine asks for that); with them it begins at the last
    checkpoint. What it emits of times whose results are kept already is left out.

    Attributes:
        position_ms: until where the engine has taken the stream, this piece included.
        state: what a predecessor gave to its last :meth:`checkpoint`; None where the stream is new.
        is_resumed: a predecessor has had a part of this stream.
        is_forced_end: after the last piece: True where the stream was cut off rather than ended.
    """

    def __init__(self, state: Any = None, *, is_resumed: bool = False) -> None:
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._wanted: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._checkpoint: tuple[int, Any] | None = None
        self.position_ms = 0
        self.state, self.is_resumed = state, is_resumed
        self.is_forced_end = False

    def __iter__(self) -> Iterator[Any]:
        while True:
            self._wanted.put(None)
            piece = self._pieces.get()
            if piece is None:
                return
            self.position_ms = piece.stop_ms
            yield piece

    def checkpoint(self, state: Any = None) -> None:
        """Say that the engine is done with everything it has taken: a successor begins behind it, with
        ``state`` (JSON of at most 64 KiB; ValueError beyond) as its :attr:`state`.
        """
        if len(json.dumps(state, default=plain)) > STATE_BYTES_MAX:
            raise ValueError(f"the state of a checkpoint is larger than {STATE_BYTES_MAX} bytes")
        self._checkpoint = (self.position_ms, state)

    def feed(self, piece: Piece | None) -> None:
        """For the platform: the next piece, or None for the end."""
        self._pieces.put(piece)

    def next_wanted(self, timeout_s: float) -> bool:
        """For the platform: wait until the engine asks for a piece; False when it has not in time."""
        try:
            self._wanted.get(timeout=timeout_s)
        except queue.Empty:
            return False
        return True

    def taken_checkpoint(self) -> tuple[int, Any] | None:
        """For the platform: position and state of the newest checkpoint, once."""
        taken, self._checkpoint = self._checkpoint, None
        return taken


AudioStream = EngineStream
"""A stream of :class:`Sound`."""


def mode_of(handler: Any) -> str:
    """``object`` or ``stream`` as the author marked the function; empty where it is not marked."""
    return str(getattr(handler, MODE, ""))


def plain(value: Any) -> Any:
    """For JSON: numpy's numbers and arrays as Python's; TypeError for what has no such form."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is nothing that a result can hold")
