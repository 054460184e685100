"""Where progress lies: ``shard, mapping id, shard id`` is a Progress."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.records import RecordCodec
from pileus.services.lambda_.streams.model import Progress

PROGRESS = RecordCodec(Progress)


def progress_of(call: ReadCall, mapping_id: str) -> dict[str, Progress]:
    """By shard."""
    rows = call.state.range(("shard", mapping_id))
    return {str(key[2]): PROGRESS.decode(raw) for key, raw in rows}


def put(state: Any, mapping_id: str, progress: Progress) -> None:
    state.put(("shard", mapping_id, progress.shard), PROGRESS.encode(progress))


def delete(state: Any, mapping_id: str, shard: str) -> None:
    state.delete(("shard", mapping_id, shard))


def forget(state: Any, mapping_id: str) -> None:
    """All progress of a mapping that is deleted."""
    state.delete_range(("shard", mapping_id))
