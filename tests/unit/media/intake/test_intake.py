"""The intake on files: what it tells, what lies in rings and in the spool."""

from __future__ import annotations

import io
import itertools
import queue
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy
import pytest
import simplejpeg
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from pileus.media.intake.inputs import _jpeg
from pileus.media.intake.intake import Intake
from pileus.media.intake.location import locate, redacted
from pileus.media.intake.packets import Connection
from pileus.media.intake.recorder import Recorder
from pileus.media.units import SourceCounts, SourceError
from pileus.media.upload import Patience
from pileus.ports import intakes as messages
from pileus.runtime.frame_ring import JPEG, RingReader

from ..videos import every, picture, write_video

PICTURES = messages.Attach(id="p", kind="frames", rate=5.0, width=32)
SOUND = messages.Attach(id="s", kind="audio", rate=8000)


class Desk:
    """Runs an intake at once and keeps what it told; time passes only where it sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[messages.Told] = []
        self.commands: queue.SimpleQueue[messages.Command] = queue.SimpleQueue()
        self.now_s = 1000.0
        self.on_told: Callable[[messages.Told], None] = lambda what: None
        for name in ("spool", "rings"):
            (folder / name).mkdir()

    def run(self, url: str, *attached: messages.Attach, **more: Any) -> Desk:
        for each in attached:
            self.commands.put(each)
        self.commands.put(messages.Begin())
        opened = messages.Open(
            url=url,
            spool=str(self.folder / "spool"),
            rings=str(self.folder / "rings"),
            **{"is_paced": False, **more},
        )
        patience = Patience(
            now_ms=lambda: round(self.now_s * 1000),
            mono_s=lambda: self.now_s,
            sleep=self._sleep,
            away_s_max=0,
        )
        self.intake = Intake(opened, self.commands, self._tell, patience, lambda: 0.5)
        self.intake.run()
        return self

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def _tell(self, what: messages.Told) -> None:
        self.told.append(what)
        self.on_told(what)

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.told if isinstance(each, kind)]

    @property
    def states(self) -> list[str]:
        return [each.state for each in self.of(messages.State)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def write_talkie(path: Path, seconds: int) -> None:
    """Pictures at 25 a second and a tone of 440 Hz at 48 kHz."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "25"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=48_000, layout="stereo")
        for number in range(seconds * 25):
            frame = picture(number).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        for number in range(seconds * 48_000 // 1024):
            at = numpy.arange(number * 1024, number * 1024 + 1024) / 48_000
            wave = (numpy.sin(at * 2 * numpy.pi * 440) * 0.5).astype(numpy.float32)
            sound = AudioFrame.from_ndarray(numpy.stack([wave, wave]), "fltp", "stereo")
            sound.sample_rate, sound.pts = 48_000, number * 1024
            output.mux(audio.encode(sound))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def test_a_file_is_recorded_and_seen_at_the_rate_asked_for(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 150), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", PICTURES)
    assert desk.states == ["connecting", "live", "ended"]
    assert desk.of(messages.End) == [messages.End(is_forced=False)]
    chunks = desk.of(messages.Chunk)
    assert [each.start_ms for each in chunks] == every(200, 30)
    reader = RingReader(chunks[-1].ring)
    slot = reader.look(chunks[-1].number)
    assert slot is not None and (slot.width, slot.height) == (32, 24)
    # The picture's brightness tells its number.
    assert abs(slot.data[0] - (16 + 145 * 7 % 200)) < 12


def test_segments_hold_every_picture_once_and_can_be_played_alone(
    desk: Desk, tmp_path: Path
) -> None:
    write_video(tmp_path / "v.mkv", every(40, 150), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv")
    segments = desk.of(messages.Segment)
    assert [(each.start_ms, each.pictures) for each in segments] == [
        (0, 50), (2000, 50), (4000, 50),
    ]  # fmt: skip
    times = []
    for each in segments:
        with av.open(each.path) as container:
            times += [round(frame.time * 1000) for frame in container.decode(video=0)]
        assert Path(each.path).stat().st_size == each.size_bytes
    assert times == every(40, 150)


def test_sound_comes_whole_and_in_pieces(desk: Desk, tmp_path: Path) -> None:
    write_talkie(tmp_path / "v.mp4", 3)
    kept: list[bytes] = []

    def keep(what: messages.Told) -> None:
        if isinstance(what, messages.Chunk):
            slot = RingReader(what.ring).look(what.number)
            assert slot is not None
            kept.append(bytes(slot.data))

    desk.on_told = keep
    desk.run(f"file:{tmp_path}/v.mp4", SOUND)
    chunks = desk.of(messages.Chunk)
    starts, stops = [each.start_ms for each in chunks], [each.stop_ms for each in chunks]
    assert starts[1:] == stops[:-1]
    assert 2800 < stops[-1] - starts[0] < 3100
    samples = numpy.frombuffer(b"".join(kept), numpy.int16)[4000:20_000]
    spectrum = numpy.abs(numpy.fft.rfft(samples))
    assert abs(numpy.argmax(spectrum) * 8000 / samples.size - 440) < 2
    with av.open(desk.of(messages.Segment)[0].path) as container:
        assert len(container.streams.audio) == 1


def write_room(path: Path, *, moves_at_ms: int, options: dict[str, str]) -> None:
    """A room at rest for 30 s at 10 pictures a second, a keyframe every 2 s; something large comes in."""
    room = numpy.random.default_rng(1).integers(60, 180, (96, 128, 3)).astype(numpy.uint8)
    with av.open(str(path), "w") as output:
        track = output.add_stream("libx264", rate=10, options={"g": "20", **options})
        track.width, track.height, track.pix_fmt = 128, 96, "yuv420p"
        for number in range(300):
            image = room.copy()
            if number * 100 >= moves_at_ms:
                image[20:80, number % 60 : number % 60 + 40] = 255
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))


@pytest.mark.parametrize("reordering", ["0", "2"])
def test_while_nothing_moves_only_keyframes_are_decoded(
    desk: Desk, tmp_path: Path, reordering: str
) -> None:
    options = {"preset": "veryfast", "x264-params": f"scenecut=0:bframes={reordering}"}
    write_room(tmp_path / "v.mkv", moves_at_ms=25_100, options=options)
    gate = messages.Attach(id="p", kind="frames", rate=10, width=64, gate="keyframes")
    desk.run(f"file:{tmp_path}/v.mkv", gate)
    starts = [each.start_ms for each in desk.of(messages.Chunk)]
    seen = [each for each in starts if each > 2000]
    assert 25_100 <= seen[0] <= 25_500  # long before the next keyframe
    assert seen == list(range(seen[0], seen[-1] + 1, 100)) and seen[-1] >= 29_900
    counts = desk.of(messages.Counts)[-1]
    # All of 10 s and of 5 s, and seven keyframes.
    assert 150 < counts.counts["frames"] < 200
    assert abs(counts.gated["p"] + len(starts) - 300) <= 20


@pytest.mark.parametrize("width", [30, 34, 50])
def test_pictures_of_any_width_come_whole(desk: Desk, tmp_path: Path, width: int) -> None:
    write_video(tmp_path / "v.mkv", every(40, 2))
    desk.run(f"file:{tmp_path}/v.mkv", messages.Attach(id="p", kind="frames", rate=25, width=width))
    (first, _) = desk.of(messages.Chunk)
    slot = RingReader(first.ring).look(first.number)
    assert slot is not None and slot.width == width
    image = numpy.frombuffer(slot.data, numpy.uint8).reshape(slot.height, width, 3)
    assert abs(image.astype(int) - 16).max() < 12


def test_pictures_as_files(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 2))
    wanted = messages.Attach(id="p", kind="frames", rate=25, width=32, format="jpeg")
    desk.run(f"file:{tmp_path}/v.mkv", wanted)
    (first, _) = desk.of(messages.Chunk)
    slot = RingReader(first.ring).look(first.number)
    assert slot is not None and (slot.kind, slot.width) == (JPEG, 32)
    image = simplejpeg.decode_jpeg(bytes(slot.data))
    assert image.shape == (slot.height, 32, 3)
    assert abs(image.astype(int) - 16).max() < 12


def test_a_picture_of_noise_fits_into_its_place() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (64, 64, 3), numpy.uint8)
    assert len(_jpeg(noise, noise.nbytes // 2)) <= noise.nbytes // 2
    assert len(_jpeg(noise, 3000)) < len(_jpeg(noise, 4000))


def test_sound_that_runs_ahead_makes_no_segments_overlap(tmp_path: Path) -> None:
    write_talkie(tmp_path / "v.mp4", 4)
    with Connection(locate(f"file:{tmp_path}/v.mp4", {}), SourceCounts(), 0, (5, 5)) as connection:
        recorder = Recorder(connection, tmp_path, 1000, "1")
        ahead = sorted(
            connection.packets(), key=lambda each: each.dts_ms - 100 * (not each.is_video)
        )
        ended = [recorder.add(each, 0) for each in ahead] + [recorder.finish()]
    segments = [each for each in ended if each is not None]
    assert [each.start_ms for each in segments] == every(1000, 4)
    for before, after in itertools.pairwise(segments):
        assert before.stop_ms < after.start_ms


def test_a_file_may_be_read_at_its_own_speed(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 50), codec="libx264", key_every=25)
    desk.run(f"file:{tmp_path}/v.mkv", PICTURES, is_paced=True)
    captured = [each.captured_at_ms - 1_000_000 for each in desk.of(messages.Chunk)]
    assert captured == every(200, 10)


def test_what_nobody_wants_any_more_ends(desk: Desk, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 150), codec="libx264", key_every=25)

    def stop(what: messages.Told) -> None:
        if isinstance(what, messages.Segment):
            desk.commands.put(messages.Stop())

    desk.on_told = stop
    desk.run(f"file:{tmp_path}/v.mkv", PICTURES)
    assert desk.of(messages.End) == [messages.End(is_forced=True)]
    assert len(desk.of(messages.Segment)) == 2  # the one under way is finished
    assert list((tmp_path / "rings").iterdir())  # for those who look at the last pieces
    desk.intake.close()
    assert not list((tmp_path / "rings").iterdir())


def test_garbage_in_the_middle_is_counted_and_passed_over(desk: Desk, tmp_path: Path) -> None:
    file = io.BytesIO()
    write_video(file, every(40, 150), codec="libx264", key_every=25, container="mpegts")
    data = bytearray(file.getvalue())
    data[len(data) // 2 : len(data) // 2 + 3000] = b"\x00garbage" * 375
    (tmp_path / "v.ts").write_bytes(data)
    desk.run(f"file:{tmp_path}/v.ts", PICTURES)
    assert desk.states[-1] == "ended"
    assert len(desk.of(messages.Chunk)) > 20
    (counts,) = desk.of(messages.Counts)[-1:]
    assert counts.counts["packets"] > 100


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "v.mkv"), (b"no video" * 999, "Invalid data"), (None, "No such file")],
)
def test_what_cannot_be_read_is_said(
    desk: Desk, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "v.mkv").write_bytes(content)
    desk.run(f"file:{tmp_path}/v.mkv")
    assert desk.states == ["connecting", "failed"]
    assert words in desk.of(messages.State)[-1].reason


def test_a_camera_that_is_away_is_tried_again_ever_more_seldom(desk: Desk) -> None:
    def enough(what: messages.Told) -> None:
        if len(desk.of(messages.State)) >= 16:
            desk.commands.put(messages.Stop())

    desk.on_told = enough
    desk.run("rtsp://user:secret@127.0.0.1:1/cam")
    failed = [each for each in desk.of(messages.State) if each.state == "failed"]
    assert [each.retry_ms for each in failed][:8] == [
        500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]  # fmt: skip
    assert "secret" not in repr(desk.told)
    assert "127.0.0.1:1/cam" in failed[0].reason


def test_a_host_that_nobody_knows_is_told_as_that(desk: Desk) -> None:
    def enough(what: messages.Told) -> None:
        if desk.of(messages.State)[-1:] and desk.states[-1] == "failed":
            desk.commands.put(messages.Stop())

    desk.on_told = enough
    desk.run("http://camera.invalid/1.mjpeg")
    failed = [each for each in desk.of(messages.State) if each.state == "failed"]
    assert "nobody knows the host" in failed[0].reason


def test_only_what_moves_passes_the_gate(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as output:
        track = output.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for number in range(100):
            image = numpy.full((48, 64, 3), 60, numpy.uint8)
            if 50 <= number < 60:  # somebody walks through
                image[8:40, number - 30 : number - 10] = 220
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    desk.run(f"file:{path}", messages.Attach(id="p", kind="frames", rate=5.0, gate="motion"))
    seen = {each.start_ms // 200 for each in desk.of(messages.Chunk)}
    assert set(range(50, 60)) <= seen
    assert len(seen) < 40
    assert desk.of(messages.Counts)[-1].gated == {"p": 100 - len(seen)}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h:80/x", "rtmp: and srt: only"),
        ("rtmp://h/live/x", "no host and port"),
        ("rtmp://h:1935/stage", "no application and stream"),
    ],
)
def test_addresses_that_nobody_can_publish_to(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        locate(url, is_listening=True)


def test_a_passphrase_is_in_no_shown_address() -> None:
    location = locate("srt://h:9000?passphrase=open-sesame", is_listening=True)
    assert location.shown == "srt://h:9000"
    assert location.target.endswith("&mode=listener")
    location = locate("rtmp://h:1935/live/stage?key=open-sesame", is_listening=True)
    assert location.shown == "rtmp://h:1935/live/stage"


REFUSED = [
    ("gopher://x/y", "begins with one of"),
    ("rtsp:///x", "names no host"),
    ("file:relative.mkv", "is absolute"),
]


@pytest.mark.parametrize(("url", "words"), REFUSED)
def test_addresses_that_mean_nothing(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        locate(url)


def test_options_are_bounded_and_passwords_hidden() -> None:
    with pytest.raises(SourceError, match="protocol_whitelist is no option"):
        locate("http://h/x.m3u8", {"protocol_whitelist": "file"})
    assert locate("rtsp://h/x", {"rtsp_transport": "udp"}).options["rtsp_transport"] == "udp"
    assert redacted("rtsp://u:p%40x@h:554/x?y") == "rtsp://h:554/x?y"
