"""A browser that publishes by WebRTC: its offer answered, its packets written as a container that is read on.

WHIP is RFC 9725; the WebRTC itself is aiortc's (the extra ``webrtc``), loaded when the first offer comes. Pictures
are not decoded here: VP8 and H.264 go on as they came. Sound is encoded anew, which a container needs.
"""

from __future__ import annotations

import asyncio
import importlib
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError
from av.packet import Packet

from pileus.media.intake.inlet import Inlet, Publisher
from pileus.media.units import SourceError

_CANDIDATE = "127.0.0.1"
_ANSWER_S = 10.0
_VIDEO_TICK = Fraction(1, 90_000)
_KEYFRAME_S = 2
_SOUND_HZ = 48_000
_PIECES_MAX = 512
_POLL_S = 0.05
_PACKAGES = "pip install 'pileus[webrtc]'"


class WhipPublisher(Publisher):
    """One publisher by WebRTC, read as any other. Raises SourceError: the extra is not installed, or the
    offer means nothing."""

    def __init__(self, inlet: Inlet, offer: str, answered: Callable[[str], None]) -> None:
        super().__init__(inlet)
        self._pieces: queue.Queue[bytes] = queue.Queue(_PIECES_MAX)
        self._rest = b""
        self._session = _Session(self._pieces)
        answered(self._session.answer(offer))

    def read(self, size: int) -> bytes:
        """What the browser sent, as bytes of a container; none when it is gone."""
        waited_s = 0.0
        while not self._rest and not self.is_over:
            self._look_after(waited_s)
            try:
                self._rest = self._pieces.get(timeout=_POLL_S)
            except queue.Empty:
                waited_s += _POLL_S
                self.is_over = self.is_over or self._session.is_gone or self._inlet.is_closed
        if waited_s >= self.silent_s:
            self.on_sound()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _look_after(self, waited_s: float) -> None:
        """Whether the platform hung up for it."""
        if self._inlet.is_readable(0.0):
            self._frame()
        if waited_s < self.silent_s <= waited_s + _POLL_S:
            self.on_silence()

    def close(self) -> None:
        """Hang up. Raises SourceError: what came could not be put into a container."""
        self._session.close()
        if self._session.failure:
            raise SourceError(f"What is published cannot be read: {self._session.failure}")


class _Coded:
    """A picture as it came, in the place of a decoded one."""

    def __init__(self, codec: str, data: bytes, timestamp: int) -> None:
        self.codec, self.data, self.timestamp = codec, data, timestamp


class _Kept:
    """Stands in for a decoder of pictures: they are handed on as they are."""

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def decode(self, frame: Any) -> list[_Coded]:
        """The coded picture itself."""
        return [_Coded(self._codec, frame.data, frame.timestamp)]


class _Session:
    """The connection, on a loop in a thread of its own."""

    def __init__(self, pieces: queue.Queue[bytes]) -> None:
        self._library = _library()
        self._muxer = _Muxer(pieces)
        self.is_gone, self.failure = False, ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True)
        self._thread.start()
        self._connection: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    def answer(self, offer: str) -> str:
        """The answer (SDP). Raises SourceError."""
        work = asyncio.run_coroutine_threadsafe(self._answer(offer), self._loop)
        try:
            return work.result(_ANSWER_S)
        except (ValueError, AssertionError, TimeoutError) as error:
            self.close()
            raise SourceError(f"The offer cannot be answered: {error}") from error

    async def _answer(self, offer: str) -> str:
        library = self._library
        settings = library.RTCConfiguration(iceServers=[])
        connection = self._connection = library.RTCPeerConnection(settings)
        connection.on("track", self._took)
        connection.on("connectionstatechange", self._changed)
        await connection.setRemoteDescription(library.RTCSessionDescription(offer, "offer"))
        self._muxer.has_sound = "m=audio" in offer
        await connection.setLocalDescription(await connection.createAnswer())
        told: str = connection.localDescription.sdp
        return told

    def _took(self, track: Any) -> None:
        self._tasks.append(asyncio.ensure_future(self._pump_all(track)))

    def _changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed", "disconnected"):
            self.is_gone = True

    async def _ask_for_keyframe(self, track: Any) -> None:
        """A browser makes none but when it is asked (RFC 4585, section 6.3.1), and segments begin with one."""
        for receiver in self._connection.getReceivers():
            if receiver.track is track:
                for source in receiver.getSynchronizationSources():
                    # The library asks by itself only where a picture cannot be decoded.
                    await receiver._send_rtcp_pli(source.source)

    async def _pump_all(self, track: Any) -> None:
        add = self._muxer.add_picture if track.kind == "video" else self._muxer.add_sound
        while True:
            try:
                add(await track.recv())
                if track.kind == "video" and self._muxer.takes_keyframe():
                    await self._ask_for_keyframe(track)
            except self._library.MediaStreamError:
                self.is_gone = True
                return
            except FFmpegError as error:
                self.failure, self.is_gone = str(error), True
                return

    def close(self) -> None:
        """Hang up and end the thread."""
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)
        if self._connection is not None:
            asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop).result(_ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Muxer:
    """Writes packets as Matroska (VP8) or MPEG-TS (H.264) into a queue. Begins with the first keyframe."""

    def __init__(self, pieces: queue.Queue[bytes]) -> None:
        self._pieces = pieces
        self._output: Any = None
        self._video: Any = None
        self._audio: Any = None
        self.has_sound = False
        self._shift = self._at = self._due = 0
        self._sound_shift: int | None = None

    def write(self, data: Any) -> int:
        """For the muxer. A reader that is too far behind loses what it cannot hold: a live picture
        is not kept for it."""
        try:
            self._pieces.put_nowait(bytes(data))
        except queue.Full:
            pass  # the demuxer finds its way again, and counts what is damaged
        return len(data)

    def takes_keyframe(self) -> bool:
        """Whether it is time for one; true once each time."""
        if self._at < self._due:
            return False
        self._due = self._at + round(_KEYFRAME_S / _VIDEO_TICK)
        return True

    def add_picture(self, coded: _Coded) -> None:
        """A picture as it came."""
        is_key = _is_key(coded)
        if self._output is None:
            if not is_key:
                return
            self._begin(coded)
        packet: Packet[Any] = Packet(coded.data)
        packet.stream = self._video
        packet.time_base = _VIDEO_TICK
        self._at = packet.pts = packet.dts = coded.timestamp - self._shift
        packet.is_keyframe = is_key
        self._output.mux(packet)

    def add_sound(self, frame: Any) -> None:
        """Decoded sound."""
        if self._output is None or self._audio is None:
            return
        if self._sound_shift is None:  # it begins where the picture is
            self._sound_shift = frame.pts - round(self._at * _VIDEO_TICK * _SOUND_HZ)
        frame.pts -= self._sound_shift
        self._output.mux(self._audio.encode(frame))

    def _begin(self, coded: _Coded) -> None:
        is_vp8 = coded.codec == "VP8"
        form, codec = ("matroska", "vp8") if is_vp8 else ("mpegts", "h264")
        options = {"cluster_time_limit": "200"} if is_vp8 else {}
        self._output = av.open(self, "w", format=form, options=options)
        self._shift = coded.timestamp
        size = {}
        if is_vp8:
            # RFC 6386, section 9.1: the size of a keyframe follows its start code.
            size = {
                name: int.from_bytes(coded.data[at : at + 2], "little") & 0x3FFF
                for name, at in (("width", 6), ("height", 8))
            }
        self._video = self._output.add_mux_stream(codec, **size)
        self._video.time_base = _VIDEO_TICK
        if self.has_sound:
            self._audio = self._output.add_stream("libopus", rate=_SOUND_HZ, layout="stereo")


def _is_key(coded: _Coded) -> bool:
    if coded.codec == "VP8":
        return bool(coded.data) and not coded.data[0] & 1
    return b"\x00\x00\x01\x65" in coded.data or b"\x00\x00\x01\x67" in coded.data


def _library() -> Any:
    """aiortc, made to keep pictures coded and to offer this machine's own address only."""
    try:
        library: Any = importlib.import_module("aiortc")
    except ImportError:
        raise SourceError(f"WHIP takes the extra webrtc: {_PACKAGES}") from None
    receiver: Any = importlib.import_module("aiortc.rtcrtpreceiver")
    ice: Any = importlib.import_module("aioice.ice")
    streams = importlib.import_module("aiortc.mediastreams")
    decoder_of = importlib.import_module("aiortc.codecs").get_decoder

    def decoder(codec: Any) -> Any:
        return _Kept(codec.name) if codec.mimeType.startswith("video/") else decoder_of(codec)

    # It has no setting for either. https://github.com/aiortc/aiortc, 1.16
    receiver.get_decoder = decoder
    ice.get_host_addresses = lambda use_ipv4, use_ipv6: [_CANDIDATE]
    library.MediaStreamError = streams.MediaStreamError
    return library
