"""``python -m benches.apparatus.bare_decoding VIDEO``: CPU milliseconds that decoding takes, a picture."""

from __future__ import annotations

import sys
import time

import av


def main(path: str) -> None:
    """Decode all of it, on one thread."""
    with av.open(path) as container:
        track = container.streams.video[0]
        track.codec_context.thread_count = 1
        began_s = time.process_time()
        pictures = sum(1 for _ in container.decode(track))
        print((time.process_time() - began_s) / pictures * 1000)


if __name__ == "__main__":
    main(sys.argv[1])
