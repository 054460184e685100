"""What the three batch operations share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pileus.services.sqs import errors
from pileus.services.sqs.limits import LIMITS
from pileus.values.errors import ServiceError

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def checked(operation: str, entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The entries; raises what AWS says of an empty, long or ambiguous batch."""
    if not entries:
        raise errors.empty_batch(operation)
    if len(entries) > LIMITS.batch_entries_max:
        raise errors.too_many_entries(len(entries))
    seen: set[str] = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            raise errors.invalid_entry_id()
        if entry["Id"] in seen:
            raise errors.ids_not_distinct(entry["Id"])
        seen.add(entry["Id"])
    return entries


def each(
    entries: Sequence[Mapping[str, Any]], one: Callable[[Mapping[str, Any]], dict[str, Any] | None]
) -> dict[str, Any]:
    """Run ``one`` on every entry; the Successful and Failed lists of the answer."""
    output: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            output["Successful"].append({"Id": entry["Id"], **(one(entry) or {})})
        except ServiceError as error:
            output["Failed"].append(
                {
                    "Id": entry["Id"],
                    "SenderFault": error.fault == "Sender",
                    "Code": error.query_code or error.code,
                    "Message": error.message,
                }
            )
    return {name: rows for name, rows in output.items() if rows}
