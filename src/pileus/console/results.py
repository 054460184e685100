"""Follows the results bucket of an account: new detections as they are stored, older ones once."""

from __future__ import annotations

from collections import deque
from typing import Any

from pileus.console.asking import Asker
from pileus.console.detections import Frame, PeopleTrack, parse_result
from pileus.console.feed import Feed, Record
from pileus.console.inventory import Inventory
from pileus.ports.clock import Clock
from pileus.values.times import utc

BUCKET_OUTPUT = "ResultsBucketName"
RESULT_BYTES_MAX = 16 << 20
WAITING_MAX = 256
READ_BACK_MS = 10 * 60_000
"""How far back results are read when the first page opens."""
READ_BACK_MAX = 300

_PUT_OPERATIONS = frozenset({"PutObject", "CompleteMultipartUpload", "CopyObject"})


class ResultReader:
    """Reads results by public S3 operations. The bucket is the stack output ``ResultsBucketName``.

    Attributes:
        dropped: results that came faster than they could be read, or were too large.
        bad_lines: lines that were not a frame.
    """

    def __init__(self, asker: Asker, feed: Feed, clock: Clock) -> None:
        self.dropped = 0
        self.bad_lines = 0
        self._asker = asker
        self._feed = feed
        self._clock = clock
        self._bucket = ""
        self._waiting: deque[str] = deque()
        self._tracks: dict[str, PeopleTrack] = {}

    def sources(self) -> list[str]:
        """Sources that results were read of."""
        return list(self._tracks)

    def messages(self) -> list[dict[str, Any]]:
        """The ``people`` message of each source."""
        return [
            {
                "source": track.source,
                "run": track.run,
                "points": track.points(),
                "frames": track.frames(),
            }
            for track in self._tracks.values()
        ]

    def notice(self, record: Record) -> None:
        """A call was made: a result stored is read at the next :meth:`refresh`."""
        if not self._bucket or record["service"] != "s3":
            return
        given = record.get("input") or {}
        key = str(given.get("Key") or "")
        is_put = record["operation"] in _PUT_OPERATIONS and given.get("Bucket") == self._bucket
        if is_put and key.endswith(".jsonl"):
            self._waiting.append(key)
            if len(self._waiting) > WAITING_MAX:
                self._waiting.popleft()
                self.dropped += 1

    async def refresh(self, inventory: Inventory) -> None:
        """Read what was stored since the last time and tell the pages."""
        bucket = inventory.outputs.get(BUCKET_OUTPUT, "")
        if bucket != self._bucket:
            self._bucket = bucket
            if bucket:
                await self._read_back()
        while self._waiting:
            key = self._waiting.popleft()
            for source, frames in (await self._read(key)).items():
                track = self._track(source)
                if track.add(key, frames):
                    told = {"source": source, "run": track.run, "frames": frames}
                    self._feed.stream(self._asker.account, "detections", (told,))

    async def _read_back(self) -> None:
        """The newest stored results of each source, for a page that opens in the middle."""
        since = utc(self._clock.now_ms() - READ_BACK_MS).strftime("%Y%m%dT%H%M%S")
        folders = await self._asker.ask("s3", "ListObjectsV2", Bucket=self._bucket, Delimiter="/")
        for folder in folders.get("CommonPrefixes") or []:
            # Names begin with the time of capture, so that older ones need not be listed.
            prefix = folder["Prefix"]
            newest: deque[str] = deque(maxlen=READ_BACK_MAX)
            pages = self._asker.pages(
                "s3",
                "ListObjectsV2",
                ("NextContinuationToken", "ContinuationToken"),
                Bucket=self._bucket,
                Prefix=prefix,
                StartAfter=f"{prefix}{since}",
            )
            async for page in pages:
                newest.extend(entry["Key"] for entry in page.get("Contents") or [])
            for key in newest:
                for source, frames in (await self._read(key)).items():
                    self._track(source).add(key, frames)
        for message in self.messages():
            self._feed.tell(self._asker.account, "people", message["source"], message)

    async def _read(self, key: str) -> dict[str, list[Frame]]:
        try:
            raw = await self._asker.ask_bytes(
                "s3", "GetObject", RESULT_BYTES_MAX, Bucket=self._bucket, Key=key
            )
        except ValueError:
            self.dropped += 1
            return {}
        result = parse_result(raw or b"")
        self.bad_lines += result.bad_lines
        return result.frames

    def _track(self, source: str) -> PeopleTrack:
        return self._tracks.setdefault(source, PeopleTrack(source))
