"""Small videos made on the spot; nothing here needs a network or a file of others."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame


def picture(number: int, width: int = 64, height: int = 48) -> VideoFrame:
    """A flat picture whose brightness tells its number; encodes in no time."""
    level = 16 + number * 7 % 200
    return VideoFrame.from_ndarray(np.full((height, width, 3), level, np.uint8), format="rgb24")


def write_video(
    path: Path | io.BytesIO,
    times_ms: Sequence[int],
    *,
    codec: str = "mpeg4",
    key_every: int | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
    side: tuple[int, int] = (64, 48),
) -> None:
    """A video with pictures at the given times; H.264 keyframes every ``key_every`` pictures."""
    target = str(path) if isinstance(path, Path) else path
    with av.open(target, "w", format=container) as output:
        defaults = (
            {"preset": "ultrafast", "x264-params": "scenecut=0"} if codec == "libx264" else {}
        )
        track = output.add_stream(codec, rate=25, options={**defaults, **(options or {})})
        track.width, track.height = side
        track.pix_fmt = "yuv420p"
        track.codec_context.time_base = Fraction(1, 1000)
        track.codec_context.gop_size = 100_000 if key_every else 12
        for number, at_ms in enumerate(times_ms):
            frame = picture(number, *side).reformat(format="yuv420p")
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            if key_every:
                is_key = number % key_every == 0
                frame.pict_type = PictureType.I if is_key else PictureType.NONE
            output.mux(track.encode(frame))
        output.mux(track.encode(None))


def every(step_ms: int, count: int) -> list[int]:
    return [step_ms * number for number in range(count)]
