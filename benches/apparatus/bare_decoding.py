"""``python -m benches.apparatus.bare_decoding VIDEO SECONDS``: decode a video at its own speed for so long, with
nothing around it; prints CPU milliseconds a picture."""

from __future__ import annotations

import os
import sys
import time

import av

from benches.apparatus.machine import server_cores


def main(path: str, seconds: float) -> None:
    """On one thread, each picture when it is due."""
    os.sched_setaffinity(0, server_cores())
    with av.open(path) as container:
        track = container.streams.video[0]
        track.codec_context.thread_count = 1
        pictures, began_s, cpu_s = 0, time.monotonic(), time.process_time()
        for frame in container.decode(track):
            assert frame.time is not None
            if frame.time > seconds:
                break
            time.sleep(max(0.0, began_s + frame.time - time.monotonic()))
            pictures += 1
        print((time.process_time() - cpu_s) / pictures * 1000)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
