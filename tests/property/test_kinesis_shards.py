"""However shards are split, merged and scaled, every hash key has one open shard."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pileus.services.kinesis import model
from pileus.services.kinesis.model import HASH_KEYS, Shard, Stream
from pileus.services.kinesis.sequence import Sequence, parse

_CHANGES = st.lists(
    st.tuples(st.sampled_from(("split", "merge", "scale")), st.integers(0, 1 << 40)), max_size=12
)


def _by_keys(stream: Stream) -> list[Shard]:
    return sorted(stream.open_shards, key=lambda shard: int(shard.low))


def _change(stream: Stream, kind: str, number: int, now_ms: int) -> None:
    shards = _by_keys(stream)
    ends = {shard.number: number % 7 for shard in shards}
    at = number % len(shards)
    if kind == "split":
        low, high = int(shards[at].low), int(shards[at].high)
        if high - low > 2:
            cut = low + 2 + number % (high - low - 2)
            model.split(stream, shards[at], cut, ends[shards[at].number], now_ms)
    elif kind == "merge":
        if at + 1 < len(shards):
            model.merge(stream, shards[at], shards[at + 1], ends, now_ms)
    else:
        model.rescale(stream, 1 + number % 9, ends, now_ms)


@given(st.integers(1, 9), _CHANGES)
def test_open_shards_tile_the_hash_keys(count: int, changes: list[tuple[str, int]]) -> None:
    now_ms = 1_700_000_000_000
    shards = model.first_shards(count, now_ms)
    stream = Stream(name="s", id="i", made_ms=now_ms, shards=shards)
    for kind, number in changes:
        now_ms += number % 1500
        _change(stream, kind, number, now_ms)
        edges = [(int(shard.low), int(shard.high)) for shard in _by_keys(stream)]
        assert edges[0][0] == 0 and edges[-1][1] == HASH_KEYS - 1
        assert all(high + 1 == low for (_, high), (low, _) in pairwise(edges))
    by_number = {shard.number: shard for shard in stream.shards}
    assert len(by_number) == len(stream.shards)
    for shard in stream.shards:
        for parent in (by_number[number] for number in shard.parents):
            assert not parent.is_open
            assert int(parent.last_sequence) < int(shard.first_sequence)


@given(
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 63) - 1),
    st.integers(0, (1 << 32) - 1),
)
def test_a_sequence_number_is_read_back(made_s: int, shard: int, place: int, at_s: int) -> None:
    number = Sequence(made_s, shard, place, at_s)
    assert parse(str(number)) == number
    if place:
        before = Sequence(made_s, shard, place - 1, (1 << 36) - 1)
        assert int(str(before)) < int(str(number)), "the place counts before the time"


@given(st.integers(0, 1 << 200))
def test_other_numbers_are_none(number: int) -> None:
    found = parse(str(number))
    assert found is None or str(found) == str(number)
