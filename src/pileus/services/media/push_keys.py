"""Keys that publishers show: each source that is pushed to has one, and for a while the one before it."""

from __future__ import annotations

import hmac

from pileus.kernel.calls import WriteCall
from pileus.ports.intakes import PUSHED
from pileus.services.media import errors
from pileus.services.media.model import Source

_KEY_BYTES = 20


def give(write: WriteCall, record: Source) -> None:
    """A source that is pushed to has a key of its own, as long as it is pushed to."""
    if record.url != PUSHED:
        record.push_key = record.old_push_key = ""
    elif not record.push_key:
        record.push_key = write.random_bytes(_KEY_BYTES).hex()


def rotate(write: WriteCall, record: Source, grace_s: int) -> None:
    """A new key; the one it had is good for ``grace_s`` longer, and the one before that no more.

    Raises ValidationException: nobody pushes to the source.
    """
    if not record.push_key:
        raise errors.not_pushed(record.name)
    record.old_push_key, record.old_push_key_until_ms = "", 0
    if grace_s:
        record.old_push_key = record.push_key
        record.old_push_key_until_ms = write.now_ms + grace_s * 1000
    record.push_key = write.random_bytes(_KEY_BYTES).hex()


def is_good(record: Source | None, key: str, now_ms: int) -> bool:
    """Whether who shows the key may push; nobody may to a source that is not there."""
    if record is None or not key:
        return False
    good = [record.push_key]
    if now_ms < record.old_push_key_until_ms:
        good.append(record.old_push_key)
    return any(hmac.compare_digest(each.encode(), key.encode()) for each in good if each)
