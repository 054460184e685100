"""Where pieces come from: no hole and no piece twice, whatever is told in whatever order it can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.compute.engines.feed import NOTHING, Feed, Position, Span
from pileus.compute.engines.lane import Chunk

STEP_MS = 200


def piece(number: int, stream: str = "1", ring: str = "live") -> Chunk:
    start_ms = number * STEP_MS
    return Chunk(stream, ring, number + 1, start_ms, start_ms + STEP_MS, start_ms)


def feed(taken: Position = NOTHING, recent_max: int = 56, *, is_sound: bool = False) -> Feed:
    return Feed(taken, STEP_MS, recent_max, is_sound=is_sound)


def take(under_test: Feed, *numbers: int) -> list[int]:
    taken = []
    for number in numbers:
        if under_test.live(piece(number)):
            under_test.took(piece(number))
            taken.append(number)
    return taken


def test_live_pieces_are_taken_once() -> None:
    assert take(feed(), 0, 1, 2, 2, 1, 3) == [0, 1, 2, 3]
    assert take(feed(Position("1", 400)), 0, 1, 2, 3) == [3]
    assert take(feed(Position("2", 400)), 0, 1, 2, 3) == []


def test_a_piece_decoded_another_time_is_the_same_piece() -> None:
    under_test = feed()
    under_test.took(piece(5))
    assert not under_test.is_new(Chunk("1", "r", 1, 1002, 1202, 0))
    assert under_test.is_new(Chunk("1", "r", 2, 1199, 1399, 0))


def test_who_is_behind_joins_where_the_ring_holds_the_next_piece() -> None:
    under_test = feed()
    take(under_test, 0, 1, 2)
    under_test.fall_behind()
    assert take(under_test, 3, 4) == []
    new = under_test.join()
    assert new is not None and [each.start_ms for each in new] == [600, 800]
    assert not under_test.is_behind


def test_nobody_joins_over_a_hole() -> None:
    under_test = feed(recent_max=4)
    take(under_test, 0, 1)
    under_test.fall_behind()
    under_test.cut("1", 0)
    take(under_test, *range(2, 20))
    assert under_test.join() is None
    span = Span("1", 0, 3800)
    under_test.finished(span)
    under_test.cut("1", 4000)
    assert under_test.wants(span)
    assert under_test.join() is None  # it is finished, and must be replayed first
    under_test.replaying(span)
    for number in range(2, 20):
        under_test.took(piece(number))
    assert not under_test.wants(span)
    take(under_test, 20)
    new = under_test.join()
    assert new is not None and [each.start_ms for each in new] == [4000]
    assert under_test.missed_ms == 0


def test_the_ring_of_a_dead_process_counts_for_nothing() -> None:
    under_test = feed()
    take(under_test, 0, 1)
    under_test.fall_behind()
    take(under_test, 2, 3)
    under_test.gone()
    assert under_test.join() == []


def test_a_hole_in_the_recording_is_counted() -> None:
    under_test = feed(Position("1", 1000))
    under_test.fall_behind()
    under_test.replaying(Span("1", 2000, 3900))
    under_test.replaying(Span("2", 60_000, 61_900))
    assert under_test.missed_ms == 56_100
    assert under_test.is_new(piece(300, "2"))


def test_what_was_lost_is_had_again() -> None:
    under_test = feed()
    take(under_test, *range(6))
    under_test.fall_behind_before(piece(3))
    assert [number for number in range(6) if under_test.is_new(piece(number))] == [3, 4, 5]
    assert under_test.from_ms == 600


def test_from_a_moment_on() -> None:
    pictures, sound = feed(), feed(is_sound=True)
    for under_test in (pictures, sound):
        under_test.fall_behind_at(Position("1", 1100))
    assert [number for number in range(9) if pictures.is_new(piece(number))] == [6, 7, 8]
    assert [number for number in range(9) if sound.is_new(piece(number))] == [5, 6, 7, 8]
    sound.fall_behind_at(Position("1", 1200))
    assert [number for number in range(9) if sound.is_new(piece(number))] == [6, 7, 8]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_piece_once_in_order(data: st.DataObject) -> None:
    """A source with segments of ten pieces, a lane that falls behind at any moment and replays now or later."""
    under_test = feed(recent_max=data.draw(st.integers(4, 30)))
    taken: list[int] = []
    kept: list[Span] = []

    def catch_up() -> None:
        for span in [span for span in kept if under_test.wants(span)]:
            under_test.replaying(span)
            for number in range(span.start_ms // STEP_MS, span.stop_ms // STEP_MS + 1):
                if under_test.is_new(piece(number, ring="replay")):
                    under_test.took(piece(number, ring="replay"))
                    taken.append(number)
        for chunk in under_test.join() or ():
            under_test.took(chunk)
            taken.append(chunk.start_ms // STEP_MS)

    for number in range(60):
        if number % 10 == 0:
            if number:
                kept.append(Span("1", (number - 10) * STEP_MS, (number - 1) * STEP_MS))
                under_test.finished(kept[-1])
            under_test.cut("1", number * STEP_MS)
        taken += take(under_test, number)
        match data.draw(st.sampled_from(["go on", "go on", "fall behind", "lose", "catch up"])):
            case "fall behind":
                under_test.fall_behind()
            case "lose" if taken:
                lost = data.draw(st.integers(max(0, len(taken) - 5), len(taken) - 1))
                under_test.fall_behind_before(piece(taken[lost]))
                del taken[lost:]
            case "catch up" if under_test.is_behind:
                catch_up()
    kept.append(Span("1", 50 * STEP_MS, 59 * STEP_MS))
    under_test.finished(kept[-1])
    if under_test.is_behind:
        catch_up()
    assert taken == list(range(60))
    assert under_test.missed_ms == 0


def at(number: int, captured_at_ms: int, stream: str = "1") -> Chunk:
    return Chunk(
        stream, "live", number + 1, number * STEP_MS, (number + 1) * STEP_MS, captured_at_ms
    )


def test_what_was_only_recorded_before_a_lane_was_heard_of_is_had() -> None:
    under_test = feed()
    under_test.miss_nothing(since_ms=10_000)
    under_test.cut("1", 0)
    assert not under_test.live(at(2, 10_900))  # 0 and 1 were captured at 10,500 and 10,700
    assert under_test.is_behind and under_test.join() is None
    under_test.finished(Span("1", 0, 1960))
    assert under_test.wants(Span("1", 0, 1960))
    assert under_test.is_new(piece(0))


def test_what_came_before_a_lane_was_wanted_is_not_had() -> None:
    under_test = feed()
    under_test.miss_nothing(since_ms=10_000)
    under_test.cut("1", 0)
    assert under_test.live(at(7, 10_150))
    careless = feed()
    careless.cut("1", 0)
    assert careless.live(at(7, 99_000))


def test_the_first_piece_of_all_needs_no_recording() -> None:
    under_test = feed()
    under_test.miss_nothing(since_ms=10_000)
    under_test.cut("1", 0)
    assert under_test.live(at(0, 13_000))
    assert under_test.live(at(9, 15_000))  # later ones are apart because the source's pictures are


def test_a_new_process_may_have_recorded_before_it_made_pieces() -> None:
    under_test = feed(Position("1", 400))
    under_test.miss_nothing()
    under_test.gone()
    under_test.cut("2", 0)
    assert not under_test.live(at(2, 0, "2"))
    assert under_test.is_behind and under_test.wants(Span("2", 0, 1960))
