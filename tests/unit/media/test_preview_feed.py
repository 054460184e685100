"""Pictures reach the hub as they are played; what cannot is dropped up to a keyframe."""

import json
import threading
from collections.abc import Callable

from pileus.media.preview import (
    DESCRIPTION,
    JPEG,
    KEY_PICTURE,
    PICTURE,
    PreviewHub,
    Record,
    unpack,
)
from pileus.media.preview_feed import Audience, PreviewAway, PreviewFeed
from pileus.media.preview_jpeg import JpegPictures
from pileus.media.transcode import Transcoder
from pileus.media.units import AccessUnit, StreamFormat

from .videos import picture

STREAM = StreamFormat(64, 48, 10.0)


def coded(count: int, step_ms: int = 100) -> list[AccessUnit]:
    encoder = Transcoder(STREAM)
    return [unit for at in range(count) for unit in encoder.encode(picture(at), at * step_ms)]


class FakePost:
    """Collects batches; is away or wants JPEG as told."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.away_at: set[int] = set()
        self.jpeg_at: set[int] = set()
        self.closed = threading.Event()
        self.before: Callable[[], object] = lambda: None
        self._tried = -1

    def send(self, batch: bytes) -> Audience:
        self.before()
        self._tried += 1
        if self._tried in self.away_at:
            raise PreviewAway("away")
        self.batches.append(batch)
        wants_jpeg = self._tried in self.jpeg_at
        return Audience(int(wants_jpeg), wants_jpeg)

    def close(self) -> None:
        self.closed.set()

    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in unpack(batch)]


def play(post: FakePost, units: list[AccessUnit], one_by_one: bool = True) -> PreviewFeed:
    """Feed pictures, each as a batch of its own when asked, whatever the threads do."""
    ready = threading.Semaphore(0)
    original = post.send

    def send(batch: bytes) -> Audience:
        try:
            return original(batch)
        finally:
            ready.release()

    post.send = send  # type: ignore[method-assign]
    feed = PreviewFeed(post, STREAM, steps_s=(0, 0))
    for handled, unit in enumerate(units, start=1):
        feed.add(unit, unit.pts_ms + 5000)
        if one_by_one:
            # Either it was sent (or tried), or it was passed over while waiting for a keyframe.
            for _ in range(1000):
                if ready.acquire(timeout=0.002) or feed.sent + feed.dropped == handled:
                    break
    feed.close()
    assert post.closed.wait(5)
    return feed


def test_every_picture_is_sent_with_a_description_before_each_keyframe() -> None:
    post = FakePost()
    feed = play(post, coded(12), one_by_one=False)
    records = post.records()
    assert [record.kind for record in records] == (
        [DESCRIPTION, KEY_PICTURE] + [PICTURE] * 9 + [DESCRIPTION, KEY_PICTURE, PICTURE]
    )
    assert json.loads(records[0].data) == {
        "codec": "avc1.42c00a",
        "width": 64,
        "height": 48,
        "frames_per_second": 10.0,
    }
    assert [record.captured_at_ms - record.pts_ms for record in records] == [5000] * 14
    assert (feed.sent, feed.dropped) == (12, 0)


def test_the_hub_takes_what_the_player_sends() -> None:
    post, hub = FakePost(), PreviewHub()
    units = coded(3)
    play(post, units, one_by_one=False)
    for batch in post.batches:
        hub.feed("lobby", batch)
    held = [record.data for record in hub.watch("lobby")._queue][1:]
    assert held == [unit.data for unit in units]


def test_after_a_loss_sending_goes_on_at_a_keyframe() -> None:
    post = FakePost()
    post.away_at = {2}
    feed = play(post, coded(12))
    pictures = [record.pts_ms for record in post.records() if record.kind != DESCRIPTION]
    assert pictures == [0, 100, 1000, 1100]
    assert (feed.sent, feed.dropped) == (4, 8)


def test_a_stuck_hub_costs_pictures_not_memory() -> None:
    post, gate = FakePost(), threading.Event()
    post.before = lambda: gate.wait(5)
    feed = PreviewFeed(post, STREAM, steps_s=(0, 0))
    for at in range(30):
        feed.add(AccessUnit(at, at, at % 10 == 0, b"x" * (1 << 20)), at)
    assert feed._waiting_bytes <= 4 << 20
    gate.set()
    feed.close()
    assert post.closed.wait(5)
    assert feed.sent + feed.dropped == 30
    assert feed.dropped >= 20


def test_few_batches_are_sent_while_nobody_watches() -> None:
    post = FakePost()
    sent = threading.Event()
    post.before = sent.set
    feed = PreviewFeed(post, STREAM, steps_s=(0, 60))
    units = coded(10)
    feed.add(units[0], 0)
    assert sent.wait(5)
    for unit in units[1:]:
        feed.add(unit, unit.pts_ms)
    feed.close()
    assert post.closed.wait(5)
    assert len(post.batches) == 2
    assert feed.sent == 10


def test_jpeg_pictures_are_made_only_on_demand() -> None:
    post = FakePost()
    # Asked for from picture 4 on, which must wait for the keyframe at 10, until picture 11.
    post.jpeg_at = set(range(3, 11))
    play(post, coded(15))
    jpegs = [record for record in post.records() if record.kind == JPEG]
    assert [record.pts_ms for record in jpegs] == [1000, 1100]
    assert all(record.data.startswith(b"\xff\xd8") for record in jpegs)


def test_jpeg_pictures_are_at_most_ten_a_second() -> None:
    pictures = JpegPictures()
    times = [
        record.pts_ms
        for unit in coded(50, 20)
        for batch in pictures.records(unit, 0)
        for record in unpack(batch)
    ]
    assert times == [at * 100 for at in range(10)]
