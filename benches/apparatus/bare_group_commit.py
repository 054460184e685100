"""SQLite group commit with nothing around it: the floor of durable writes.

``python -m benches.apparatus.bare_group_commit FILE PRODUCERS VALUE_BYTES SECONDS`` prints how many
values a second were on the disk before their producer went on.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
import time

import uvloop

_Job = tuple[bytes, "asyncio.Future[None]"]


class _Writer:
    """One thread; every commit takes all that has gathered."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS kv(k INTEGER PRIMARY KEY, v BLOB)")
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, value: bytes) -> asyncio.Future[None]:
        durable: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((value, durable))
        return durable

    def _work(self) -> None:
        while True:
            group = [self._jobs.get()]
            while not self._jobs.empty():
                group.append(self._jobs.get())
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT INTO kv(v) VALUES(?)", [(v,) for v, _ in group])
            self._database.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resume, group)


def _resume(group: list[_Job]) -> None:
    for _, durable in group:
        durable.set_result(None)


async def _measure(path: str, producers: int, value_bytes: int, duration_s: float) -> float:
    writer, value = _Writer(path, asyncio.get_running_loop()), b"v" * value_bytes
    count, began_s = 0, time.perf_counter()

    async def produce() -> None:
        nonlocal count
        while time.perf_counter() - began_s < duration_s:
            await writer.put(value)
            count += 1

    await asyncio.gather(*(produce() for _ in range(producers)))
    return count / (time.perf_counter() - began_s)


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    measuring = _measure(name, int(numbers[0]), int(numbers[1]), float(numbers[2]))
    print(uvloop.run(measuring))
