"""RTMP as a publisher speaks it to a server, without sockets: bytes in, bytes to answer and FLV out.

Adobe's Real Time Messaging Protocol, specification 1.0 (2012), https://rtmp.veriskope.com/docs/spec/. What OBS and
ffmpeg send is enough: the plain handshake, AMF0 commands, sound, pictures (also of "enhanced RTMP", whose codecs
FFmpeg's FLV reader knows) and metadata.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from pileus.media.amf import NotAmf, packed, unpacked

_VERSION, _HELLO_BYTES = 3, 1536
_SET_CHUNK_SIZE, _ABORT, _ACK, _WINDOW, _BANDWIDTH = 1, 2, 3, 5, 6
_SOUND, _PICTURE, _DATA, _COMMAND, _DATA_3, _COMMAND_3 = 8, 9, 18, 20, 15, 17
_CHUNK_BYTES_MAX = 1 << 24
_ASKING_BYTES_MAX, _STREAMS_MAX = 65_536, 32
"""Messages of who may not publish yet, and chunk streams: a stranger takes no more memory than that."""
_WINDOW_BYTES = 2_500_000
_SET_FRAME = packed("@setDataFrame")
_STREAM = 1
_Steps = Generator[int, bytes, None]
"""Asks for so many bytes, and is sent them."""
_HEADER_BYTES = (11, 7, 3, 0)
_EXTENDED = 0xFFFFFF
FLV_HEADER = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
"""Sound and pictures may come; a tag of nothing precedes the first."""


class RtmpError(ValueError):
    """The other side does not speak RTMP, or something of it that no publisher needs."""


class Refused(RtmpError):
    """It may not publish here; it was told so."""


@dataclass(frozen=True)
class Address:
    """What a publisher must name: ``rtmp://host/<app>/<stream>``, and ``?key=`` behind the stream if there is one."""

    app: str
    stream: str
    key: str = ""

    def is_named(self, app: str, given: str) -> bool:
        """Whether a publisher names it."""
        name, _, query = given.partition("?")
        shown = dict(part.partition("=")[::2] for part in query.split("&")).get("key", "")
        is_key = hmac.compare_digest(shown.encode(), self.key.encode())
        return is_key and (app.partition("?")[0].strip("/"), name) == (self.app, self.stream)


@dataclass
class _Chunks:
    """One chunk stream: the last header, and the message under way."""

    at_ms: int = 0
    field_ms: int = 0
    length: int = 0
    kind: int = 0
    is_extended: bool = False
    data: bytearray = field(default_factory=bytearray)


class RtmpSession:
    """One publisher's connection.

    Attributes:
        answer: bytes for the publisher; who sends them empties it.
        is_publishing: it was let in.
        is_ended: it said that it is done.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._buffer = bytearray()
        self._steps = self._read()
        self._wanted = next(self._steps)
        self._streams: dict[int, _Chunks] = {}
        self._chunk_bytes = 128
        self._window_bytes = self._received_bytes = self._told_bytes = 0
        self._app = ""
        self._flv = bytearray()
        self.answer = bytearray()
        self.is_publishing = self.is_ended = False

    def take(self, data: bytes) -> bytes:
        """Take what came; FLV tags that it made. Raises RtmpError; Refused after an answer that says so."""
        self._received_bytes += len(data)
        if self._window_bytes and self._received_bytes - self._told_bytes >= self._window_bytes:
            self._told_bytes = self._received_bytes
            self._say(_ACK, struct.pack(">I", self._received_bytes & 0xFFFFFFFF))
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            part = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            self._wanted = self._steps.send(part)
        made, self._flv = bytes(self._flv), bytearray()
        return made

    # -- chunks -----------------------------------------------------------------------------

    def _read(self) -> _Steps:
        """Asks for so many bytes by ``yield``, again and again."""
        hello = yield 1 + _HELLO_BYTES
        if hello[0] != _VERSION:
            raise RtmpError(f"RTMP of version {hello[0]}")
        # A version of nought tells that nothing is signed here; the third part repeats what it said.
        self.answer += bytes([_VERSION]) + bytes(_HELLO_BYTES) + hello[1:]
        yield _HELLO_BYTES
        while True:
            (first,) = yield 1
            number = first & 0x3F
            if number < 2:
                more = yield 1 + number
                number = 64 + int.from_bytes(more, "little")
            chunks = self._streams.setdefault(number, _Chunks())
            if len(self._streams) > _STREAMS_MAX:
                raise RtmpError(f"more than {_STREAMS_MAX} chunk streams")
            yield from self._header(chunks, first >> 6)
            left = chunks.length - len(chunks.data)
            if left:
                chunks.data += yield min(self._chunk_bytes, left)
            if len(chunks.data) == chunks.length:
                data, chunks.data = bytes(chunks.data), bytearray()
                self._message(chunks.kind, chunks.at_ms, data)

    def _header(self, chunks: _Chunks, form: int) -> _Steps:
        head = b""
        if form < 3:
            head = yield _HEADER_BYTES[form]
            chunks.is_extended = int.from_bytes(head[:3]) == _EXTENDED
        extended = (yield 4) if chunks.is_extended else b""
        if chunks.data:
            return  # the message goes on: the header repeats what is known
        if form < 3:
            chunks.field_ms = int.from_bytes(extended or head[:3])
        if form < 2:
            chunks.length, chunks.kind = int.from_bytes(head[3:6]), head[6]
            if chunks.length > _ASKING_BYTES_MAX and not self.is_publishing:
                raise RtmpError(f"a message of {chunks.length} bytes")
        chunks.at_ms = chunks.field_ms if form == 0 else chunks.at_ms + chunks.field_ms
        chunks.at_ms &= 0xFFFFFFFF

    # -- messages ---------------------------------------------------------------------------

    def _message(self, kind: int, at_ms: int, data: bytes) -> None:
        if kind in (_SOUND, _PICTURE):
            if self.is_publishing and data:
                self._tag(kind, at_ms, data)
        elif kind in (_DATA, _DATA_3):
            plain = data[kind == _DATA_3 :]
            if self.is_publishing and plain.startswith(_SET_FRAME):
                self._tag(_DATA, at_ms, plain[len(_SET_FRAME) :])
        elif kind in (_COMMAND, _COMMAND_3):
            self._command(data[kind == _COMMAND_3 :])
        elif kind in (_SET_CHUNK_SIZE, _WINDOW, _ABORT) and len(data) >= 4:
            self._control(kind, int.from_bytes(data[:4]))

    def _control(self, kind: int, value: int) -> None:
        if kind == _SET_CHUNK_SIZE:
            if not 0 < value < _CHUNK_BYTES_MAX:
                raise RtmpError(f"chunks of {value} bytes")
            self._chunk_bytes = value
        elif kind == _WINDOW:
            self._window_bytes = value
        elif value in self._streams:
            self._streams[value].data.clear()

    def _tag(self, kind: int, at_ms: int, data: bytes) -> None:
        size = len(data).to_bytes(3)
        time = (at_ms & 0xFFFFFF).to_bytes(3) + bytes([at_ms >> 24])
        self._flv += bytes([kind]) + size + time + bytes(3) + data
        self._flv += struct.pack(">I", 11 + len(data))

    # -- commands ---------------------------------------------------------------------------

    def _command(self, data: bytes) -> None:
        try:
            name, number, *given = unpacked(data)
        except (NotAmf, ValueError) as problem:
            raise RtmpError(f"a command that cannot be read: {problem}") from problem
        if name == "connect":
            self._connect(number, given[0] if given and isinstance(given[0], dict) else {})
        elif name == "createStream":
            self._tell("_result", number, None, _STREAM)
        elif name == "publish":
            self._publish(str(given[1]) if len(given) > 1 else "")
        elif name == "play":
            self._refuse("NetStream.Play.Failed", "Nothing is played here.")
        elif name in ("deleteStream", "closeStream", "FCUnpublish"):
            self.is_ended = self.is_publishing
        elif name in ("releaseStream", "FCPublish"):
            self._tell("_result", number, None)

    def _connect(self, number: float, told: dict[str, Any]) -> None:
        self._app = str(told.get("app", ""))
        self._say(_WINDOW, struct.pack(">I", _WINDOW_BYTES))
        self._say(_BANDWIDTH, struct.pack(">IB", _WINDOW_BYTES, 2))
        status = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "Connected.",
            "objectEncoding": 0,
        }
        self._tell("_result", number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, status)

    def _publish(self, given: str) -> None:
        if not self._address.is_named(self._app, given):
            self._refuse("NetStream.Publish.BadName", "Nobody may publish by that name and key.")
        self.is_publishing = True
        code = "NetStream.Publish.Start"
        self._tell(
            "onStatus", 0, None, {"level": "status", "code": code, "description": "Go on."}, _STREAM
        )

    def _refuse(self, code: str, why: str) -> None:
        told = {"level": "error", "code": code, "description": why}
        self._tell("onStatus", 0, None, told, _STREAM)
        raise Refused(why)

    def _tell(self, name: str, number: float, *values: Any) -> None:
        stream = 0
        if name == "onStatus":
            *values_list, stream = values
            values = tuple(values_list)
        self._say(_COMMAND, packed(name, number, *values), stream)

    def _say(self, kind: int, data: bytes, stream: int = 0) -> None:
        """A message in chunks of 128 bytes."""
        number = 3 if kind == _COMMAND else 2
        head = bytes([number]) + bytes(3) + len(data).to_bytes(3) + bytes([kind])
        self.answer += head + stream.to_bytes(4, "little") + data[:128]
        for at in range(128, len(data), 128):
            self.answer += bytes([0xC0 | number]) + data[at : at + 128]
