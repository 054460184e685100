"""Sources as cameras make them: old codecs, pictures that change size, clocks that jump, sound that stops."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy
import pytest
from av.audio.frame import AudioFrame

from pileus.ports import intakes as messages
from pileus.runtime.frame_ring import RingReader

from ..videos import every, picture, write_video
from .test_intake import SOUND, Desk

_WIDE = messages.Attach(id="p", kind="frames", rate=5.0, width=0)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def write_telephone(path: Path, codec: str, seconds: int, *, has_picture: bool) -> None:
    """A tone of 440 Hz in G.711 and, if wanted, pictures, as MPEG or AVI would never hold them."""
    with av.open(str(path), "w", format="mov" if has_picture else "wav") as output:
        video = output.add_stream("libx264", rate=25, options={"g": "25"}) if has_picture else None
        audio = output.add_stream(codec, rate=8000, layout="mono")
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(seconds * 25):
            if video is not None:
                frame = picture(number).reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(video.encode(frame))
            at = numpy.arange(number * 320, number * 320 + 320) / 8000
            wave = (numpy.sin(at * 2 * numpy.pi * 440) * 16_000).astype(numpy.int16)
            sound = AudioFrame.from_ndarray(wave.reshape(1, -1), "s16", "mono")
            sound.sample_rate, sound.pts = 8000, number * 320
            output.mux(audio.encode(sound))
        for track in (video, audio):
            if track is not None:
                output.mux(track.encode(None))


def heard(paths: list[str]) -> numpy.ndarray:
    """The sound of segments, one after another."""
    samples = []
    for path in paths:
        with av.open(path) as container:
            samples += [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return numpy.concatenate(samples)


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw"])
@pytest.mark.parametrize("has_picture", [False, True], ids=["alone", "beside a picture"])
def test_telephone_sound_is_recorded(
    desk: Desk,
    tmp_path: Path,
    codec: str,
    has_picture: bool,
) -> None:
    path = tmp_path / ("v.mov" if has_picture else "v.wav")
    write_telephone(path, codec, 5, has_picture=has_picture)
    desk.run(f"file:{path}", SOUND)
    (told,) = desk.of(messages.Format)
    assert (told.audio, told.sample_rate) == (codec, 8000)
    segments = [each.path for each in desk.of(messages.Segment)]
    samples = heard(segments)
    assert abs(len(samples) - 5 * 8000) <= 1024
    spectrum = numpy.abs(numpy.fft.rfft(samples[:16_000]))
    assert abs(int(numpy.argmax(spectrum)) / 2 - 440) < 2
    with av.open(segments[-1]) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
        coded = {each.codec_context.name for each in container.streams.video}
        assert ("h264" in coded) == has_picture
    pieces = desk.of(messages.Chunk)
    assert sum(each.stop_ms - each.start_ms for each in pieces) == pytest.approx(5000, abs=130)


def joined(*parts: bytes) -> bytes:
    """MPEG-TS may simply be put one behind another, as a camera does that begins anew."""
    return b"".join(parts)


def stream(count: int, side: tuple[int, int] = (64, 48), from_ms: int = 0) -> bytes:
    made = io.BytesIO()
    times = [from_ms + at_ms for at_ms in every(40, count)]
    write_video(made, times, codec="libx264", key_every=25, container="mpegts", side=side)
    return made.getvalue()


def test_a_picture_may_change_its_size(desk: Desk, tmp_path: Path) -> None:
    data = joined(stream(75), stream(75, (96, 64), 3000), stream(75, (64, 48), 6000))
    (tmp_path / "v.ts").write_bytes(data)
    sizes: list[tuple[int, int]] = []

    def look(what: messages.Told) -> None:
        if isinstance(what, messages.Chunk):
            slot = RingReader(what.ring).look(what.number)
            assert slot is not None
            sizes.append((slot.width, slot.height))

    desk.on_told = look
    desk.run(f"file:{tmp_path}/v.ts", _WIDE)
    assert desk.states[-1] == "ended"
    assert [size for at, size in enumerate(sizes) if at == 0 or size != sizes[at - 1]] == [
        (64, 48), (96, 64), (64, 48),
    ]  # fmt: skip
    seen = set()
    for segment in desk.of(messages.Segment):
        with av.open(segment.path) as container:
            seen |= {(frame.width, frame.height) for frame in container.decode(video=0)}
    assert seen == {(64, 48), (96, 64)}


def test_a_clock_that_jumps_goes_on(desk: Desk, tmp_path: Path) -> None:
    data = joined(stream(75), stream(75, from_ms=5_000_000), stream(75))
    (tmp_path / "v.ts").write_bytes(data)
    desk.run(f"file:{tmp_path}/v.ts", _WIDE)
    starts = [each.start_ms for each in desk.of(messages.Chunk)]
    assert starts == sorted(set(starts))
    assert 8600 <= starts[-1] <= 9200
    assert desk.of(messages.Counts)[-1].counts["discontinuities"] == 2


def test_pictures_may_come_at_any_pace(desk: Desk, tmp_path: Path) -> None:
    times = [*every(40, 50), 2500, 3900, *[5000 + at_ms for at_ms in every(100, 20)]]
    write_video(tmp_path / "v.mkv", times, codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", _WIDE)
    starts = [each.start_ms for each in desk.of(messages.Chunk)]
    assert starts[:10] == every(200, 10) and {2500, 3900} <= set(starts)
    assert sum(each.pictures for each in desk.of(messages.Segment)) == len(times)


def test_sound_may_stop(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"g": "25"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number in range(150):
            frame = picture(number).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
            if number < 50 or number >= 100:  # two seconds of nothing between
                silence = numpy.zeros((1, 320), numpy.int16)
                sound = AudioFrame.from_ndarray(silence, "s16", "mono")
                sound.sample_rate, sound.pts = 8000, number * 320
                output.mux(audio.encode(sound))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    desk.run(f"file:{path}", SOUND, _WIDE)
    sounds = [each for each in desk.of(messages.Chunk) if each.input == "s"]
    starts = [each.start_ms for each in sounds]
    before = [at_ms for at_ms in starts if at_ms < starts[0] + 2000]
    assert before == [starts[0], *[at_ms for at_ms in every(200, 11) if starts[0] < at_ms < 2100]]
    first_ms = min(at_ms for at_ms in starts if at_ms > starts[0] + 2000)
    assert 3960 <= first_ms - starts[0] <= 4040 and 5700 <= starts[-1] < 6100
    assert len(desk.of(messages.Chunk)) - len(sounds) == 30


@pytest.mark.parametrize("container", ["matroska", "mp4", "mpegts"])
def test_reordered_pictures_keep_their_distances(
    desk: Desk, tmp_path: Path, container: str
) -> None:
    """Matroska keeps no decoding times: the first pictures of such a stream come without."""
    write_video(
        tmp_path / "v", every(40, 100), codec="libx264", container=container, options={"bf": "3"}
    )
    desk.run(f"file:{tmp_path}/v", messages.Attach(id="p", kind="frames", rate=25.0, width=0))
    starts = [each.start_ms for each in desk.of(messages.Chunk)]
    assert len(starts) == 100
    assert [at_ms - starts[0] for at_ms in starts] == every(40, 100)
    counts = desk.of(messages.Counts)[-1].counts
    assert counts["discontinuities"] == counts["timestamps_mended"] == 0
