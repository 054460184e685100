"""SQLite group commit with nothing around it: the floor of durable writes.

``python -m benches.apparatus.bare_group_commit FILE PRODUCERS KEY_BYTES VALUE_BYTES GROUP SECONDS``
prints how many rows a second were on the disk before their producer went on.

It is the platform's store without the platform: the same table (keys of bytes, clustered), the same
page size, journal, ``synchronous=FULL`` and other settings, rows that come at the end as a queue's do,
many-row statements. A commit takes what has gathered, at most ``GROUP`` rows. Without that bound all
producers would march in step, so that every commit had a row of each: larger groups than the same
clients ever make for a server that has work to do between them.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import sys
import threading
import time

import uvloop

_Job = tuple[bytes, "asyncio.Future[None]"]


class _Writer:
    """One thread; every commit takes all that has gathered."""

    def __init__(
        self, path: str, loop: asyncio.AbstractEventLoop, key_bytes: int, group_rows: int
    ) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._key_bytes = key_bytes
        self._group_rows = group_rows
        self._rows = 0
        self._database = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._database.execute("PRAGMA page_size=8192")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("PRAGMA secure_delete=OFF")
        self._database.execute("PRAGMA temp_store=MEMORY")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS kv"
            "(k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID"
        )
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, value: bytes) -> asyncio.Future[None]:
        durable: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((value, durable))
        return durable

    def _work(self) -> None:
        while True:
            group = [self._jobs.get()]
            while len(group) < self._group_rows and not self._jobs.empty():
                group.append(self._jobs.get())
            flat: list[bytes] = []
            for value, _ in group:
                self._rows += 1
                flat += (self._rows.to_bytes(self._key_bytes, "big"), value)
            marks = ",".join(("(?,?)",) * len(group))
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(f"INSERT OR REPLACE INTO kv VALUES {marks}", flat)
            self._database.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resume, group)


def _resume(group: list[_Job]) -> None:
    for _, durable in group:
        durable.set_result(None)


async def _measure(
    path: str, producers: int, sizes: tuple[int, int, int], duration_s: float
) -> float:
    key_bytes, value_bytes, group_rows = sizes
    writer = _Writer(path, asyncio.get_running_loop(), key_bytes, group_rows)
    value = os.urandom(value_bytes)
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
    producer_count, *row, most_s = (float(number) for number in numbers)
    shape = (int(row[0]), int(row[1]), int(row[2]))
    print(uvloop.run(_measure(name, int(producer_count), shape, most_s)))
