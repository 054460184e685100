"""Frames and what is said of them, brought together."""

from __future__ import annotations

from pileus.compute.engines.joining import Joining
from pileus.compute.engines.lane import Chunk


def piece(at_ms: int, stream: str = "s", record: object = None) -> Chunk:
    return Chunk(stream, "" if record else "ring", at_ms // 200 + 1, at_ms, at_ms + 200, 0, record)


def paired(joining: Joining) -> list[tuple[int, object]]:
    return [(frame.start_ms, frame.record) for frame, _ in joining.pairs()]


def test_each_frame_gets_its_own_record() -> None:
    joining = Joining(100, 8)
    for at_ms in (0, 200, 400, 600):
        assert joining.frame(piece(at_ms), is_replayed=False) is None
    assert paired(joining) == []
    for at_ms in (1, 401):  # of 200 nothing is said
        joining.record(piece(at_ms, record=at_ms))
    assert paired(joining) == [(0, 1), (400, 401)]
    joining.record(piece(600, record="last"))
    assert paired(joining) == [(600, "last")]
    assert joining.records == 0


def test_a_record_whose_frame_is_gone_is_passed_over() -> None:
    joining = Joining(100, 8)
    for at_ms in (0, 200):
        joining.record(piece(at_ms, record=at_ms))
    joining.frame(piece(200), is_replayed=True)
    assert paired(joining) == [(200, 200)]


def test_lives_of_a_source_are_not_mixed() -> None:
    joining = Joining(100, 8)
    joining.frame(piece(0, "1"), is_replayed=False)
    joining.record(piece(0, "2", "new"))
    joining.frame(piece(0, "2"), is_replayed=False)
    assert paired(joining) == [(0, "new")]


def test_only_so_many_live_frames_wait() -> None:
    joining = Joining(100, 2)
    assert [joining.frame(piece(at_ms), is_replayed=False) for at_ms in (0, 200)] == [None, None]
    assert joining.frame(piece(400), is_replayed=True) is None
    assert joining.lowest("ring") == 1
    assert joining.frame(piece(600), is_replayed=False) == piece(0)
    assert joining.lowest("ring") == 2
    joining.forget_frames()
    assert joining.lowest("ring") is None
