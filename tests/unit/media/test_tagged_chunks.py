"""Chunks with tags, and the times of clusters in media that come piece by piece."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from pileus.media.matroska import MalformedMedia, parse
from pileus.media.tagged_chunks import ClusterTimes, tagged_chunk

from .videos import every, write_video

_TIMES = every(200, 25)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five seconds of H.264 in clusters of about one, as a live producer writes them."""
    path: Path = tmp_path_factory.mktemp("chunks") / "v.mp4"
    write_video(path, _TIMES)
    held = io.BytesIO()
    options = {"cluster_time_limit": "900", "live": "1"}
    with (
        av.open(str(path)) as given,
        av.open(held, "w", format="matroska", options=options) as made,
    ):
        source = given.streams.video[0]
        track = made.add_stream_from_template(source)
        for packet in given.demux(source):
            if packet.dts is not None:
                packet.stream = track
                made.mux(packet)
    return held.getvalue()


def test_a_chunk_has_its_tags_and_all_its_media(film: bytes) -> None:
    chunk = tagged_chunk(film, {"NUMBER": "12", "BEHIND": "300"})
    before, after = parse(film), parse(chunk)
    assert before.video is not None and after.video is not None
    assert after.video.blocks == before.video.blocks
    assert after.video.private == before.video.private
    with av.open(io.BytesIO(chunk)) as opened:
        assert {"NUMBER": "12", "BEHIND": "300"}.items() <= dict(opened.metadata).items()
        assert sum(1 for _ in opened.decode(video=0)) == len(_TIMES)


def test_chunks_one_after_another_are_told_apart(film: bytes) -> None:
    chunk = tagged_chunk(film, {"NUMBER": "1"})
    assert (chunk + chunk).count(b"\x1a\x45\xdf\xa3") == 2


@pytest.mark.parametrize("data", [b"", b"\x00", b"no matroska at all", b"\x1a\x45\xdf\xa3\x84"])
def test_what_is_no_segment_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMedia):
        tagged_chunk(data, {})


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_times_of_clusters_come_however_the_bytes_are_cut(film: bytes, size: int) -> None:
    clusters = ClusterTimes()
    found: list[int] = []
    for at in range(0, len(film), size):
        found += clusters.feed(film[at : at + size])
    assert clusters.scale_ns == 1_000_000
    assert found[0] == 0 and found == sorted(set(found)) and len(found) > 1
    assert set(found) <= set(_TIMES)


def test_bytes_that_are_no_media_are_passed_over() -> None:
    clusters = ClusterTimes()
    assert clusters.feed(b"\x00" * 100) == []
    assert clusters.feed(b"\xff" * 100) == []


def test_an_element_that_claims_to_be_huge_holds_nothing(film: bytes) -> None:
    clusters = ClusterTimes()
    clusters.feed(b"\xec\x01\x00\x00\xff\xff\xff\xff\xff" + b"x" * 1000)
    assert len(clusters._held) == 0
