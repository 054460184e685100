"""A sealer for tests: tagged and changed bytes of fixed overhead. Not encryption."""

from __future__ import annotations

import hashlib

from pileus.ports.sealer import SealBroken


class TagSealer:
    """Each byte inverted, behind a tag over account, place and bytes; see ``ports/sealer.py``."""

    overhead_bytes = 16

    def seal(self, account: str, plain: bytes, place: bytes) -> bytes:
        return self._tag(account, plain, place) + _flipped(plain)

    def open(self, account: str, sealed: bytes, place: bytes) -> bytes:
        plain = _flipped(sealed[16:])
        if sealed[:16] != self._tag(account, plain, place):
            raise SealBroken(f"not what was sealed at {place!r}")
        return plain

    @staticmethod
    def _tag(account: str, plain: bytes, place: bytes) -> bytes:
        bound = b"%s|%s|" % (account.encode(), place)
        return hashlib.blake2b(bound + plain, digest_size=16).digest()


_TABLE = bytes(255 - at for at in range(256))


def _flipped(data: bytes) -> bytes:
    return data.translate(_TABLE)
