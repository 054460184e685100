"""The thread that writes the segment log: takes all that waits, writes it, flushes, tells the loop.

Every file touched is flushed once per round, however many appends went into it. The writer owns the
files' ends; what readers may see is published by the loop afterwards.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pileus.adapters.disk import flush_file, flush_folder, make_folder, write_all
from pileus.adapters.log_frames import Appended, Seal, encode_frames
from pileus.adapters.log_offsets import OffsetFile, Reading
from pileus.adapters.log_segments import Segment, segment_path

_OPEN_FILES_MAX = 128


class PartitionEnd(msgspec.Struct, eq=False):
    """Where the writer goes on in one partition. Only the writer's thread touches it once started.

    ``segment`` None: the next append begins a new one.
    """

    folder: Path
    seal: Seal
    offset: int = 0
    segment: Segment | None = None
    size_bytes: int = 0


class Append(msgspec.Struct, eq=False):
    """``first`` and ``segments`` (new ones) and ``notes`` (frames for the index) are the outcome."""

    end: PartitionEnd
    records: Appended
    done: asyncio.Future[Any]
    publish: Callable[[Any], None]
    first: int = 0
    segments: list[Segment] = msgspec.field(default_factory=list)
    notes: list[tuple[Segment, int, int]] = msgspec.field(default_factory=list)


class Commit(msgspec.Struct, eq=False):
    reading: Reading
    offset: int
    done: asyncio.Future[Any]
    publish: Callable[[Any], None]


class Call(msgspec.Struct, eq=False):
    """Anything else that must happen between appends, in order."""

    run: Callable[[], None]
    done: asyncio.Future[Any]


Job = Append | Commit | Call


class LogWriter:
    """Runs jobs in the order in which they are given; their futures belong to one event loop."""

    def __init__(self, offsets: OffsetFile, segment_bytes: int) -> None:
        self._offsets = offsets
        self._segment_bytes = segment_bytes
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._files: OrderedDict[PartitionEnd, int] = OrderedDict()
        self.flushes = 0
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        self._jobs.put(job)

    def forget(self, end: PartitionEnd) -> None:
        """Close a partition's file. To be called from within a :class:`Call`."""
        fd = self._files.pop(end, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Do what was asked for, then end."""
        self._jobs.put(None)
        self._thread.join()
        for fd in self._files.values():
            os.close(fd)

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while not self._jobs.empty():
                jobs.append(self._jobs.get())
            live = [job for job in jobs if job is not None]
            if live:
                self._serve(live)
            if len(live) < len(jobs):
                return

    def _serve(self, jobs: list[Job]) -> None:
        outcomes: list[tuple[Job, Exception | None]] = []
        gathered: list[Append | Commit] = []
        for job in jobs:
            if not isinstance(job, Call):
                gathered.append(job)
                continue
            self._write(gathered, outcomes)
            gathered = []
            try:
                job.run()
                outcomes.append((job, None))
            except OSError as error:
                outcomes.append((job, error))
        self._write(gathered, outcomes)
        jobs[0].done.get_loop().call_soon_threadsafe(_publish, outcomes)

    def _write(
        self, jobs: list[Append | Commit], outcomes: list[tuple[Job, Exception | None]]
    ) -> None:
        by_end: dict[PartitionEnd, list[Append]] = {}
        commits: list[Commit] = []
        for job in jobs:
            if isinstance(job, Append):
                by_end.setdefault(job.end, []).append(job)
            else:
                commits.append(job)
        for end, appends in by_end.items():
            error = self._append(end, appends)
            outcomes += ((append, error) for append in appends)
        if commits:
            error = None
            try:
                self._offsets.write({commit.reading: commit.offset for commit in commits})
                self.flushes += 1
            except OSError as failure:
                error = failure
            outcomes += ((commit, error) for commit in commits)
        while len(self._files) > _OPEN_FILES_MAX:
            os.close(self._files.popitem(last=False)[1])

    def _append(self, end: PartitionEnd, appends: list[Append]) -> Exception | None:
        """Write the appends of one partition; all of them succeed or none."""
        before = (end.offset, end.segment, end.size_bytes)
        try:
            if end.segment is None or end.size_bytes >= self._segment_bytes:
                self._begin_segment(end, appends[0])
            records: list[tuple[int, bytes, bytes]] = []
            for append in appends:
                append.first = end.offset + len(records)
                records += append.records
            pieces = []
            position = end.size_bytes
            for first, frame in encode_frames(records, end.offset, end.seal):
                assert end.segment is not None
                appends[-1].notes.append((end.segment, first, position))
                pieces.append(frame)
                position += len(frame)
            fd = self._file(end)
            write_all(fd, pieces)
            flush_file(fd)
            self.flushes += 1
            end.size_bytes = position
            end.offset += len(records)
        except Exception as error:  # noqa: BLE001 - whatever it was must not end the thread
            is_new = end.segment is not before[1]
            end.offset, end.segment, end.size_bytes = before
            self._abandon(end, 0 if is_new else end.size_bytes)
            return error
        return None

    def _begin_segment(self, end: PartitionEnd, append: Append) -> None:
        self.forget(end)
        make_folder(end.folder)
        segment = Segment(segment_path(end.folder, end.offset), end.offset)
        # A file of that name can only hold what a failed append left.
        fd = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._files[end] = fd
        flush_folder(end.folder)
        end.segment, end.size_bytes = segment, 0
        append.segments.append(segment)

    def _file(self, end: PartitionEnd) -> int:
        fd = self._files.get(end)
        if fd is None:
            assert end.segment is not None
            fd = self._files[end] = os.open(end.segment.path, os.O_WRONLY | os.O_APPEND)
        self._files.move_to_end(end)
        return fd

    def _abandon(self, end: PartitionEnd, size_bytes: int) -> None:
        """After a failed write: cut off what it left, and go on in another file.

        The kernel may have dropped pages that it could not write, so the file is not trusted with
        further ones. Where cutting fails as well, readers stop at the next segment's base.
        """
        fd = self._files.get(end)
        if fd is not None:
            try:
                os.ftruncate(fd, size_bytes)
            except OSError:
                pass
        self.forget(end)
        end.segment = None


def _publish(outcomes: list[tuple[Job, Exception | None]]) -> None:
    """On the loop: make the appended records visible, then resume those who wait."""
    for job, error in outcomes:
        if error is None and not isinstance(job, Call):
            job.publish(job)
        if job.done.done():
            continue
        if error is not None:
            job.done.set_exception(error)
        else:
            job.done.set_result(job.first if isinstance(job, Append) else None)
