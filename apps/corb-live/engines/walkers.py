"""Engine ``occupancy`` on pictures: the detector and the tracker in one instance, every picture in order."""

from __future__ import annotations

from occupancy import follow_with
from people import objects_of

from pileus.engines import Emit, EngineContext, EngineStream, stream_engine


@stream_engine
def follow(stream: EngineStream, emit: Emit, context: EngineContext) -> None:
    """From the first picture of the stream to its end."""
    follow_with(lambda frame: objects_of([frame])[0], stream, emit, context)
