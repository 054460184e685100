"""Walks a bucket's keys in order, rolling up what shares a prefix.

A common prefix is left by seeking to the first key behind it, so a listing costs what it shows and
not what lies below. https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pileus.services.s3 import store
from pileus.services.s3.model import Upload, Version

_FIRST_CHUNK = 16
_LAST_CHUNK = 1000
_SURROGATES_FIRST, _SURROGATES_LAST = 0xD800, 0xDFFF
_CODE_POINT_LAST = 0x10FFFF


@dataclass(slots=True)
class Page:
    """One answer. ``last`` is the key or common prefix the next page begins after."""

    rows: list[tuple[str, Any]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    is_truncated: bool = False

    def __len__(self) -> int:
        return len(self.rows) + len(self.prefixes)


@dataclass(frozen=True, slots=True)
class Query:
    """What to list: keys with ``prefix`` greater than ``after``."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000


def behind(prefix: str) -> str | None:
    """The first text, in UTF-8 order, that is greater than all that begin with ``prefix``.

    None where there is none.
    """
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index]) + 1
        if code > _CODE_POINT_LAST:
            continue
        if _SURROGATES_FIRST <= code <= _SURROGATES_LAST:
            code = _SURROGATES_LAST + 1
        return prefix[:index] + chr(code)
    return None


def common_prefix(key: str, query: Query) -> str:
    """What ``key`` is rolled up into; empty where it stands for itself."""
    if not query.delimiter:
        return ""
    at = key.find(query.delimiter, len(query.prefix))
    return "" if at < 0 else key[: at + len(query.delimiter)]


class _Keys:
    """Rows of one table of a bucket from some key on, read in growing chunks."""

    def __init__(self, state: Any, table: str, query: Query) -> None:
        self._state = state
        self._table = table
        self._query = query
        self._chunk = _FIRST_CHUNK
        self._rows: Iterator[tuple[Any, bytes]] = iter(())
        self._is_whole = False
        start = query.prefix
        if query.after >= start:
            # The least key that is greater: no text lies between a key and itself with a zero.
            start = query.after + "\0"
        self._start: str | None = start

    def seek(self, key: str | None) -> None:
        """Go on at the first key not less than ``key``; None: at the end."""
        self._start = key
        self._rows = iter(())
        self._is_whole = False
        self._chunk = _FIRST_CHUNK

    def next(self) -> tuple[str, bytes] | None:
        """The next key and its record."""
        row = next(self._rows, None)
        if row is None:
            if self._is_whole or self._start is None:
                return None
            rows = self._read(self._start)
            self._is_whole = len(rows) < self._chunk
            self._chunk = min(self._chunk * 4, _LAST_CHUNK)
            self._rows = iter(rows)
            row = next(self._rows, None)
            if row is None:
                return None
        key = str(row[0][2])
        if not key.startswith(self._query.prefix):
            self._start, self._rows = None, iter(())
            return None
        self._start = key + "\0"
        return key, row[1]

    def _read(self, start: str) -> list[tuple[Any, bytes]]:
        table, bucket = self._table, self._query.bucket
        found: list[tuple[Any, bytes]] = self._state.range(
            (table, bucket), start=(table, bucket, start), limit=self._chunk
        )
        return found


def objects(state: Any, query: Query) -> Page:
    """Newest versions that are no delete markers: ``rows`` are (key, Version)."""
    page = Page()
    keys = _Keys(state, "object", query)
    while (found := keys.next()) is not None:
        key, raw = found
        rolled = common_prefix(key, query)
        version: Version | None = None
        if rolled and query.after.startswith(rolled):
            # It was on an earlier page.
            keys.seek(behind(rolled))
            continue
        version = store.VERSIONS.decode(raw)
        if version.is_delete_marker:
            continue
        if len(page) >= query.limit:
            page.is_truncated = True
            break
        if rolled:
            page.prefixes.append(rolled)
            page.last = rolled
            keys.seek(behind(rolled))
        else:
            page.rows.append((key, version))
            page.last = key
    return page


@dataclass(slots=True)
class VersionsPage(Page):
    """``rows`` are (key, (Version, is latest)); ``last_version`` goes with ``last``."""

    last_version: str = ""


def versions(state: Any, query: Query, after_version: Version | None) -> VersionsPage:
    """Every version of every key, newest first, delete markers included.

    Args:
        after_version: of key ``query.after``: go on with the versions older than this one.
    """
    page = VersionsPage()
    if after_version is not None:
        for version in _older(state, query, query.after, after_version.sequence):
            if not _add_version(page, query, query.after, version, is_latest=False):
                return page
    keys = _Keys(state, "object", query)
    while (found := keys.next()) is not None:
        key, raw = found
        rolled = common_prefix(key, query)
        if rolled:
            if not query.after.startswith(rolled):
                if len(page) >= query.limit:
                    page.is_truncated = True
                    break
                page.prefixes.append(rolled)
                page.last, page.last_version = rolled, ""
            keys.seek(behind(rolled))
            continue
        newest = store.VERSIONS.decode(raw)
        if not _add_version(page, query, key, newest, is_latest=True):
            break
        for version in _older(state, query, key, newest.sequence):
            if not _add_version(page, query, key, version, is_latest=False):
                return page
    return page


def _older(state: Any, query: Query, key: str, sequence: int) -> Iterator[Version]:
    table = ("version", query.bucket, key)
    rows = state.range(table, after=(*table, -sequence), limit=query.limit + 1)
    for _, raw in rows:
        yield store.VERSIONS.decode(raw)


def _add_version(
    page: VersionsPage, query: Query, key: str, version: Version, *, is_latest: bool
) -> bool:
    if len(page) >= query.limit:
        page.is_truncated = True
        return False
    page.rows.append((key, (version, is_latest)))
    page.last, page.last_version = key, version.version_id
    return True


def uploads(state: Any, query: Query, after_upload: str) -> Page:
    """Uploads under way: ``rows`` are (key, Upload), by key, then by when they began.

    Args:
        after_upload: with ``query.after``: go on behind this upload of that key.
    """
    page = Page()
    found: list[tuple[str, Upload]] = []
    table = ("upload", query.bucket)
    for key, raw in state.range(table, start=(*table, max(query.prefix, query.after))):
        if not str(key[2]).startswith(query.prefix):
            break
        found.append((str(key[2]), store.UPLOADS.decode(raw)))
    found.sort(key=lambda row: (row[0].encode(), row[1].started_ms, row[1].id))
    marker = next((u for k, u in found if k == query.after and u.id == after_upload), None)
    for key, upload in found:
        if key == query.after and (
            marker is None or (upload.started_ms, upload.id) <= (marker.started_ms, marker.id)
        ):
            continue
        rolled = common_prefix(key, query)
        if rolled and (query.after.startswith(rolled) or rolled in page.prefixes[-1:]):
            continue
        if len(page) >= query.limit:
            page.is_truncated = True
            break
        if rolled:
            page.prefixes.append(rolled)
        else:
            page.rows.append((key, upload))
        page.last = rolled or key
    return page
