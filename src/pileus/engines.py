"""For authors of media engines: ``from pileus.engines import object_engine``.

Inside an instance the same names come from the platform's runtime, whatever is installed there.
"""

from __future__ import annotations

from pileus.runtime.engine_sdk import (
    AudioStream,
    Emit,
    EngineContext,
    EngineStream,
    Frame,
    Record,
    Segment,
    Sound,
    object_engine,
    stream_engine,
)

__all__ = [
    "AudioStream",
    "Emit",
    "EngineContext",
    "EngineStream",
    "Frame",
    "Record",
    "Segment",
    "Sound",
    "object_engine",
    "stream_engine",
]
