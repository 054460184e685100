"""A camera whose pictures tell their number: ``python -m benches.apparatus.clock_camera FILE``.

Serves H.264 in MPEG-TS over TCP to whoever connects, 640×360 at 25 pictures a second, and appends to FILE a line
a picture: its number and when it was shown, in ns since the epoch. The port is its first line of output.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from fractions import Fraction
from typing import Any

import av
import numpy
from av.video.frame import VideoFrame

from benches.apparatus.machine import client_cores

WIDTH, HEIGHT, RATE = 640, 360, 25
BITS, BLOCK = 16, 40
"""The number stands in the first row of blocks, the lowest bit first."""


def main(path: str) -> None:
    """Serve one viewer after another until killed."""
    os.sched_setaffinity(0, client_cores())
    with socket.create_server(("127.0.0.1", 0)) as server, open(path, "a", buffering=1) as shown:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        number = 0
        while True:
            viewer, _ = server.accept()
            try:
                with viewer, viewer.makefile("wb", buffering=0) as wire:
                    number = _show(wire, shown, number)
            except OSError:
                continue


def _show(wire: Any, shown: Any, number: int) -> int:
    background = numpy.random.default_rng(1).integers(60, 190, (HEIGHT, WIDTH, 3), numpy.uint8)
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(RATE)}
    with av.open(wire, "w", format="mpegts", options={"flush_packets": "1"}) as output:
        track: Any = output.add_stream("libx264", rate=RATE, options=options)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        began_s, first = time.monotonic(), number
        while True:
            due_s = began_s + (number - first) / RATE
            time.sleep(max(0.0, due_s - time.monotonic()))
            image = background.copy()
            for bit in range(BITS):
                image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
            shown.write(f"{number} {time.time_ns()}\n")
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number - first, Fraction(1, RATE)
            output.mux(track.encode(frame))
            number += 1


if __name__ == "__main__":
    main(sys.argv[1])
