"""The window holds the last seconds in bounded memory and every watch can be decoded."""

import asyncio
import json

import pytest

from pileus.media import preview
from pileus.media.preview import (
    DESCRIPTION,
    JPEG,
    KEY_PICTURE,
    PICTURE,
    PreviewHub,
    PreviewRefused,
    Watch,
    pack,
    unpack,
)

ABOUT = {"codec": "avc1.42c01f", "width": 64, "height": 48, "frames_per_second": 10.0}


def interval(start_ms: int, count: int = 10, size: int = 10) -> bytes:
    """A keyframe interval of pictures 100 ms apart."""
    records = [pack(DESCRIPTION, start_ms, start_ms, json.dumps(ABOUT).encode())]
    for at in range(count):
        kind = PICTURE if at else KEY_PICTURE
        records.append(pack(kind, start_ms + at * 100, start_ms + at * 100, b"x" * size))
    return b"".join(records)


def queued(watch: Watch) -> list[tuple[int, int]]:
    return [(record.kind, record.pts_ms) for record in watch._queue]


def test_records_travel_unchanged() -> None:
    records = list(unpack(interval(0, 3)))
    assert [record.kind for record in records] == [DESCRIPTION, KEY_PICTURE, PICTURE, PICTURE]
    assert json.loads(records[0].data) == ABOUT
    assert records[1].data == b"x" * 10


@pytest.mark.parametrize("cut", [1, 20, 30])
def test_a_torn_batch_is_refused_whole(cut: int) -> None:
    hub = PreviewHub()
    with pytest.raises(PreviewRefused):
        hub.feed("lobby", interval(0)[:-cut])
    assert hub.sources() == []


def test_a_watch_begins_with_the_description_and_a_key_picture() -> None:
    hub = PreviewHub()
    hub.feed("lobby", interval(0, 3))
    watch = hub.watch("lobby")
    assert queued(watch) == [(DESCRIPTION, 0), (KEY_PICTURE, 0), (PICTURE, 100), (PICTURE, 200)]


async def test_a_watch_follows_live_and_ends() -> None:
    hub = PreviewHub()
    watch = hub.watch("lobby")
    hub.feed("lobby", interval(0, 2))
    received = [await anext(watch) for _ in range(3)]
    assert b"".join(received) == interval(0, 2)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    hub.leave("lobby", watch)
    with pytest.raises(StopAsyncIteration):
        await waiting


def test_old_pictures_are_forgotten_up_to_a_key_picture() -> None:
    hub = PreviewHub()
    for second in range(20):
        hub.feed("lobby", interval(second * 1000))
    records = hub.watch("lobby")._queue
    assert records[1].kind == KEY_PICTURE
    assert records[1].pts_ms == 8000
    assert records[-1].pts_ms == 19_900


def test_memory_is_bounded_whatever_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "WINDOW_BYTES_MAX", 5000)
    hub = PreviewHub()
    for second in range(5):
        hub.feed("lobby", interval(second * 1000, size=300))
    assert hub.sources()[0]["bytes"] == 10 * (300 + preview.HEADER.size)


def test_a_slow_page_misses_whole_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = PreviewHub()
    watch = hub.watch("lobby")
    monkeypatch.setattr(preview, "WATCH_BYTES_MAX", 700)
    hub.feed("lobby", interval(0, 10, 50))
    watch._queue.clear()
    watch._bytes = 0
    hub.feed("lobby", interval(1000, 3, 50)[len(interval(1000, 0)) + 50 + 21 :])
    assert queued(watch) == []
    hub.feed("lobby", interval(2000, 3, 50))
    assert [kind for kind, _ in queued(watch)] == [KEY_PICTURE, PICTURE, PICTURE]
    assert watch.missed > 0


def test_jpeg_is_asked_for_only_while_somebody_needs_it() -> None:
    hub = PreviewHub()
    assert hub.feed("lobby", interval(0)) == {"watchers": 0, "jpeg": False}
    watch = hub.watch("lobby", wants_jpeg=True)
    assert hub.feed("lobby", interval(1000)) == {"watchers": 1, "jpeg": True}
    hub.feed("lobby", pack(JPEG, 1000, 1000, b"jpeg"))
    assert queued(watch) == [(DESCRIPTION, 0), (JPEG, 1000)]
    hub.leave("lobby", watch)
    assert hub.feed("lobby", interval(2000)) == {"watchers": 0, "jpeg": False}


def test_sources_are_listed_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "SOURCES_MAX", 1)
    hub = PreviewHub()
    hub.feed("lobby", interval(0))
    assert hub.sources()[0]["description"] == ABOUT
    with pytest.raises(PreviewRefused, match="At most 1"):
        hub.feed("hall", interval(0))
    hub.remove("lobby")
    hub.feed("hall", interval(0))


def test_a_source_that_begins_anew_replaces_the_old_pictures() -> None:
    hub = PreviewHub()
    hub.feed("lobby", interval(1_000_000))
    hub.feed("lobby", interval(0))
    assert [at for _, at in queued(hub.watch("lobby"))][1:] == [at * 100 for at in range(10)]
