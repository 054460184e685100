"""What authors of media engines write against; public as ``pileus.engines``.

An **object engine** looks at pieces (pictures, stretches of sound), each for itself, in any number of
instances. A **stream engine** gets the sound of one stream whole and in order, in one instance.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MODE = "_pileus_engine_mode"
OBJECT, STREAM = "object", "stream"


@dataclass(frozen=True)
class Frame:
    """A picture.

    Attributes:
        image: numpy array, ``uint8``, (height, width, 3), red first. A read-only view of memory that the
            platform goes on using: valid during the call; copy what you keep.
        pts_ms: when it is shown, from the source's first frame.
        source: name of the source.
        number: counts the pictures handed to engines of this kind; grows within a stream.
    """

    image: Any
    pts_ms: int
    source: str
    number: int


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
class EngineContext:
    """About the call: ``source`` and ``stream`` it works for, ``remaining_ms()`` of its time."""

    source: str
    stream: str
    remaining_ms: Callable[[], int]


class Emit(Protocol):
    """``emit(start_ms, stop_ms, words=[…], objects=[…])``: a result of a stream engine."""

    def __call__(self, start_ms: float, stop_ms: float, **series: Any) -> None: ...


ObjectEngine = Callable[[Sequence[Any], EngineContext], Sequence[Any] | None]
StreamEngine = Callable[["AudioStream", Emit, EngineContext], None]


def object_engine(function: ObjectEngine) -> ObjectEngine:
    """Mark ``function(pieces, context)``: a result for every piece, in order.

    A result is a list of objects (``{"label", "confidence", "box"}``), of series, or None.
    """
    setattr(function, MODE, OBJECT)
    return function


def stream_engine(function: StreamEngine) -> StreamEngine:
    """Mark ``function(audio, emit, context)``: called once a stream; returns after its end."""
    setattr(function, MODE, STREAM)
    return function


class AudioStream:
    """The sound of a stream: iterate over its :class:`Sound` pieces, from where the engine is to begin
    (after a crash: behind the last result) to the end of the stream.

    Attributes:
        position_ms: until where the engine has taken the sound.
        is_forced_end: after the last piece: True where the stream was cut off rather than ended.
    """

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[Sound | None] = queue.SimpleQueue()
        self._wanted: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.position_ms = 0
        self.is_forced_end = False

    def __iter__(self) -> Iterator[Sound]:
        while True:
            self._wanted.put(None)
            piece = self._pieces.get()
            if piece is None:
                return
            yield piece
            self.position_ms = piece.stop_ms

    def feed(self, piece: Sound | None) -> None:
        """For the platform: the next piece, or None for the end."""
        self._pieces.put(piece)

    def next_wanted(self, timeout_s: float) -> bool:
        """For the platform: wait until the engine asks for a piece; False when it has not in time."""
        try:
            self._wanted.get(timeout=timeout_s)
        except queue.Empty:
            return False
        return True


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
