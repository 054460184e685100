"""The platform's own secret key, a file only its owner may read."""

from __future__ import annotations

import os
from pathlib import Path

from pileus.ports.chance import Chance
from pileus.values.errors import PileusError

KEY_BYTES = 32


class KeyFileBroken(PileusError):
    """The key file does not hold a key; secrets sealed with the lost one cannot be read again."""


def load_key(path: Path, chance: Chance) -> bytes:
    """The 32 bytes in ``path``; drawn and durably written, mode 0600, where there is none yet.

    Raises:
        KeyFileBroken: the file has another length.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = _create(path, chance.random_bytes(KEY_BYTES))
    if len(key) != KEY_BYTES:
        raise KeyFileBroken(
            f"{path} holds {len(key)} bytes, not {KEY_BYTES}: put the saved key back, or delete "
            "the file to begin with a new key"
        )
    return key


def _create(path: Path, key: bytes) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key
