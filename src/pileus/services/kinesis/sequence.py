"""Sequence numbers: a shard, a place in it and a time as one number that grows along a shard.

The number has AWS's size and look (186 bits, 56 digits beginning with 49). From the top: the digit 2;
the second the shard was made in (36 bits); the shard's last hex digit (4); the place (64); nothing (8);
the second of the record (36); the shard's number (32); the version, 2 (4). A child is made at least
a second after its parents, so its numbers are greater than theirs.
"""

from __future__ import annotations

import msgspec

_LEAD = 2
_VERSION = 2
_BITS = 186
LAST_PLACE = (1 << 63) - 1
"""The place that the end of a closed shard is given."""


class Sequence(msgspec.Struct, frozen=True):
    """A sequence number taken apart.

    ``place`` is 0 for the start of the shard and one more than the record's offset in the Log.
    """

    made_s: int
    shard: int
    place: int
    at_s: int

    def __str__(self) -> str:
        head = (_LEAD << 36 | self.made_s) << 4 | self.shard & 0xF
        number = (head << 64 | self.place) << 80 | self.at_s << 36 | self.shard << 4 | _VERSION
        return str(number)


def parse(text: str) -> Sequence | None:
    """The parts of a sequence number; None for a number that is none."""
    number = int(text)
    if number.bit_length() != _BITS or number & 0xF != _VERSION:
        return None
    found = Sequence(
        made_s=number >> 148 & (1 << 36) - 1,
        shard=number >> 4 & (1 << 32) - 1,
        place=number >> 80 & (1 << 64) - 1,
        at_s=number >> 36 & (1 << 36) - 1,
    )
    return found if str(found) == text else None
