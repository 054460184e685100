"""Make a small video to try the app with: ``python apps/thumbnailer/sample.py cat_00-01.mp4``.

A white bar walks to the right over a floor that grows brighter, so that every picture is another.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

FRAMES_PER_SECOND = 25
WIDTH, HEIGHT = 320, 240
_BAR = 12


def write(path: Path, seconds: int = 4, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Write an H.264 video of that length and size (width, height), without sound."""
    width, height = size
    count = seconds * FRAMES_PER_SECOND
    with av.open(str(path), "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            picture = np.full((height, width, 3), (30, 160 * index // count, 90), np.uint8)
            left = (width - _BAR) * index // count
            picture[:, left : left + _BAR] = 255
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())


def main(arguments: Sequence[str]) -> int:
    """Write the file that the one argument names."""
    if len(arguments) != 1:
        print(f"usage: sample.py VIDEO.mp4\n\n{__doc__}", file=sys.stderr)
        return 2
    write(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
