"""Log on segment files, a folder for each partition.

Appends wait in line for one writer thread (``log_writer.py``); recent records are kept in memory for
those who read at the tail, older ones are read from the files on worker threads. The part of a
topic's name before its first ``/`` is taken as the account whose key seals the records.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import orjson

from pileus.adapters.disk import (
    FolderLock,
    flush_folder,
    make_folder,
    remove_folder,
    replace_file,
)
from pileus.adapters.log_frames import Seal
from pileus.adapters.log_offsets import OffsetFile
from pileus.adapters.log_partition import Partition, TailBudget
from pileus.adapters.log_segments import (
    CleanEnd,
    Segment,
    Wanted,
    build_index,
    read_segment,
    recover,
)
from pileus.adapters.log_writer import Append, Call, Commit, LogWriter, PartitionEnd
from pileus.adapters.sealer_identity import IdentitySealer
from pileus.ports.log import LogUnavailable, OffsetOutOfRange, Record, TopicNotFound
from pileus.ports.sealer import Sealer

T = TypeVar("T")

SEGMENT_BYTES = 8 << 20
_READERS = 2


class _Topic(msgspec.Struct):
    number: int
    partitions: list[Partition]


class SegmentLog:
    """See ``ports/log.py``. One process at a time may have ``root`` open.

    Args:
        segment_bytes: length at which a partition goes on in a new file; the unit of ``trim``.

    Raises:
        FolderInUse: another process has it open.
    """

    def __init__(
        self,
        root: Path | str,
        sealer: Sealer | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._root = Path(root)
        make_folder(self._root / "topics")
        self._lock = FolderLock(self._root)
        self._sealer = sealer or IdentitySealer()
        self._budget = TailBudget()
        self._next_number = 1
        self._topics: dict[str, _Topic] = {}
        self._clean_ends = self._take_clean_ends()
        self._load_topics()
        self._offset_file = OffsetFile(self._root / "offsets")
        numbers = {topic.number for topic in self._topics.values()}
        self._committed = {
            reading: offset
            for reading, offset in self._offset_file.offsets.items()
            if reading[1] in numbers
        }
        self._offset_file.offsets = dict(self._committed)
        self._writer = LogWriter(self._offset_file, segment_bytes)
        self._readers = ThreadPoolExecutor(_READERS, "log-read")
        self._changing_topics = asyncio.Lock()
        self._is_closed = False

    async def create_topic(self, topic: str, partitions: int) -> None:
        if partitions < 1:
            raise ValueError(f"a topic has at least one partition, not {partitions}")
        async with self._changing_topics:
            known = self._topics.get(topic)
            if known is not None and len(known.partitions) >= partitions:
                return
            number = known.number if known else self._next_number
            counts = {**self._counts(), topic: (number, partitions)}
            await self._call(lambda: self._store_topics(counts))
            self._next_number = max(self._next_number, number + 1)
            old = known.partitions if known else []
            new = [self._partition(topic, number, at) for at in range(len(old), partitions)]
            self._topics[topic] = _Topic(number, old + new)

    async def delete_topic(self, topic: str) -> None:
        async with self._changing_topics:
            # First of all, so that nobody appends behind the removal.
            known = self._topics.pop(topic, None)
            if known is None:
                return
            counts = self._counts()
            try:
                await self._call(lambda: self._remove_topic(known, counts))
            except LogUnavailable:
                self._topics[topic] = known
                raise
            for reading in [each for each in self._committed if each[1] == known.number]:
                del self._committed[reading]
            for partition in known.partitions:
                partition.drop_tail()
                partition.fail_waiters(TopicNotFound(f"the topic {topic!r} was deleted"))

    def topics(self) -> dict[str, int]:
        return {name: len(topic.partitions) for name, topic in self._topics.items()}

    async def append(
        self, topic: str, partition: int, records: Sequence[tuple[int, bytes, bytes]]
    ) -> int:
        place = self._find(topic, partition)
        if not records:
            return place.next_offset
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        first: int = await self._submit(Append(place.end, tuple(records), done, place.publish))
        return first

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000, bytes_max: int = 1 << 20
    ) -> list[Record]:
        place = self._find(topic, partition)
        if not place.first_offset <= offset <= place.next_offset:
            raise OffsetOutOfRange(
                f"{topic!r}/{partition} holds offsets {place.first_offset} to "
                f"{place.next_offset}, not {offset}"
            )
        found: list[Record] = []
        stop = place.next_offset
        while offset < stop and limit > 0 and (bytes_max > 0 or not found):
            wanted = Wanted(offset, stop, limit, bytes_max)
            part = place.from_tail(wanted)
            if part is None:
                part = await self._from_files(place, wanted)
            if found:
                # The first record of a part comes even if it is too large.
                part = _within(part, bytes_max)
            if not part:
                break
            found += part
            offset = part[-1].offset + 1
            limit -= len(part)
            bytes_max -= sum(len(record.key) + len(record.value) for record in part)
        return found

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        place = self._find(topic, partition)
        if offset < place.next_offset:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiters.append((offset, future))
        try:
            await future
        finally:
            if future.cancelled():
                place.waiters = [each for each in place.waiters if each[1] is not future]

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = self._find(topic, partition)
        return place.first_offset, place.next_offset

    async def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        place = self._find(topic, partition)
        if not 0 <= offset <= place.next_offset:
            raise OffsetOutOfRange(f"{topic!r}/{partition} has no offset {offset} yet")
        reading = (group, self._topics[topic].number, partition)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._submit(Commit(reading, offset, done, self._publish_commit))

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        known = self._topics.get(topic)
        return self._committed.get((group, known.number, partition)) if known else None

    def lag(self, group: str, topic: str, partition: int) -> int | None:
        committed = self.committed(group, topic, partition)
        if committed is None:
            return None
        return self._find(topic, partition).next_offset - committed

    async def trim(self, topic: str, partition: int, before: int) -> None:
        place = self._find(topic, partition)
        gone: list[Segment] = []
        while len(place.segments) > 1 and place.segments[1].base <= before:
            gone.append(place.segments.pop(0))
        if not gone:
            return

        def remove() -> None:
            for segment in gone:
                Path(segment.path).unlink(missing_ok=True)
            flush_folder(place.end.folder)

        await self._call(remove)

    async def pieces(self, topic: str, partition: int) -> list[tuple[int, int]]:
        segments = list(self._find(topic, partition).segments)
        found: list[tuple[int, int]] = []

        def measure() -> None:
            for segment in segments:
                path = Path(segment.path)
                # One may have been forgotten since.
                found.append((segment.base, path.stat().st_size if path.exists() else 0))

        await self._call(measure)
        return found

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for topic in self._topics.values():
            for partition in topic.partitions:
                partition.fail_waiters(LogUnavailable("the log was closed"))
        await asyncio.to_thread(self._close)
        # What the writer had told the loop by then is heard before the caller goes on.
        await asyncio.sleep(0)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self._offset_file.close()
        ends = {
            f"{topic.number}/{at}": (segment.base, partition.end.size_bytes, partition.end.offset)
            for topic in self._topics.values()
            for at, partition in enumerate(topic.partitions)
            if (segment := partition.end.segment) is not None
        }
        replace_file(self._root / "ends.json", orjson.dumps(ends))
        self._lock.release()

    def _take_clean_ends(self) -> dict[str, CleanEnd]:
        """Where the partitions end, if the log was closed in peace and need not be searched."""
        path = self._root / "ends.json"
        if not path.exists():
            return {}
        ends = orjson.loads(path.read_bytes())
        path.unlink()
        return {place: CleanEnd(*end) for place, end in ends.items()}

    async def _from_files(self, place: Partition, wanted: Wanted) -> list[Record]:
        bases = [segment.base for segment in place.segments]
        at = bisect_right(bases, wanted.start) - 1
        if at < 0:
            raise OffsetOutOfRange(f"offset {wanted.start} was trimmed away meanwhile")
        segment = place.segments[at]
        stop = bases[at + 1] if at + 1 < len(bases) else wanted.stop
        part = Wanted(wanted.start, min(stop, wanted.stop), wanted.limit, wanted.bytes_max)
        try:
            if segment.index is None:
                segment.index = await self._on_reader(build_index, segment.path)
            position = segment.position_of(wanted.start)
            return await self._on_reader(read_segment, segment.path, position, part, place.end.seal)
        except FileNotFoundError:
            raise OffsetOutOfRange(f"offset {wanted.start} was trimmed away meanwhile") from None
        except OSError as error:
            raise LogUnavailable(f"the log cannot be read: {error}") from error

    async def _on_reader(self, fn: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, fn, *args)

    async def _call(self, run: Callable[[], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._submit(Call(run, done))

    async def _submit(self, job: Append | Commit | Call) -> Any:
        if self._is_closed:
            raise LogUnavailable("the log was closed")
        self._writer.submit(job)
        try:
            return await job.done
        except OSError as error:
            raise LogUnavailable(f"the log could not write: {error}") from error

    def _publish_commit(self, commit: Commit) -> None:
        self._committed[commit.reading] = commit.offset

    def _find(self, topic: str, partition: int) -> Partition:
        known = self._topics.get(topic)
        if known is None:
            raise TopicNotFound(f"there is no topic {topic!r}")
        if not 0 <= partition < len(known.partitions):
            raise TopicNotFound(
                f"the topic {topic!r} has {len(known.partitions)} partitions, no {partition}"
            )
        return known.partitions[partition]

    def _folder(self, number: int) -> Path:
        return self._root / "topics" / str(number)

    def _partition(self, topic: str, number: int, at: int) -> Partition:
        seal = Seal(self._sealer, topic.partition("/")[0], f"{number}/{at}")
        end = PartitionEnd(self._folder(number) / str(at), seal)
        found = recover(end.folder, self._clean_ends.get(f"{number}/{at}"))
        return Partition(end, found, self._budget)

    def _counts(self) -> dict[str, tuple[int, int]]:
        return {name: (each.number, len(each.partitions)) for name, each in self._topics.items()}

    def _store_topics(self, counts: dict[str, tuple[int, int]]) -> None:
        numbers = [number + 1 for number, _ in counts.values()]
        following = max([self._next_number, *numbers])
        content = {"next_number": following, "topics": counts}
        replace_file(self._root / "topics.json", orjson.dumps(content))

    def _remove_topic(self, topic: _Topic, others: dict[str, tuple[int, int]]) -> None:
        self._store_topics(others)
        for partition in topic.partitions:
            self._writer.forget(partition.end)
        self._offset_file.forget_topic(topic.number)
        # What cannot be removed now is removed when the log is opened next.
        remove_folder(self._folder(topic.number), ignores_errors=True)

    def _load_topics(self) -> None:
        path = self._root / "topics.json"
        if not path.exists():
            return
        content = orjson.loads(path.read_bytes())
        self._next_number = content["next_number"]
        for name, (number, count) in content["topics"].items():
            partitions = [self._partition(name, number, at) for at in range(count)]
            self._topics[name] = _Topic(number, partitions)
        kept = {str(topic.number) for topic in self._topics.values()}
        for folder in (self._root / "topics").iterdir():
            # Left by a deletion that a crash interrupted.
            if folder.name not in kept:
                remove_folder(folder)


def _within(records: list[Record], bytes_max: int) -> list[Record]:
    held_bytes = 0
    for at, record in enumerate(records):
        held_bytes += len(record.key) + len(record.value)
        if held_bytes > bytes_max:
            return records[:at]
    return records
