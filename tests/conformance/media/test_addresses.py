"""Sources of every kind on loopback: files, playlists and pictures over HTTP, UDP, publishers by RTMP and SRT."""

from __future__ import annotations

import asyncio
import io
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import pytest

from pileus.adapters.local_intakes import LocalIntakes
from pileus.ports.intakes import Attach, Begin, Chunk, End, Format, Open, Segment, State, Stop
from tests.conformance.commands import is_ci
from tests.unit.media.videos import every, picture, write_video

from .watched import Watched

needs_ffmpeg = pytest.mark.skipif(
    not is_ci() and shutil.which("ffmpeg") is None, reason="Debian's ffmpeg is not installed"
)
_TRIES_MAX = 100
Serve = Callable[[str, bytes | Iterator[bytes], str], None]


class Site:
    """An HTTP server whose pages the test writes; a page may be pieces that come bit by bit."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                if self.path not in site.pages:
                    self.send_error(404)
                    return
                kind, pieces = site.pages[self.path]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for piece in pieces():
                        self.wfile.write(piece)
                except OSError:
                    pass  # the reader has gone

            def log_message(self, *what: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def put(self, path: str, content: bytes, kind: str = "application/octet-stream") -> None:
        self.pages[path] = (kind, lambda: iter([content]))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
async def read(tmp_path: Path) -> AsyncIterator[Any]:
    intakes = LocalIntakes(tmp_path / "intakes")
    started: list[Watched] = []

    async def begin(url: str, **more: Any) -> Watched:
        given = {"stall_s": 2.0, "segment_ms": 1000, "is_paced": False, **more}
        opened = Open(url=url, spool="a/r/x", rings="", stream="1", **given)
        watched = Watched(await intakes.start("source x", opened))
        started.append(watched)
        watched.intake.send(Attach(id="p", kind="frames", rate=25.0, width=32))
        watched.intake.send(Begin())
        return watched

    yield begin
    for each in started:
        await each.close()
    await intakes.close()


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pieces_of(count: int, number: int) -> bytes:
    """A second of MPEG-TS of a longer film."""
    made = io.BytesIO()
    times = [number * 1000 + at_ms for at_ms in every(40, count)]
    write_video(made, times, codec="libx264", key_every=25, container="mpegts")
    return made.getvalue()


def playlist(numbers: range, *, is_over: bool) -> bytes:
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-TARGETDURATION:1",
        f"#EXT-X-MEDIA-SEQUENCE:{numbers.start}",
    ]
    for number in numbers:
        lines += ["#EXTINF:1.0,", f"{number}.ts"]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if is_over else []), ""]).encode()


async def test_a_file_over_http_ends(read: Any, site: Site, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", every(40, 100), codec="libx264", key_every=25)
    site.put("/film", (tmp_path / "v.mkv").read_bytes(), "video/x-matroska")
    seen = await read(site.url("/film"))
    await seen.until(lambda: bool(seen.of(End)))
    assert seen.states == ["connecting", "live", "ended"]
    assert seen.of(End) == [End(is_forced=False)]
    assert len(seen.of(Chunk)) == 100


async def test_a_complete_playlist_ends(read: Any, site: Site) -> None:
    for number in range(3):
        site.put(f"/{number}.ts", pieces_of(25, number))
    site.put("/x.m3u8", playlist(range(3), is_over=True), "application/vnd.apple.mpegurl")
    seen = await read(site.url("/x.m3u8"))
    await seen.until(lambda: bool(seen.of(End)))
    assert seen.states == ["connecting", "live", "ended"]
    assert len(seen.of(Chunk)) >= 75 - 3


async def test_a_live_playlist_goes_on_until_it_ends(read: Any, site: Site) -> None:
    for number in range(8):
        site.put(f"/{number}.ts", pieces_of(25, number))
    kind = "application/vnd.apple.mpegurl"
    site.put("/x.m3u8", playlist(range(3), is_over=False), kind)
    seen = await read(site.url("/x.m3u8"))
    await seen.until(lambda: len(seen.of(Chunk)) >= 60)
    assert not seen.of(End)
    site.put("/x.m3u8", playlist(range(2, 6), is_over=False), kind)
    await seen.until(lambda: len(seen.of(Chunk)) >= 140)
    site.put("/x.m3u8", playlist(range(4, 8), is_over=True), kind)
    await seen.until(lambda: bool(seen.of(End)))
    assert seen.states[-1] == "ended" and seen.states.count("live") == 1
    starts = [each.start_ms for each in seen.of(Chunk)]
    # Each piece was made for itself, so the demuxer takes the last picture before a seam for damaged.
    assert len(starts) >= 200 - 8 and starts == sorted(set(starts))


async def test_pictures_of_an_old_camera(read: Any, site: Site) -> None:
    """Motion JPEG over HTTP, as multipart/x-mixed-replace; it hangs up, and is asked again."""
    frames = []
    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt = 64, 48, "yuvj420p"
    coder.time_base = Fraction(1, 25)
    for number in range(50):
        frame = picture(number).reformat(format="yuvj420p")
        frame.pts = number
        frames += [bytes(packet) for packet in coder.encode(frame)]

    def parts() -> Iterator[bytes]:
        for data in frames:
            head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            yield head.encode() + data + b"\r\n"

    site.pages["/cam"] = ("multipart/x-mixed-replace; boundary=edge", parts)
    seen = await read(site.url("/cam"))
    await seen.until(lambda: seen.states.count("live") == 2)
    (shape, *_) = seen.of(Format)
    assert (shape.video, shape.width) == ("mjpeg", 64)
    assert len(seen.of(Chunk)) >= 40
    assert "hung up" in next(each.reason for each in seen.of(State) if each.state == "stalled")


async def test_what_comes_by_udp(read: Any, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    seen = await read(f"udp://127.0.0.1:{port}")
    data = b"".join(pieces_of(25, number) for number in range(20))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for at in range(0, len(data), 1316):
            sender.sendto(data[at : at + 1316], ("127.0.0.1", port))
            await asyncio.sleep(0.02)
            if len(seen.of(Chunk)) >= 50:
                break
    await seen.until(lambda: "stalled" in seen.states)
    assert "live" in seen.states and seen.of(Segment)


@pytest.mark.skipif(
    not Path("/usr/share/alsa/alsa.conf").exists(), reason="libasound2-data is not installed"
)
async def test_a_sound_device_by_its_name(read: Any) -> None:
    """``null`` is there on every machine, and gives silence."""
    seen = await read("alsa:null")
    await seen.until(lambda: "live" in seen.states)
    (shape,) = seen.of(Format)
    assert (shape.video, shape.audio, shape.sample_rate) == ("", "pcm_s16le", 48_000)


def publish(url: str, form: str, data: bytes) -> None:
    """PyAV as publisher."""
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(url, "w", format=form, timeout=60) as output,
    ):
        track = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                output.mux(packet)


async def ffmpeg(path: Path, form: str, url: str) -> None:
    """Debian's ffmpeg as publisher, at the film's own speed; again while it is refused."""
    for _ in range(_TRIES_MAX):
        process = await asyncio.create_subprocess_exec(
            "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(path), "-c", "copy", "-f", form, url,
        )  # fmt: skip
        if await process.wait() == 0:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"ffmpeg could not publish to {url}")


async def pyav(path: Path, form: str, url: str) -> None:
    """PyAV as publisher; again while it is refused."""
    data = await asyncio.to_thread(path.read_bytes)
    for _ in range(_TRIES_MAX):
        try:
            return await asyncio.to_thread(publish, url, form, data)
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    pytest.fail(f"PyAV could not publish to {url}")


@pytest.mark.parametrize("client", ["pyav", pytest.param("ffmpeg", marks=needs_ffmpeg)])
async def test_publishers_by_rtmp_come_and_go(read: Any, tmp_path: Path, client: str) -> None:
    path = tmp_path / "v.mkv"
    write_video(path, every(40, 75), codec="libx264", key_every=25)
    url = f"rtmp://127.0.0.1:{free_port()}/live/cam"
    seen = await read(url, is_listening=True)
    for number in (1, 2):
        await seen.until(lambda number=number: seen.states.count("connecting") == number)
        # It says so just before it listens, so the first try may be refused.
        await (pyav if client == "pyav" else ffmpeg)(path, "flv", url)
        await seen.until(lambda number=number: seen.states.count("stalled") == number)
    await seen.until(lambda: seen.states.count("connecting") == 3)
    assert seen.states.count("live") == 2 and "failed" not in seen.states
    assert len(seen.of(Chunk)) >= 148
    assert "Waits for a publisher" in seen.of(State)[0].reason


async def test_who_publishes_by_rtmp_names_stream_and_key(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    write_video(path, every(40, 50), codec="libx264", key_every=25)
    place = f"rtmp://127.0.0.1:{free_port()}/live/"
    seen = await read(f"{place}stage?key=open-sesame", is_listening=True)
    await seen.until(lambda: "connecting" in seen.states)
    data = path.read_bytes()
    for wrong in ("stage", "stage?key=close-sesame", "another?key=open-sesame"):
        while True:
            with pytest.raises(OSError) as refused:
                await asyncio.to_thread(publish, place + wrong, "flv", data)
            if not isinstance(refused.value, ConnectionRefusedError):
                break  # it listens by now, and has refused this one by name
            await asyncio.sleep(0.1)
    assert "live" not in seen.states and not seen.of(Chunk)
    await asyncio.to_thread(publish, f"{place}stage?key=open-sesame", "flv", data)
    await seen.until(lambda: "stalled" in seen.states and len(seen.of(Chunk)) >= 49)
    assert "open-sesame" not in repr(seen.told)
    await seen.until(lambda: seen.states.count("connecting") == 2)
    seen.intake.send(Stop())  # also one that waits for a publisher hears of its end
    await seen.until(lambda: seen.states[-1] == "ended")


@needs_ffmpeg
async def test_as_obs_publishes_by_rtmp(read: Any, tmp_path: Path) -> None:
    """B-frames and AAC with metadata before them, by a stream key behind the server's address; then HEVC, which
    only enhanced RTMP can tell."""
    url = f"rtmp://127.0.0.1:{free_port()}/live/stage?key=open-sesame"
    seen = await read(url, is_listening=True)
    await ffmpeg_encodes(url)
    await seen.until(lambda: seen.states.count("stalled") == 1)
    path = tmp_path / "v.mkv"
    write_video(path, every(40, 50), codec="libx265", key_every=25)
    await pyav(path, "flv", url)
    await seen.until(lambda: seen.states.count("stalled") == 2)
    told = [(each.video, each.width, each.audio) for each in seen.of(Format)]
    assert told == [("h264", 320, "aac"), ("hevc", 64, "")]
    assert all(each.pictures for each in seen.of(Segment))


async def ffmpeg_encodes(url: str) -> None:
    """Three seconds of a test picture and a tone as OBS encodes them; again while it is refused."""
    for _ in range(_TRIES_MAX):
        process = await asyncio.create_subprocess_exec(
            "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
            "-f", "lavfi", "-i", "sine=frequency=440", "-t", "3", "-c:v", "libx264", "-preset", "veryfast",
            "-pix_fmt", "yuv420p", "-b:v", "500k", "-bf", "2", "-g", "50", "-c:a", "aac", "-f", "flv", url,
        )  # fmt: skip
        if await process.wait() == 0:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"ffmpeg could not publish to {url}")


@needs_ffmpeg
async def test_publishers_by_srt_come_and_go(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    write_video(path, every(40, 75), codec="libx264", key_every=25)
    port = free_port(socket.SOCK_DGRAM)
    url = f"srt://127.0.0.1:{port}?passphrase=open-sesame-1"
    seen = await read(url, is_listening=True)
    for number in (1, 2):
        await seen.until(lambda number=number: seen.states.count("connecting") == number)
        await ffmpeg(path, "mpegts", url)
        await seen.until(lambda number=number: seen.states.count("stalled") == number)
    assert seen.states.count("live") == 2
    assert len(seen.of(Chunk)) >= 140
    assert "open-sesame" not in repr(seen.told)


async def test_srt_without_the_program_names_it(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    seen = await read(f"srt://127.0.0.1:{free_port()}", is_listening=True)
    await seen.until(lambda: "failed" in seen.states)
    assert "apt-get install ffmpeg" in seen.of(State)[-1].reason


async def test_sixteen_at_once(read: Any, site: Site, tmp_path: Path) -> None:
    """Each has a process of its own, and each is whole."""
    write_video(tmp_path / "v.mkv", every(40, 100), codec="libx264", key_every=25)
    site.put("/film", (tmp_path / "v.mkv").read_bytes(), "video/x-matroska")
    seen = await asyncio.gather(*(read(site.url("/film"), is_paced=True) for _ in range(16)))
    for each in seen:
        await each.until(lambda each=each: bool(each.of(End)))
        assert each.states == ["connecting", "live", "ended"]
        assert len(each.of(Chunk)) == 100
        assert sum(segment.pictures for segment in each.of(Segment)) == 100
