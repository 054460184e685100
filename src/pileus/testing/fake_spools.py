"""Spools of sources, in memory: the part of ``Intakes`` that outlives platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from pileus.ports.intakes import Segment


class FakeSpools:
    """Segments by spool.

    Attributes:
        written: every segment ever finished, with its spool's name.
        laid: files that instances see, by path.
    """

    def __init__(self) -> None:
        self.written: list[tuple[str, Segment]] = []
        self.laid: dict[str, bytes] = {}
        self._laid_count = 0
        self._files: dict[str, tuple[str, Segment, bytes]] = {}

    def put(self, spool: str, segment: Segment, data: bytes = b"") -> Segment:
        """Finish a segment: from now on it lies in the spool. Without ``data`` it holds its path."""
        path = f"{spool}/{len(self.written)}"
        data = data or path.encode()
        made = msgspec.structs.replace(segment, path=path, size_bytes=len(data))
        self.written.append((spool, made))
        self._files[path] = (spool, made, data)
        return made

    def inherit(self, other: FakeSpools) -> None:
        """What lies in another one's spools lies here as well: the platform has changed, the disk has not."""
        self._files |= other._files

    async def spooled(self, spool: str) -> list[Segment]:
        """In the order they were finished."""
        return [segment for name, segment, _ in self._files.values() if name == spool]

    async def read(self, segment: Segment) -> AsyncIterator[bytes]:
        """What it holds."""
        yield self._files[segment.path][2]

    async def drop(self, segment: Segment) -> None:
        """Take it away."""
        self._files.pop(segment.path, None)

    async def spools(self, under: str) -> list[str]:
        """Those in which segments lie."""
        names = {name for name, *_ in self._files.values()}
        return sorted(name for name in names if name.startswith(under + "/"))

    async def clear_spool(self, spool: str) -> None:
        """Take all of a spool away."""
        self._files = {path: each for path, each in self._files.items() if each[0] != spool}

    async def lay(self, data: AsyncIterator[bytes]) -> str:
        """Keep it in :attr:`laid`."""
        whole = b"".join([piece async for piece in data])
        self._laid_count += 1
        path = f"/rings/laid/{self._laid_count}.mkv"
        self.laid[path] = whole
        return path

    async def take_away(self, path: str) -> None:
        """Forget it."""
        self.laid.pop(path, None)
