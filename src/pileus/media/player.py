"""The player: a process that plays a source into a bucket, as a camera would.

    python -m pileus.media.player --video FILE --source lobby --bucket video-bucket
        [--endpoint http://127.0.0.1:4566] [--speed 1] [--spool DIR] [--no-preview]

It cuts the source into segments, keeps each on disk until the S3 API has acknowledged it, and shows the
picture to the platform's preview. It tells what it does as JSON lines on standard output:

``{"event": "opened", "copied", "width", "height", "frames_per_second", "duration_ms", "left_over"}``
``{"event": "segment", "key", "bytes", "stored_at_ms", "attempts"}`` for each acknowledged segment
``{"event": "waiting", "reason"}`` when nothing can be stored for now
``{"event": "ended", "segments", "counts": {…}, "preview": {"sent", "dropped"}}``

It exits with 0 once every segment is acknowledged, with 1 and a sentence on standard error otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pileus.media.preview_feed import HttpPost, PreviewFeed
from pileus.media.segments import Cutter, Segment, segment_key
from pileus.media.source import FileSource
from pileus.media.spool import Spool
from pileus.media.upload import Bucket, Patience, S3Bucket, Stored, send_all
from pileus.values.context import DEFAULT_ENDPOINT, DEFAULT_REGION
from pileus.values.errors import PileusError

SPOOL_BYTES_MAX = 1 << 30
AWAY_S_MAX = 600.0

Tell = Callable[[dict[str, Any]], None]


class PlayerFailed(PileusError):
    """Something on this machine keeps the player from going on."""


@dataclass(frozen=True, slots=True)
class Play:
    """What is to be played.

    Attributes:
        source: name of the source, the folder of its segments.
        speed: 1 is real time; 0 is as fast as the machine can.
    """

    source: str
    speed: float


class Pace:
    """Gives each picture its moment: capture times run ``speed`` times as fast as the source's.

    At speed 0 nothing is waited for and a picture is captured when it is read.
    """

    def __init__(self, speed: float, patience: Patience) -> None:
        self._speed = speed
        self._patience = patience
        self._start_ms = patience.now_ms()
        self._start_s = patience.mono_s()
        self._last_ms = 0

    def wait_for(self, pts_ms: int) -> int:
        """Wait until the picture is due; its capture time, epoch milliseconds."""
        if self._speed <= 0:
            return self._patience.now_ms()
        due_ms = pts_ms / self._speed
        ahead_s = self._start_s + due_ms / 1000 - self._patience.mono_s()
        if ahead_s > 0:
            self._patience.sleep(ahead_s)
        return self._start_ms + round(due_ms)

    def unique(self, captured_at_ms: int) -> int:
        """The time, or the first millisecond after the last answer: names must not repeat."""
        self._last_ms = max(captured_at_ms, self._last_ms + 1)
        return self._last_ms


class Player:
    """Plays one source into a spool; a second thread sends the spool to the bucket."""

    def __init__(
        self, play: Play, spool: Spool, bucket: Bucket, patience: Patience, tell: Tell
    ) -> None:
        self._play = play
        self._spool = spool
        self._bucket = bucket
        self._patience = patience
        self._tell = tell
        self._segments = 0
        self._failure: PileusError | None = None

    def run(self, source: FileSource, preview: PreviewFeed | None) -> None:
        """Play to the end and wait until everything is acknowledged.

        Raises:
            PileusError: the source or the bucket failed; what was not acknowledged is in the spool.
        """
        sender = threading.Thread(target=self._send, name="sender")
        sender.start()
        try:
            self._read(source, preview)
        finally:
            self._spool.close()
            sender.join()
            if preview is not None:
                preview.close()
        if self._failure is not None:
            raise self._failure
        if len(self._spool):
            raise PlayerFailed(f"{len(self._spool)} segments were not sent; they are kept.")
        shown = {"sent": preview.sent, "dropped": preview.dropped} if preview else None
        self._tell(
            {
                "event": "ended",
                "segments": self._segments,
                "counts": asdict(source.counts),
                "preview": shown,
            }
        )

    def _read(self, source: FileSource, preview: PreviewFeed | None) -> None:
        pace = Pace(self._play.speed, self._patience)
        cutter = Cutter(source.stream)
        began_at_ms = 0
        for unit in source.units():
            captured_at_ms = pace.wait_for(unit.pts_ms)
            if preview is not None:
                preview.add(unit, captured_at_ms)
            done = cutter.add(unit)
            if done is not None:
                self._keep(done, pace.unique(began_at_ms))
            if done is not None or not began_at_ms:
                began_at_ms = captured_at_ms
            if self._failure is not None:
                return
        last = cutter.finish()
        if last is not None:
            self._keep(last, pace.unique(began_at_ms))

    def _keep(self, segment: Segment, captured_at_ms: int) -> None:
        key = segment_key(self._play.source, captured_at_ms)
        self._spool.put(key, segment.data, self._patience.away_s_max)

    def _send(self) -> None:
        try:
            send_all(self._spool, self._bucket, self._patience, self._stored, self._waiting)
        except PileusError as error:
            self._failure = error
        except OSError as error:
            self._failure = PlayerFailed(f"The spool cannot be read: {error}")

    def _stored(self, stored: Stored) -> None:
        self._segments += 1
        self._tell(
            {
                "event": "segment",
                "key": stored.segment.key,
                "bytes": stored.segment.size_bytes,
                "stored_at_ms": stored.stored_at_ms,
                "attempts": stored.attempts,
            }
        )

    def _waiting(self, reason: str) -> None:
        self._tell({"event": "waiting", "reason": reason})


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pileus.media.player", description="Play a video into a bucket."
    )
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--source", required=True, help="name of the source, such as lobby")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", DEFAULT_ENDPOINT))
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", DEFAULT_REGION))
    parser.add_argument("--speed", type=float, default=1.0, help="1: real time, 0: no waiting")
    parser.add_argument("--spool", type=Path, default=Path(".pileus/spool"))
    parser.add_argument("--away-s", type=float, default=AWAY_S_MAX, help="patience with the bucket")
    parser.add_argument("--no-preview", action="store_true")
    return parser.parse_args(arguments)


def _credentials() -> tuple[str, str] | None:
    """The platform's loopback credentials, unless AWS settings name others."""
    named = {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"}
    return None if named & os.environ.keys() else ("test", "test")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; the process's exit status."""
    options = _options(arguments)
    patience = Patience(
        now_ms=lambda: time.time_ns() // 1_000_000,
        mono_s=time.monotonic,
        sleep=time.sleep,
        away_s_max=options.away_s,
    )
    try:
        with FileSource(options.video) as source:
            spool = Spool(options.spool / options.source, SPOOL_BYTES_MAX)
            bucket = S3Bucket(options.bucket, options.endpoint, options.region, _credentials())
            opened = asdict(source.stream) | {
                "copied": source.is_copied,
                "duration_ms": source.duration_ms,
                "left_over": len(spool),
            }
            _tell({"event": "opened", **opened})
            preview = None
            if not options.no_preview:
                token = os.environ.get("PILEUS_CONSOLE_TOKEN", "")
                post = HttpPost(options.endpoint, options.source, token)
                preview = PreviewFeed(post, source.stream)
            play = Play(options.source, options.speed)
            Player(play, spool, bucket, patience, _tell).run(source, preview)
    except PileusError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
