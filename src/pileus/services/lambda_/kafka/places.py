"""Where a mapping stands in each partition, and where it begins.

``partition, mapping id, number`` is a Place. The group's committed offset is the truth for all the
world; ours is written in one transaction with what the end of a batch tells a destination, a moment
before it is committed, so a crash in between repeats nothing. When the group's offset is another
than we left it, somebody moved it on purpose, and theirs counts.
https://docs.aws.amazon.com/lambda/latest/dg/kafka-starting-positions.html
https://docs.aws.amazon.com/lambda/latest/dg/kafka-consumer-group-id.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.ports.kafka import TopicReader
from pileus.services.lambda_.model import Mapping
from pileus.services.lambda_.streams.model import AT_TIMESTAMP, TRIM_HORIZON

_UNTOLD = -1


class Place(msgspec.Struct, kw_only=True):
    """How far a mapping has come in a partition; a record on disk.

    Attributes:
        next: offset of the first record that is not dealt with.
        told: what the group was last seen to have committed; -1 for nothing.
    """

    partition: int
    next: int
    told: int = _UNTOLD


PLACES = RecordCodec(Place)


def places_of(call: ReadCall, mapping_id: str) -> dict[int, Place]:
    """By partition."""
    found = [PLACES.decode(raw) for _, raw in call.state.range(("partition", mapping_id))]
    return {place.partition: place for place in found}


def put(state: Any, mapping_id: str, places: Iterable[Place]) -> None:
    for place in places:
        state.put(("partition", mapping_id, place.partition), PLACES.encode(place))


def forget(state: Any, mapping_id: str) -> None:
    """All places of a mapping that is deleted."""
    state.delete_range(("partition", mapping_id))


async def find_places(
    call: StreamCall, mapping: Mapping, reader: TopicReader, partitions: list[int]
) -> dict[int, Place]:
    """Where to read on in every partition; on disk, and committed, when this returns.

    Raises:
        KafkaError: the cluster cannot be asked, or the group is not ours to commit for.
    """
    known = call.read(lambda view: places_of(view, mapping.id))
    committed = await reader.committed(partitions)
    bounds = await reader.bounds(partitions)
    fresh = [each for each in partitions if each not in committed and each not in known]
    starts = await _starts(mapping, reader, fresh, bounds, is_first=not known)
    found: dict[int, Place] = {}
    for partition in partitions:
        told = committed.get(partition, _UNTOLD)
        wanted = _wanted(known.get(partition), told)
        offset = starts[partition] if wanted is None else wanted
        offset = _within(mapping, offset, bounds[partition])
        found[partition] = Place(partition=partition, next=offset, told=told)

    def step(write: WriteCall) -> None:
        if write.state.get(("mapping", mapping.id)) is not None:
            put(write.state, mapping.id, found.values())

    await call.write(step)
    await commit(reader, found.values())
    return found


async def commit(reader: TopicReader, places: Iterable[Place]) -> None:
    """Tell the group what it has not heard. Raises KafkaError."""
    news = {place.partition: place.next for place in places if place.next != place.told}
    if not news:
        return
    await reader.commit(news)
    for place in places:
        place.told = news.get(place.partition, place.told)


async def _starts(
    mapping: Mapping,
    reader: TopicReader,
    partitions: list[int],
    bounds: dict[int, tuple[int, int]],
    *,
    is_first: bool,
) -> dict[int, int]:
    """For partitions that nobody of the group has read; later ones are read from their beginning."""
    if not is_first or mapping.start == TRIM_HORIZON:
        return {each: bounds[each][0] for each in partitions}
    ends = {each: bounds[each][1] for each in partitions}
    if mapping.start == AT_TIMESTAMP and partitions:
        return ends | await reader.offsets_at(partitions, mapping.start_ms)
    return ends


def _wanted(known: Place | None, committed: int) -> int | None:
    if known is None:
        return None if committed == _UNTOLD else committed
    is_ours = committed == _UNTOLD or known.told <= committed <= known.next
    return known.next if is_ours else committed


def _within(mapping: Mapping, offset: int, bounds: tuple[int, int]) -> int:
    """An offset that there is: records may have expired, or the topic been made anew."""
    first, end = bounds
    if offset > end:
        return first if mapping.start == TRIM_HORIZON else end
    return max(offset, first)
