"""Processes that read sources, on this machine: ``python -m pileus.media.intake``, a pipe each way."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path

import msgspec

from pileus.adapters.local_inlet import LocalInlet
from pileus.ports.intakes import (
    PUSHED,
    Attach,
    Command,
    Decode,
    Inlet,
    Intake,
    Open,
    Replay,
    Replaying,
    Segment,
    Stop,
    Told,
)
from pileus.values.spool_names import SpoolName, writer_of

_log = logging.getLogger("pileus.media")
_LINE_BYTES_MAX = 4 << 20
"""A picture for people is the longest word there is."""
_END_S = 5.0
_READ_BYTES = 1 << 20
_MEMORY_DISK = Path("/dev/shm")


class LocalIntakes:
    """One process a source. Segments wait in ``folder``/spool until the platform has stored them, whichever
    process of it that is.

    Rings lie on the memory disk, in a folder named by this process, to which ``rings`` links; what a dead
    platform left there is cleared away. ``folder`` is absolute and has no links in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        base = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else folder
        self._memory_dir = base / f"pileus-rings-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = itertools.count(1)
        self._running: set[_Process] = set()
        _clear(base)

    @property
    def rings_dir(self) -> str:
        """Made when it is asked for: most platforms never read a source.

        A link, because sandboxes have a ``/dev`` of their own, in which nothing can be shown; a relative one,
        because they see the host's files below another root while they look for it.
        """
        link = self._folder / "rings"
        if not self._memory_dir.exists():
            self._memory_dir.mkdir(mode=0o755, parents=True)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(self._memory_dir, self._folder))
        return str(link)

    async def start(self, name: str, opened: Open) -> Intake:
        """Start a process; raises OSError."""
        rings = self._new_rings()
        spool = self._spool_dir(opened.spool)
        await asyncio.to_thread(_sweep, spool)
        spool.mkdir(parents=True, exist_ok=True)
        inlet = LocalInlet() if opened.url == PUSHED else None
        opened = msgspec.structs.replace(opened, spool=str(spool), rings=str(rings))
        if inlet is None:
            made = await self._spawn(name, rings)
        else:
            other_fd = inlet.other_end.fileno()
            made = await self._spawn(name, rings, (other_fd,))
            inlet.other_end.close()
            opened = msgspec.structs.replace(opened, inlet_fd=other_fd)
            made.pushed_through(inlet)
        made.send(opened)
        return made

    async def replay(self, name: str, wanted: Attach) -> Replaying:
        """Start a process; raises OSError."""
        rings = self._new_rings()
        made = await self._spawn(name, rings)
        made.send(Replay(rings=str(rings), input=wanted))
        return made

    def _new_rings(self) -> Path:
        rings = Path(self.rings_dir) / str(next(self._numbers))
        shutil.rmtree(rings, ignore_errors=True)
        rings.mkdir(parents=True)
        return rings

    async def _spawn(self, name: str, rings: Path, passed: tuple[int, ...] = ()) -> _Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pileus.media.intake",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES_MAX,
            pass_fds=passed,
        )
        made = _Process(name, process, rings, self._running.discard)
        self._running.add(made)
        return made

    async def spooled(self, spool: str) -> list[Segment]:
        """Finished segments, oldest first."""
        return await asyncio.to_thread(_segments, self._spool_dir(spool))

    async def read(self, segment: Segment) -> AsyncIterator[bytes]:
        """The file's bytes, in pieces."""
        file = await asyncio.to_thread(Path(segment.path).open, "rb")
        try:
            while piece := await asyncio.to_thread(file.read, _READ_BYTES):
                yield piece
        finally:
            file.close()

    async def drop(self, segment: Segment) -> None:
        """Delete the file."""
        await asyncio.to_thread(Path(segment.path).unlink, missing_ok=True)

    async def lay(self, data: AsyncIterator[bytes]) -> str:
        """Lay a file on the memory disk."""
        folder = Path(self.rings_dir) / "laid"
        folder.mkdir(exist_ok=True)
        path = folder / f"{next(self._numbers)}.mkv"
        try:
            with path.open("wb") as file:
                async for piece in data:
                    file.write(piece)  # on the memory disk
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        path.chmod(0o444)
        return str(path)

    async def take_away(self, path: str) -> None:
        """Delete such a file."""
        await asyncio.to_thread(Path(path).unlink, missing_ok=True)

    async def spools(self, under: str) -> list[str]:
        """Names of spools below a folder of spools."""

        def look() -> list[str]:
            return sorted(f"{under}/{each.name}" for each in self._spool_dir(under).glob("*"))

        return await asyncio.to_thread(look)

    async def clear_spool(self, spool: str) -> None:
        """Delete a spool and what lies in it."""
        await asyncio.to_thread(shutil.rmtree, self._spool_dir(spool), ignore_errors=True)

    def _spool_dir(self, spool: str) -> Path:
        parts = Path(spool).parts
        if not parts or Path(spool).is_absolute() or ".." in parts:
            raise ValueError(f"{spool!r} names no spool")
        return self._folder.joinpath("spool", *parts)

    async def close(self) -> None:
        """End every process and take the rings away."""
        await asyncio.gather(*(each.close() for each in list(self._running)))
        shutil.rmtree(self._memory_dir, ignore_errors=True)


class _Process:
    """A running process."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        rings: Path,
        closed: Callable[[_Process], None],
    ) -> None:
        self._name, self._process, self._rings = name, process, rings
        self._closed = closed
        self._inlet: LocalInlet | None = None
        self._encoder = msgspec.json.Encoder()
        self._fed = 0
        self._errors = asyncio.create_task(self._log_errors())

    def pushed_through(self, inlet: LocalInlet) -> None:
        """It reads what is pushed."""
        self._inlet = inlet

    @property
    def inlet(self) -> Inlet:
        """Where a pushed source's bytes go."""
        assert self._inlet is not None
        return self._inlet

    def send(self, command: Command) -> None:
        """Write a line; a process that is gone reads no more."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(self._encoder.encode(command) + b"\n")

    async def feed(self, segment: Segment, data: AsyncIterator[bytes]) -> None:
        """Lay the segment down beside the ring, and have it decoded."""
        self._fed += 1
        path = self._rings / f"{self._fed}.mkv"
        with path.open("wb") as file:
            async for piece in data:
                file.write(piece)  # on the memory disk
        self.send(
            Decode(
                path=str(path),
                stream=segment.stream,
                start_ms=segment.start_ms,
                captured_at_ms=segment.captured_at_ms,
            )
        )

    async def told(self) -> AsyncIterator[Told]:
        """Read lines until the process is gone."""
        assert self._process.stdout is not None
        decoder = msgspec.json.Decoder(Told)
        while line := await self._process.stdout.readline():
            if not line.endswith(b"\n"):
                return  # it died in the middle of a word
            yield decoder.decode(line)

    async def close(self) -> None:
        """Ask it to end, then make it; its rings go, its spool stays for what was not stored yet."""
        if self._process.returncode is None:
            self.send(Stop())
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._inlet is not None:
            self._inlet.close()
        await self._errors
        shutil.rmtree(self._rings, ignore_errors=True)
        self._closed(self)

    async def _log_errors(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            _log.warning("%s: %s", self._name, line.decode(errors="replace").rstrip())


def _segments(folder: Path) -> list[Segment]:
    found = []
    for path in folder.glob("*.mkv"):
        told = SpoolName.parse(path.name)
        if told is None:
            continue
        try:
            size_bytes = path.stat().st_size
        except FileNotFoundError:  # stored meanwhile
            continue
        found.append((told, Segment(path=str(path), size_bytes=size_bytes, **asdict(told))))
    return [segment for _, segment in sorted(found, key=lambda each: each[0])]


def _sweep(folder: Path) -> None:
    """Segments that dead processes had not finished."""
    for path in folder.glob(".*.mkv"):
        writer = writer_of(path.name)
        if writer is not None and not Path(f"/proc/{writer}").exists():
            path.unlink(missing_ok=True)


def _clear(base: Path) -> None:
    """Rings of platforms that are no more."""
    for folder in base.glob("pileus-rings-*"):
        pid = folder.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
