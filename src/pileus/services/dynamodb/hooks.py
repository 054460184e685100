"""Timed work of this room: filling new indexes, removing what has expired, trimming streams."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.dynamodb import store, streams
from pileus.services.dynamodb.limits import LIMITS
from pileus.services.dynamodb.model import Table

_PER_STEP = 500


def _table(call: WriteCall, payload: dict[str, Any]) -> Table | None:
    """The table a timer was set for, unless it is gone or another one has its name now."""
    raw = call.state.get(("table", payload["table"]))
    table = None if raw is None else store.TABLES.decode(raw)
    return table if table is not None and table.id == payload["id"] else None


def schedule(call: WriteCall, name: str, table: Table, at_ms: int, **more: Any) -> None:
    """Let a hook of this room run for ``table``."""
    payload = {"table": table.name, "id": table.id, **more}
    key = f"{table.name}/{more.get('index', '')}"
    call.set_timer(Timer(name=name, key=key, at_ms=at_ms, payload=payload))


def fill_index(call: WriteCall, payload: dict[str, Any]) -> None:
    """Put the next items of a table into a new index."""
    table = _table(call, payload)
    if table is None or payload["index"] not in table.indexes:
        return
    index = table.indexes[payload["index"]]
    after = tuple(payload["after"]) if payload.get("after") else None
    rows = call.state.range(("item", table.name), after=after, limit=_PER_STEP)
    for key, raw in rows:
        place = store.index_place(table, index, store.decode_item(raw))
        if place is not None:
            call.state.put(("index", table.name, index.name, *place, key[2], key[3]), b"")
    if len(rows) == _PER_STEP:
        schedule(call, "fill_index", table, call.now_ms, index=index.name, after=list(rows[-1][0]))
        return
    index.status = "ACTIVE"
    store.put_table(call.state, table)


def note_expiries(call: WriteCall, payload: dict[str, Any]) -> None:
    """Note when the items expire that were there before a time to live was switched on."""
    table = _table(call, payload)
    if table is None or not table.ttl_attribute:
        return
    after = tuple(payload["after"]) if payload.get("after") else None
    rows = call.state.range(("item", table.name), after=after, limit=_PER_STEP)
    for key, raw in rows:
        at_s = store.expires_at_s(table, store.decode_item(raw))
        if at_s is not None:
            call.state.put(("expires", table.name, at_s, key[2], key[3]), b"")
    if len(rows) == _PER_STEP:
        schedule(call, "note_expiries", table, call.now_ms, after=list(rows[-1][0]))


def expire_items(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove items whose time to live is over; runs again by itself."""
    table = _table(call, payload)
    if table is None or not table.ttl_attribute:
        return
    now_s = call.now_ms // 1000
    rows = call.state.range(
        ("expires", table.name), stop=("expires", table.name, now_s), limit=_PER_STEP
    )
    for key, _ in rows:
        place = (key[3], key[4])
        old = store.get_item(call.state, table, place)
        store.replace_item(call.state, table, place, old, None)
        streams.note(call, table, old, None, is_expiry=True)
        call.state.delete(key)
    pause_ms = 1000 if len(rows) == _PER_STEP else LIMITS.expiry_every_s * 1000
    schedule(call, "expire_items", table, call.now_ms + pause_ms)


def trim_stream(call: WriteCall, payload: dict[str, Any]) -> None:
    """Remove what a stream need not keep any longer; runs again by itself."""
    streams.trim(call, payload["table"], payload["label"])
