"""JSON lines and server-sent events however they are cut, and the times that records tell."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.languages.record_text import Event, Events, Line, Lines, member, time_ms

_TEXT = b'{"n": 1}\n\n  \r\nnonsense\r\n[2]\n"last"'
_EVENTS = (
    b"\xef\xbb\xbf: comment\r\n\r\ndata: 1\nid: a\n\ndata\n\ndata:two\ndata: lines\r\rid: b\n\n"
    b'event: x\ndata: {"n": 3}\n\nretry: 250\nretry: soon\nid: lost\ndata: 4'
)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


def _lines(pieces: list[bytes], bytes_max: int = 100) -> list[Line]:
    lines = Lines(bytes_max)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


def test_lines() -> None:
    found = _lines([_TEXT])
    assert [(each.number, each.value) for each in found] == [
        (1, {"n": 1}), (4, None), (5, [2]), (6, "last"),
    ]  # fmt: skip
    assert found[1].reason.startswith("no JSON: ") and not found[0].reason
    assert [_TEXT[: each.stop][-1:] for each in found[:3]] == [b"\n"] * 3
    assert found[-1].stop == len(_TEXT)


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_lines_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    assert _lines(_cut(_TEXT, cuts)) == _lines([_TEXT])


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_a_long_line_is_passed_over(cuts: list[int]) -> None:
    data = b'"' + b"x" * 30 + b'"\n{"n": 1}\n'
    long, good = _lines(_cut(data, cuts), bytes_max=20)
    assert (long.number, long.reason, long.data) == (1, "longer than 20 bytes", b"")
    assert (good.number, good.value, good.stop) == (2, {"n": 1}, len(data))


def _events(pieces: list[bytes], bytes_max: int = 100) -> tuple[list[Event], Events]:
    events = Events(bytes_max)
    return [event for piece in pieces for event in events.feed(piece)], events


def test_events() -> None:
    found, events = _events([_EVENTS])
    assert found == [
        Event(b"1", "a"), Event(b"", "a"), Event(b"two\nlines", "a"), Event(b'{"n": 3}', "b"),
    ]  # fmt: skip
    assert (events.last_id, events.retry_ms) == ("b", 250)


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_events_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    assert _events(_cut(_EVENTS, cuts))[0] == _events([_EVENTS])[0]


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_a_long_event_is_passed_over(cuts: list[int]) -> None:
    for long in (b"data: " + b"x" * 40 + b"\n\n", b"data: 0123456789\n" * 3 + b"\n"):
        found, _ = _events(_cut(b"id: 1\n" + long + b"data: 2\n\n", cuts), bytes_max=20)
        assert found == [Event(b"", "1", "longer than 20 bytes"), Event(b"2", "1")]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2026-11-22T00:00:00Z", 1_795_305_600_000),
        ("2026-11-22T01:00:00.5+01:00", 1_795_305_600_500),
        ("2026-11-22 00:00:00", 1_795_305_600_000),
        (1_795_305_600, 1_795_305_600_000),
        (1_795_305_600.25, 1_795_305_600_250),
        ("1795305600", 1_795_305_600_000),
        (1_795_305_600_123, 1_795_305_600_123),
        (1_795_305_600_123_456, 1_795_305_600_123),
        (1_795_305_600_123_456_789, 1_795_305_600_123),
        (-1, None), (True, None), (None, None), ("noon", None), ([], None), (1e40, None),
        (float("nan"), None),
    ],
)  # fmt: skip
def test_times(value: Any, wanted: int | None) -> None:
    assert time_ms(value) == wanted


def test_members() -> None:
    assert member({"a": {"b": 1}}, "a.b") == 1
    assert member({"a": {"b": 1}}, "a.c") is None
    assert member([1], "a") is None
