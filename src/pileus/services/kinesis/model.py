"""Streams and their shards as records, and how shards are split and merged."""

from __future__ import annotations

import msgspec

from pileus.services.kinesis.limits import LIMITS
from pileus.services.kinesis.sequence import LAST_PLACE, Sequence

HASH_KEYS = 1 << 128
_HOUR_MS = 3_600_000


class Shard(msgspec.Struct, kw_only=True):
    """A range of hash keys and its records: partition ``number`` of the stream's topic.

    Attributes:
        low, high: first and last hash key, in decimal (they have 128 bits).
        made_s: the second in its sequence numbers, later than its parents'.
        closed_ms, end: when it was closed, and the offset behind its last record; 0 while open.
        parents: the shard it was split from, or the two it was merged from.
    """

    number: int
    low: str
    high: str
    made_ms: int
    made_s: int
    parents: tuple[int, ...] = ()
    closed_ms: int = 0
    end: int = 0

    @property
    def id(self) -> str:
        return shard_id(self.number)

    @property
    def is_open(self) -> bool:
        return not self.closed_ms

    def sequence(self, offset: int, at_ms: int) -> str:
        """The sequence number of the record at ``offset``; -1 is the start of the shard."""
        return str(Sequence(self.made_s, self.number, offset + 1, at_ms // 1000))

    @property
    def first_sequence(self) -> str:
        return self.sequence(-1, self.made_ms)

    @property
    def last_sequence(self) -> str:
        """What a closed shard ends with."""
        return str(Sequence(self.made_s, self.number, LAST_PLACE, self.closed_ms // 1000))


class Consumer(msgspec.Struct, kw_only=True):
    """A registered consumer of a stream."""

    name: str
    stream: str
    made_ms: int
    tags: dict[str, str] = {}


class Stream(msgspec.Struct, kw_only=True):
    """A stream.

    Attributes:
        id: tells it from an earlier stream of the same name.
        floor_ms: what came before it stays out of reach although the retention was raised since.
        rescaled_ms: when UpdateShardCount was used lately.
    """

    name: str
    id: str
    made_ms: int
    shards: list[Shard]
    mode: str = "PROVISIONED"
    retention_hours: int = LIMITS.retention_hours_min
    floor_ms: int = 0
    record_kib_max: int = LIMITS.record_kib_default
    metrics: list[str] = []
    key: str = ""
    tags: dict[str, str] = {}
    rescaled_ms: list[int] = []

    @property
    def open_shards(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.is_open]

    def shard(self, number: int) -> Shard | None:
        return next((shard for shard in self.shards if shard.number == number), None)

    def children(self, number: int) -> list[Shard]:
        return [shard for shard in self.shards if number in shard.parents]

    def horizon_ms(self, now_ms: int) -> int:
        """Records from before are gone."""
        return max(self.floor_ms, now_ms - self.retention_hours * _HOUR_MS)

    def topic(self, account: str, region: str) -> str:
        """Its topic in the Log; the account comes first, as whose data it is."""
        return f"{topics_of(account, region)}{self.name}/{self.id}"


def topics_of(account: str, region: str) -> str:
    """What the topics of every stream of an account and region begin with."""
    return f"{account}/{region}/kinesis/"


def shard_id(number: int) -> str:
    return f"shardId-{number:012d}"


def shard_number(text: str) -> int | None:
    """The number in a shard's id, which may be spelt short; None for what is no id."""
    digits = text.removeprefix("shardId-")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def even_ranges(count: int) -> list[tuple[int, int]]:
    """All hash keys in ``count`` ranges of one size; the last takes what is left."""
    size = HASH_KEYS // count
    starts = [size * at for at in range(count)]
    return list(zip(starts, [start - 1 for start in starts[1:]] + [HASH_KEYS - 1], strict=True))


def first_shards(count: int, now_ms: int) -> list[Shard]:
    """The shards of a new stream."""
    return [
        Shard(number=at, low=str(low), high=str(high), made_ms=now_ms, made_s=now_ms // 1000)
        for at, (low, high) in enumerate(even_ranges(count))
    ]


def split(stream: Stream, shard: Shard, at: int, end: int, now_ms: int) -> None:
    """Close ``shard``, whose records end at offset ``end``, and open two that meet at ``at``."""
    low, high = int(shard.low), int(shard.high)
    _succeed(stream, [shard], [(low, at - 1), (at, high)], {shard.number: end}, now_ms)


def merge(stream: Stream, one: Shard, other: Shard, ends: dict[int, int], now_ms: int) -> None:
    """Close two adjacent shards, whose records end at ``ends``, and open one for both."""
    span = (min(int(one.low), int(other.low)), max(int(one.high), int(other.high)))
    _succeed(stream, [one, other], [span], ends, now_ms)


def _succeed(
    stream: Stream,
    parents: list[Shard],
    spans: list[tuple[int, int]],
    ends: dict[int, int],
    now_ms: int,
) -> None:
    for parent in parents:
        parent.closed_ms = now_ms
        parent.end = ends.get(parent.number, 0)
    made_s = max(now_ms // 1000, *(parent.made_s + 1 for parent in parents))
    number = max(shard.number for shard in stream.shards) + 1
    for at, (low, high) in enumerate(spans):
        stream.shards.append(
            Shard(
                number=number + at,
                low=str(low),
                high=str(high),
                made_ms=now_ms,
                made_s=made_s,
                parents=tuple(parent.number for parent in parents),
            )
        )


def rescale(stream: Stream, count: int, ends: dict[int, int], now_ms: int) -> None:
    """Split and merge until ``count`` even shards are open, as AWS does it in two steps.

    ``ends`` has the offset behind the last record of every shard that is open now.
    """
    ranges = even_ranges(count)
    for low, _ in ranges[1:]:
        cut = next(s for s in stream.open_shards if int(s.low) <= low <= int(s.high))
        if int(cut.low) != low:
            split(stream, cut, low, ends.get(cut.number, 0), now_ms)
    for low, high in ranges:
        inside = [s for s in stream.open_shards if low <= int(s.low) and int(s.high) <= high]
        inside.sort(key=lambda shard: int(shard.low))
        while len(inside) > 1:
            merge(stream, inside[0], inside[1], ends, now_ms)
            inside[:2] = [stream.shards[-1]]
