"""Sound cut at silences by a source's process: live, and the same out of the recording."""

from __future__ import annotations

import itertools
import queue
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
import pytest
from av.audio.frame import AudioFrame

from pileus.media.intake.replay import Replay
from pileus.media.units import CUT_MEMORY_MS
from pileus.ports import intakes as messages
from pileus.ports.intakes import Attach, Chunk, Lull, Segment
from pileus.runtime.frame_ring import RingReader

from ..sounds import RATE, said
from ..videos import picture
from .test_intake import Desk

CUT = Attach(
    id="c", kind="audio", rate=RATE, slots=24, pause_ms=300, least_ms=100, most_ms=4000
)  # fmt: skip
RECIPE = "." * 15 + "x" * 12 + "." * 9 + "x" * 70 + "." * 6 + "k" + "." * 14 + "x" * 30 + "." * 8


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def write_speech(path: Path, sound: Any, codec: str = "aac") -> None:
    """Five pictures a second and a sound: AAC at 48 kHz in stereo, or ``pcm_s16le`` as it is, in packets of 20 ms, whose
    times are whole milliseconds."""
    wide = numpy.repeat(sound, 3) if codec == "aac" else sound
    rate, size = (48_000, 1024) if codec == "aac" else (RATE, 320)
    step = rate // 5
    with av.open(str(path), "w") as output:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
        video = output.add_stream("libx264", rate=5, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream(codec, rate=rate, layout="stereo" if codec == "aac" else "mono")
        for number in range(len(wide) // size):
            if number * size % step < size:
                frame = picture(number).reformat(format="yuv420p")
                frame.pts, frame.time_base = number * size // step, Fraction(1, 5)
                output.mux(video.encode(frame))
            part = wide[number * size : number * size + size]
            if codec == "aac":
                real = part.astype(numpy.float32) / 32768
                made = AudioFrame.from_ndarray(numpy.stack([real, real]), "fltp", "stereo")
            else:
                made = AudioFrame.from_ndarray(part.reshape(1, -1), "s16", "mono")
            made.sample_rate, made.pts = rate, number * size
            output.mux(audio.encode(made))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def extents(told: list[Any], kind: type = Chunk) -> list[tuple[int, int]]:
    return [(each.start_ms, each.stop_ms) for each in told if isinstance(each, kind)]


def replayed(
    segments: list[Segment], folder: Path, from_ms: int, *, slots: int = 8
) -> list[messages.Told]:
    """All that a recording gives from a moment on, to a reader that is quick."""
    commands, told = queue.SimpleQueue[messages.Command](), list[messages.Told]()
    for number, each in enumerate(segments):
        copy = folder / f"copy-{from_ms}-{number}.mkv"
        copy.write_bytes(Path(each.path).read_bytes())
        commands.put(
            messages.Decode(
                path=str(copy),
                stream=each.stream,
                start_ms=each.start_ms,
                captured_at_ms=each.captured_at_ms,
            )
        )
    commands.put(messages.Finish())
    commands.put(messages.Credit(upto=1000))
    commands.put(messages.Stop())
    wanted = Attach(
        id="r", kind="audio", rate=RATE, slots=slots, from_ms=from_ms,
        pause_ms=CUT.pause_ms, least_ms=CUT.least_ms, most_ms=CUT.most_ms,
    )  # fmt: skip
    opened = messages.Replay(rings=str(folder / "rings"), input=wanted)
    Replay(opened, commands, told.append, print).run()
    return told


def test_what_is_said_is_told_with_its_times_and_the_rest_as_lulls(
    desk: Desk, tmp_path: Path
) -> None:
    sound = said(RECIPE, noise=20)
    write_speech(tmp_path / "v.mkv", sound)
    heard: list[Any] = []

    def listen(what: Any) -> None:
        if isinstance(what, Chunk):
            slot = RingReader(what.ring).look(what.number)
            assert slot is not None
            heard.append((what, numpy.frombuffer(slot.data, numpy.int16).copy()))

    desk.on_told = listen
    desk.run(f"file:{tmp_path}/v.mkv", CUT, stream="1")
    tiles = [each for each in desk.told if isinstance(each, Chunk | Lull)]
    assert all(one.stop_ms == two.start_ms for one, two in itertools.pairwise(tiles))
    assert tiles[0].start_ms <= 40 and tiles[-1].stop_ms >= len(RECIPE) * 100 - 100
    assert {each.reason for each in tiles if isinstance(each, Lull)} == {"silence", "short"}
    found = extents(desk.told)
    assert abs(found[0][0] - 1300) <= 60 and abs(found[0][1] - 2850) <= 200
    assert all(stop_ms - start_ms <= 4000 for start_ms, stop_ms in found)
    for chunk, samples in heard:
        assert samples.size == (chunk.stop_ms - chunk.start_ms) * RATE // 1000
        original = sound[chunk.start_ms * 16 : chunk.start_ms * 16 + samples.size]
        level = numpy.abs(samples[: original.size].astype(int)).mean()
        assert level == pytest.approx(numpy.abs(original.astype(int)).mean(), rel=0.2, abs=20)


def test_out_of_the_recording_come_the_same_pieces_from_any_seam_on(
    desk: Desk, tmp_path: Path
) -> None:
    write_speech(tmp_path / "v.mkv", said(RECIPE, noise=20))
    desk.run(f"file:{tmp_path}/v.mkv", CUT, stream="1")
    segments, live = desk.of(Segment), extents(desk.told)
    assert len(segments) > 5 and len(live) > 4
    assert extents(replayed(segments, tmp_path, -1)) == live
    for number, (start_ms, stop_ms) in enumerate(live):
        assert extents(replayed(segments, tmp_path, stop_ms)) == live[number + 1 :]
        assert extents(replayed(segments, tmp_path, start_ms)) == live[number:]


def test_a_recording_that_begins_late_comes_to_the_same_pieces(desk: Desk, tmp_path: Path) -> None:
    """But for the rounding of packets' times, which can move a cut by a window."""
    write_speech(tmp_path / "v.mkv", said(RECIPE * 2, noise=20))
    desk.run(f"file:{tmp_path}/v.mkv", CUT, stream="1")
    segments, live = desk.of(Segment), extents(desk.told)
    for begin in range(1, 6):
        found = extents(replayed(segments[begin:], tmp_path, -1))
        assert numpy.allclose(found[-4:], live[-4:], atol=40)


def test_where_times_are_not_rounded_every_recording_comes_to_the_very_same_pieces(
    desk: Desk, tmp_path: Path
) -> None:
    write_speech(tmp_path / "v.mkv", said(RECIPE * 2, noise=20), "pcm_s16le")
    desk.run(f"file:{tmp_path}/v.mkv", CUT, stream="1")
    segments, live = desk.of(Segment), extents(desk.told)
    for _, stop_ms in live:
        late = [each for each in segments if each.stop_ms > stop_ms - CUT_MEMORY_MS]
        wanted = [each for each in live if each[0] >= stop_ms]
        assert extents(replayed(late, tmp_path, stop_ms)) == wanted
