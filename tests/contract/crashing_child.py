"""Writes to a store from many tasks and tells each acknowledgement, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.file_blobs import FileBlobs
from pileus.adapters.segment_log import SegmentLog
from pileus.adapters.sqlite_state import SqliteState

WRITERS = 8
TOPIC = "t"
SPACE = ("0", "r", "x")


def body(number: int) -> bytes:
    return b"%d," % number * (number % 5_000)


async def writing(kind: str, root: Path) -> Callable[[int], Awaitable[str]]:
    if kind == "blobs":
        blobs = FileBlobs(root, SystemClock())

        async def put(number: int) -> str:
            await blobs.put(f"a/{number % 3}/{number}", body(number))
            return str(number)

        return put
    if kind == "log":
        log = SegmentLog(root, segment_bytes=200_000)
        await log.create_topic(TOPIC, 2)

        async def append(number: int) -> str:
            offset = await log.append(TOPIC, number % 2, [(number, b"", body(number))])
            await log.commit("g", TOPIC, number % 2, offset)
            return f"{number} {offset}"

        return append
    state = SqliteState(root / "state.db")

    async def transact(number: int) -> str:
        await state.transact(SPACE, lambda tx: tx.put((number,), body(number)))
        return str(number)

    return transact


async def main() -> None:
    write = await writing(sys.argv[1], Path(sys.argv[2]))
    numbers = count(int(sys.argv[3]))

    async def work() -> None:
        for number in numbers:
            sys.stdout.write(await write(number) + "\n")
            sys.stdout.flush()

    await asyncio.gather(*(work() for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main())
