"""Where pieces of any length come from: nothing twice and nothing left out, whatever is told in whatever order it can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.compute.engines.cut_feed import CutFeed
from pileus.compute.engines.feed import Position, Span
from pileus.compute.engines.lane import Chunk

MEMORY_MS = 8000


def feed(recent_max: int = 16, *, is_lossless: bool = True) -> CutFeed:
    made = CutFeed(recent_max, MEMORY_MS)
    if is_lossless:
        made.miss_nothing()
    return made


def piece(start_ms: int, stop_ms: int, ring: str = "live", stream: str = "1") -> Chunk:
    return Chunk(stream, ring, 1, start_ms, stop_ms, stop_ms)


def live(under_test: CutFeed, start_ms: int, stop_ms: int, ring: str = "live") -> bool:
    """Whether the lane took it."""
    taken = under_test.live(piece(start_ms, stop_ms, ring))
    if taken:
        under_test.took(piece(start_ms, stop_ms, ring))
    return taken


def lull(under_test: CutFeed, start_ms: int, stop_ms: int, ring: str = "live") -> None:
    under_test.lull(ring, Position("1", start_ms), stop_ms, stop_ms)


def test_live_pieces_are_taken_once_and_silence_counts() -> None:
    under_test = feed()
    lull(under_test, 0, 400)
    assert live(under_test, 400, 2000)
    assert not live(under_test, 400, 2000)
    lull(under_test, 2000, 9000)
    assert under_test.taken == Position("1", 9000)
    assert under_test.from_ms == 9000


def test_who_is_behind_joins_at_a_seam() -> None:
    under_test = feed()
    live(under_test, 0, 2000)
    under_test.fall_behind_at(Position("1", 1000))
    assert under_test.join() is None  # a piece lies across
    under_test.had(Position("1", 2000))
    assert under_test.join() == []
    under_test.fall_behind_at(Position("1", 2000))
    assert not live(under_test, 2000, 3000)
    assert not live(under_test, 3400, 4000)
    assert [each.start_ms for each in under_test.join() or ()] == [2000, 3400]


def test_nobody_joins_before_what_is_live_has_come_so_far() -> None:
    under_test = feed()
    lull(under_test, 0, 1000)
    under_test.fall_behind_at(Position("1", 5000))
    assert under_test.join() is None
    lull(under_test, 1000, 5000)
    assert under_test.join() == []


def test_nobody_joins_over_what_the_ring_has_forgotten() -> None:
    under_test = feed(recent_max=4)
    lull(under_test, 0, 100)
    under_test.fall_behind_at(Position("1", 100))
    for number in range(8):
        live(under_test, 100 + number * 1000, 1100 + number * 1000)
    assert under_test.join() is None
    span = Span("1", 0, 7000)
    assert under_test.wants(span)
    under_test.replaying(span)
    assert not under_test.wants(span)
    under_test.had(Position("1", 6100))
    assert [each.start_ms for each in under_test.join() or ()] == [6100, 7100]


def test_the_sound_before_a_place_is_read_as_well() -> None:
    under_test = feed()
    under_test.fall_behind_at(Position("1", 20_000))
    assert not under_test.wants(Span("1", 10_000, 12_000))
    assert under_test.wants(Span("1", 12_000, 14_000))
    assert under_test.from_ms == 20_000


def test_a_piece_under_way_is_not_cut_at_the_end_of_a_segment() -> None:
    under_test = feed()
    under_test.cut("1", 0)
    under_test.fall_behind_at(Position("1", 500))
    under_test.finished(Span("1", 0, 2000))
    under_test.replaying(Span("1", 0, 2000))
    assert under_test.is_recording and under_test.join() is None
    under_test.over()
    assert not under_test.is_recording and under_test.join() == []


def test_a_process_that_dies_leaves_what_is_recorded() -> None:
    under_test = feed()
    lull(under_test, 0, 3000)
    under_test.gone()
    assert under_test.is_behind and under_test.is_recording
    under_test.replaying(Span("1", 2000, 4000))
    under_test.cut("1", 9000)
    assert under_test.is_recording  # the new process has not said where its sound begins
    lull(under_test, 9000, 10_000, "new")
    assert not under_test.is_recording
    assert under_test.join() == [] and under_test.missed_ms == 5000


def test_a_file_that_is_read_again_goes_on_where_it_was() -> None:
    under_test = feed()
    under_test.fall_behind_behind(Position("1", 5000))
    under_test.replaying(Span("1", 4000, 6000))
    under_test.cut("1", 0)
    lull(under_test, 0, 4000)
    assert under_test.is_recording and under_test.join() is None
    lull(under_test, 4000, 5500)
    assert under_test.join() == []


def test_what_straddles_is_had_again_or_left_out() -> None:
    lossless, other = feed(), feed(is_lossless=False)
    for under_test in (lossless, other):
        under_test.had(Position("1", 1500))
        assert not live(under_test, 1000, 3000)
    assert lossless.is_behind and not other.is_behind


def test_the_beginning_that_a_process_did_not_make_is_had() -> None:
    under_test = feed()
    under_test.miss_nothing(since_ms=0)
    under_test.cut("1", 0)
    lull(under_test, 900, 1900)
    assert under_test.is_behind and under_test.taken == Position("1", 0)


_LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=8, max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.data(), _LENGTHS)
def test_every_piece_once_in_order(data: st.DataObject, lengths: list[tuple[int, bool]]) -> None:
    """Tiles of a source with segments of two seconds, a lane that falls behind at any moment, and a recording that
    is read now or later."""
    tiles, at_ms = list[tuple[int, int, bool]](), 0
    for length, is_piece in lengths:
        tiles.append((at_ms, at_ms + length * 100, is_piece))
        at_ms += length * 100
    under_test = feed(data.draw(st.integers(4, 12)))
    taken, kept = list[int](), list[Span]()
    under_test.cut("1", 0)

    def give(chunk: Chunk) -> None:
        under_test.took(chunk)
        taken.append(chunk.start_ms)

    def read_recording() -> None:
        for span in [span for span in kept if under_test.wants(span)]:
            under_test.replaying(span)
            for start_ms, stop_ms, is_piece in tiles:
                if stop_ms > span.stop_ms or start_ms < under_test.taken.ms:
                    continue
                if is_piece:
                    give(piece(start_ms, stop_ms, "replay"))
                else:
                    under_test.had(Position("1", stop_ms))
        for chunk in under_test.join() or ():
            give(chunk)

    for start_ms, stop_ms, is_piece in tiles:
        while len(kept) * 2000 + 2000 <= stop_ms:
            kept.append(Span("1", len(kept) * 2000, len(kept) * 2000 + 2000))
            under_test.finished(kept[-1])
            under_test.cut("1", len(kept) * 2000)
        if not is_piece:
            lull(under_test, start_ms, stop_ms)
        elif under_test.live(piece(start_ms, stop_ms)):
            if data.draw(st.booleans()):
                give(piece(start_ms, stop_ms))
            else:
                under_test.fall_behind_before(piece(start_ms, stop_ms))
        if under_test.is_behind and data.draw(st.booleans()):
            read_recording()
    kept.append(Span("1", len(kept) * 2000, at_ms))
    under_test.finished(kept[-1])
    under_test.over()
    if under_test.is_behind:
        read_recording()
    assert not under_test.is_behind
    assert taken == [start_ms for start_ms, _, is_piece in tiles if is_piece]
