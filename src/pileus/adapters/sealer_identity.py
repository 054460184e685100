"""No encryption: bytes lie on the disk as they are. The default."""

from __future__ import annotations


class IdentitySealer:
    """Returns what it is given; see ``ports/sealer.py``."""

    overhead_bytes = 0

    def seal(self, account: str, plain: bytes, place: bytes) -> bytes:
        return plain

    def open(self, account: str, sealed: bytes, place: bytes) -> bytes:
        return sealed
