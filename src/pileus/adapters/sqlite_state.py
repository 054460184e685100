"""State on one SQLite file: WAL, ``synchronous=FULL``, one commit per group on a writer thread.

One table holds whole encoded keys, clustered. A group is written by a few many-row statements, so
that the writer thread gives up and regains the interpreter's lock a few times per commit and not a
few times per row. https://www.sqlite.org/wal.html

Space that was freed is used again without being filled with zeros first, as SQLite is built by itself
(Debian builds it the other way): deleting would write what inserting does.

What a many-row statement would need to undo itself alone (its journal) stays in memory: it is dead once
the statement is over, and the group's own safety is the write-ahead log's.
https://www.sqlite.org/tempfiles.html

Nobody else writes the file, so a value read once is known until a commit changes it. While no commit
is under way the file stands still: a read then needs no transaction of SQLite's.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from pileus.adapters.group_commit import GroupCommitState, Writes
from pileus.ports.state import StateUnavailable

_ROWS_PER_STATEMENT_MAX = 64
_CACHE_KIB = 8192
_PAGE_BYTES = 8192
"""A row of up to 2,000 bytes lies within its page. In SQLite's 4,096 one of more than a thousand gets a
page of its own besides, and is half of what a commit writes. A file keeps what it was made with."""
_KNOWN_KEYS_MAX = 2048
_KNOWN_VALUE_BYTES_MAX = 2048


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=2 * _ROWS_PER_STATEMENT_MAX + 16,
    )
    connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    return connection


class _SqliteBase:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = _connect(path)
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS kv"
                "(k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID"
            )
            self._reader = _connect(path)
        except sqlite3.Error as error:
            raise StateUnavailable(f"cannot open {path}: {error}") from error
        self._known: dict[bytes, bytes | None] = {}
        self._is_committing = False
        self._is_frozen = False
        self._jobs: queue.SimpleQueue[
            tuple[Writes, asyncio.AbstractEventLoop, Callable[[BaseException | None], None]] | None
        ] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="state-writer", daemon=True)
        self._thread.start()

    def get(self, key: bytes) -> bytes | None:
        # A frozen view may be older or newer than what is known: the commit may have happened.
        if not self._is_frozen and key in self._known:
            return self._known[key]
        row = self._reader.execute("SELECT v FROM kv WHERE k=?", (key,)).fetchone()
        value: bytes | None = row[0] if row else None
        if not self._is_frozen:
            self._learn(key, value)
        return value

    def _learn(self, key: bytes, value: bytes | None) -> None:
        if value is not None and len(value) > _KNOWN_VALUE_BYTES_MAX:
            return
        if len(self._known) >= _KNOWN_KEYS_MAX:
            self._known.clear()
        self._known[key] = value

    def scan(
        self, low: bytes, high: bytes, limit: int | None, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        order = "DESC" if reverse else "ASC"
        return self._reader.execute(
            f"SELECT k, v FROM kv WHERE k>=? AND k<? ORDER BY k {order} LIMIT ?",
            (low, high, -1 if limit is None else limit),
        ).fetchall()

    def count(self, low: bytes, high: bytes) -> int:
        row = self._reader.execute("SELECT count(*) FROM kv WHERE k>=? AND k<?", (low, high))
        return int(row.fetchone()[0])

    def begin_read(self) -> None:
        if self._is_committing:
            self._reader.execute("BEGIN")
            self._is_frozen = True

    def end_read(self) -> None:
        if self._is_frozen:
            self._is_frozen = False
            self._reader.execute("COMMIT")

    def commit(self, writes: Writes, done: Callable[[BaseException | None], None]) -> None:
        self._is_committing = True

        def committed(error: BaseException | None) -> None:
            self._is_committing = False
            if error is None:
                self._relearn(writes)
            done(error)

        self._jobs.put((writes, asyncio.get_running_loop(), committed))

    def _relearn(self, writes: Writes) -> None:
        """What is known of a written key is its new value; keys nobody read stay unknown."""
        known = self._known
        for key, value in writes.items():
            if key in known:
                if value is None or len(value) <= _KNOWN_VALUE_BYTES_MAX:
                    known[key] = value
                else:
                    del known[key]

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            writes, loop, done = job
            error: BaseException | None = None
            try:
                self._write(writes)
            except sqlite3.Error as failure:
                error = failure
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            loop.call_soon_threadsafe(done, error)

    def _write(self, writes: Writes) -> None:
        execute, statements = self._writer.execute, _statements(writes)
        if len(statements) == 1:
            # By itself a statement is a transaction, and needs no journal to undo it alone.
            execute(*statements[0])
            return
        execute("BEGIN IMMEDIATE")
        for statement in statements:
            execute(*statement)
        execute("COMMIT")


def _statements(writes: Writes) -> list[tuple[str, list[bytes]]]:
    """As few as can be: for each the writer has to regain the interpreter's lock."""
    puts: list[bytes] = []
    deletes: list[bytes] = []
    for key, value in writes.items():
        if value is None:
            deletes.append(key)
        else:
            puts += (key, value)
    found = []
    for rows, part in _pieces(puts, 2):
        marks = ",".join(("(?,?)",) * rows)
        found.append((f"INSERT OR REPLACE INTO kv VALUES {marks}", part))
    for rows, part in _pieces(deletes, 1):
        marks = ",".join("?" * rows)
        found.append((f"DELETE FROM kv WHERE k IN ({marks})", part))
    return found


def _pieces(flat: list[bytes], width: int) -> list[tuple[int, list[bytes]]]:
    """Cut a flat parameter list into pieces of so few sizes that their statements stay cached, and as
    few pieces as can be: after each the writer has to regain the interpreter's lock."""
    step = _ROWS_PER_STATEMENT_MAX * width
    pieces = [flat[at : at + step] for at in range(0, len(flat), step)]
    return [(len(piece) // width, piece) for piece in pieces]


class SqliteState(GroupCommitState):
    """State in the SQLite file at ``path``; raises StateUnavailable when it cannot be opened."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(_SqliteBase(Path(path)))
