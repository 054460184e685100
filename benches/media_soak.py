"""Does anything grow while media come for a long time?

A publisher sends a looped film four times as fast as it would be watched, is cut off every minute and comes back;
an engine looks at it five times a second of its time. Memory, file handles, threads and files are sampled, and
the recording and the results checked for holes and doubles.

``python -m benches.media_soak --hours 24`` (or ``--minutes 10``) soaks for as long as asked and writes nothing.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import av
import numpy
from av.video.frame import VideoFrame
from rich.console import Console

from benches.apparatus import figures, media
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import pss_mb, tree
from benches.apparatus.processes import Running, platform

_SPEED, _RATE, _LOOP_S = 4, 25, 20
_TURN_S, _SAMPLE_S, _PATIENCE_S, _PAUSE_S = 60.0, 5.0, 60.0, 0.2
_SEGMENT_S, _KEEP_S, _LATE_S = 2, 30, 15
_STEP_MS, _PIECE_MS = 1000 // _RATE, 200
_ENGINE = b"""from pileus.engines import object_engine

@object_engine
def see(frames, context):
    return [[{"label": "level", "confidence": float(frame.image.mean()) / 255}] for frame in frames]
"""


@dataclass(frozen=True)
class Sample:
    """What the platform and everything below it hold at a moment. ``files``: in the data folder."""

    memory_mb: float
    handles: int
    threads: int
    files: int


@dataclass
class Soak:
    """What was seen. ``doubles``: segments and results that came twice or out of order; ``holes``: between two
    segments; ``too_old``: segments that were kept for too long; ``dropped``: pictures that the engine had no time
    for."""

    samples: list[Sample] = field(default_factory=list)
    cuts: int = 0
    segments: int = 0
    results: int = 0
    doubles: int = 0
    holes: int = 0
    too_old: int = 0
    dropped: int = 0

    def growth(self, of: Callable[[Sample], float]) -> float:
        """The last third beside the one before it: the first third is warming up."""
        third = max(1, len(self.samples) // 3)
        middle = statistics.median(map(of, self.samples[third : 2 * third] or self.samples))
        last = statistics.median(map(of, self.samples[-third:]))
        return last / middle


def run(effort: Effort) -> list[Figure]:
    """Ten minutes; a quick look takes one and a half."""
    return told(soak(90.0 if effort.is_quick else 600.0))


def told(found: Soak) -> list[Figure]:
    """The figures of a soak."""
    note = (
        f"{found.segments} segments, {found.results} results, {found.cuts} cuts, "
        f"{found.dropped} pictures dropped"
    )
    grown: list[tuple[str, Callable[[Sample], float], float]] = [
        ("memory", lambda each: each.memory_mb, 1.05),
        ("file handles", lambda each: each.handles, 1.02),
        ("threads", lambda each: each.threads, 1.02),
        ("files on disk", lambda each: each.files, 1.05),
    ]
    rows = [
        Figure(
            f"soak of media: {name}, last third beside the one before",
            found.growth(of),
            "times",
            1.0,
            "no growth",
            Reach(is_at_most=True, of_value=most),
        )
        for name, of, most in grown
    ]
    wrong = found.doubles + found.holes + found.too_old
    exact = Reach(is_at_most=True, of_value=0.0)
    rows.append(
        Figure("soak of media: holes, doubles, kept too long", wrong, "", 1.0, "–", exact, note)
    )
    return rows


def soak(span_s: float) -> Soak:
    """Media for so long."""
    found = Soak()
    with platform() as running:
        port = running.port
        media.create_engine(port, "see", "see.see", {"see.py": _ENGINE}, 1000 / _PIECE_MS)
        made = media.do(
            port,
            "CreateSource",
            Name="loop",
            Push=True,
            SegmentSeconds=_SEGMENT_S,
            KeepSeconds=_KEEP_S,
            KeepResultsSeconds=300,
        )["Source"]
        media.do(port, "CreatePipeline", Name="loop", Source="loop", Engines=["see"])
        publisher = Publisher(f"{made['PushUrl']}?key={made['PushKey']}")
        watch = _Watch(port, found)
        publisher.start()
        began_s, turn_s = time.monotonic(), time.monotonic()
        while time.monotonic() - began_s < span_s:
            time.sleep(_SAMPLE_S)
            publisher.check()
            watch.look()
            with suppress(FileNotFoundError, ProcessLookupError):  # a process has ended meanwhile
                found.samples.append(_sample(running))
            if time.monotonic() - turn_s >= _TURN_S:
                turn_s = time.monotonic()
                publisher.cut()
                found.cuts += 1
        publisher.end()
        watch.await_end()
    return found


def _sample(running: Running) -> Sample:
    processes = tree(running.pid)
    return Sample(
        memory_mb=pss_mb(running.pid),
        handles=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in processes),
        threads=sum(len(os.listdir(f"/proc/{pid}/task")) for pid in processes),
        files=sum(len(names) for _, _, names in os.walk(running.data_dir)),
    )


class _Watch:
    """Reads results and the index of the recording, and checks both."""

    def __init__(self, port: int, found: Soak) -> None:
        self._port, self._found = port, found
        self._offset, self._result_ms = -1, -1
        self._segment: dict[str, Any] | None = None

    def look(self) -> None:
        """Everything new."""
        while True:
            self._offset, documents = media.results(self._port, "loop", "see", self._offset)
            for each in documents:
                self._result(each["chunk"]["start_ms"])
            if not documents:
                break
        self._recording()

    def _result(self, start_ms: int) -> None:
        step_ms = start_ms - self._result_ms
        self._found.results += 1
        self._found.doubles += self._result_ms >= 0 and step_ms < _PIECE_MS // 2
        self._result_ms = start_ms

    def _recording(self) -> None:
        listed = self._listed()
        # What was kept when it was asked: eviction comes with the next segment.
        horizon_s = time.time() - _KEEP_S - _LATE_S
        self._found.too_old += sum(each["CapturedAt"] < horizon_s for each in listed)
        last = self._segment
        for each in listed:
            if last is not None and each["SegmentId"] <= last["SegmentId"]:
                continue
            if last is not None:
                apart_ms = each["StartMs"] - last["StopMs"]
                self._found.doubles += apart_ms <= 0
                # Also where the publisher was cut off: the film's clock is ahead of the wall's.
                self._found.holes += apart_ms > _STEP_MS * 1.5
            self._found.segments += 1
            last = each
        self._segment = last

    def _listed(self) -> list[dict[str, Any]]:
        found, more = list[dict[str, Any]](), dict[str, Any]()
        while True:
            told = media.do(self._port, "ListSegments", Source="loop", **more)
            found += told["Segments"]
            if not told.get("NextToken"):
                return found
            more = {"NextToken": told["NextToken"]}

    def await_end(self) -> None:
        """Until the source has ended and the engine is done."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while media.do(self._port, "DescribeSource", Name="loop")["Source"]["State"] != "ENDED":
            if time.monotonic() > deadline_s:
                raise RuntimeError("the source has not ended")
            time.sleep(0.5)
        self.look()
        lane = media.do(self._port, "DescribeLane", Source="loop", Engine="see")["Lane"]
        self._found.dropped = sum(lane["Drops"].values())


class Publisher:
    """Sends the film again and again, each time later on its own clock, in one request until it is cut off."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place, self._path = parts.netloc, f"{parts.path}?{parts.query}"
        self._film = _film()
        self._is_cut = self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._problem: Exception | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended it before its time."""
        if self._problem is not None:
            raise RuntimeError("the publisher has failed") from self._problem

    def cut(self) -> None:
        """Hang up without a word and come back."""
        self._is_cut = True

    def end(self) -> None:
        """Send an end; returns when all is read."""
        self._is_ended = True
        self._thread.join(_PATIENCE_S)
        self.check()

    def _run(self) -> None:
        try:
            while not self._is_ended:
                self._is_cut = False
                self._connect_at_last()
        except Exception as problem:  # noqa: BLE001 - told by who waits for it
            self._problem = problem

    def _connect_at_last(self) -> None:
        """Again while it is refused: that the one before has hung up is known a moment later."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            began_s = time.monotonic()
            try:
                return self._connect()
            except OSError:
                if began_s > deadline_s:
                    raise
                time.sleep(_PAUSE_S)

    def _connect(self) -> None:
        connection = http.client.HTTPConnection(self._place, timeout=_PATIENCE_S)
        connection.putrequest("POST", self._path)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        sending = _Sending(connection)
        for _ in self._packets(sending):
            if self._is_cut or self._is_ended:
                break
        if self._is_ended:
            connection.send(b"0\r\n\r\n")
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(answer.read().decode())
        connection.close()

    def _packets(self, sending: _Sending) -> Iterator[None]:
        """Mux packets when they are due."""
        began_s, sent = time.monotonic(), 0
        options = {"live": "1", "flush_packets": "1", "cluster_time_limit": "200"}
        with av.open(io.BytesIO(self._film), "r") as film:
            template = film.streams.video[0]
            # Matroska's times do not wrap around, as those of MPEG-TS do after a day.
            output = av.open(sending, "w", format="matroska", options=options)
            track = output.add_stream_from_template(template)
            while True:
                film.seek(0)
                for packet in film.demux(template):
                    if not packet.size:
                        continue
                    due_s = began_s + sent / _RATE / _SPEED
                    time.sleep(max(0.0, due_s - time.monotonic()))
                    packet.stream, packet.time_base = track, Fraction(1, _RATE)
                    packet.pts = packet.dts = sent
                    output.mux(packet)
                    sent += 1
                    yield


class _Sending:
    """Bytes as chunks of a request."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        """Send them; waits while the platform is behind."""
        self._connection.send(b"%x\r\n%b\r\n" % (len(data), bytes(data)))
        return len(data)


def _film() -> bytes:
    """A brightness that comes and goes under noise, without pictures that wait for later ones."""
    chance = numpy.random.default_rng(1)
    made = io.BytesIO()
    with av.open(made, "w", format="matroska") as output:
        options = {"preset": "ultrafast", "g": str(_RATE), "bf": "0"}
        track: Any = output.add_stream("libx264", rate=_RATE, options=options)
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        for number in range(_LOOP_S * _RATE):
            image = chance.integers(0, 40, (120, 160, 3)) + number % 200
            frame = VideoFrame.from_ndarray(image.astype(numpy.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return made.getvalue()


def main() -> None:
    """Soak for as long as asked and show the figures."""
    parser = argparse.ArgumentParser(prog="python -m benches.media_soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    given = parser.parse_args()
    span_s = given.hours * 3600 + given.minutes * 60
    if span_s <= 0:
        parser.error("--hours or --minutes")
    found = soak(span_s)
    console = Console(highlight=False)
    rows = told(found)
    figures.show(rows, console)
    first, last = found.samples[0], found.samples[-1]
    console.print(f"first {first}\nlast  {last}")
    if not all(row.is_reached for row in rows):
        raise SystemExit("something grows, or is not exact")


if __name__ == "__main__":
    main()
