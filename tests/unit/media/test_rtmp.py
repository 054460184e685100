"""RTMP as publishers speak it: bytes in pieces of any size, names and keys, what becomes FLV."""

from __future__ import annotations

import struct

import pytest

from pileus.media.amf import NotAmf, packed, unpacked
from pileus.media.rtmp import Address, Refused, RtmpError, RtmpSession

HERE = Address("live", "stage", "open-sesame")
HELLO = b"\x03" + bytes(1536) + bytes(1536)
PICTURE, SOUND, DATA, COMMAND = 9, 8, 18, 20


def message(
    kind: int, data: bytes, at_ms: int = 0, chunk_bytes: int = 128, number: int = 3
) -> bytes:
    """A whole message, cut into chunks."""
    stamp = min(at_ms, 0xFFFFFF).to_bytes(3)
    extended = at_ms.to_bytes(4) if at_ms >= 0xFFFFFF else b""
    head = bytes([number]) + stamp + len(data).to_bytes(3) + bytes([kind]) + b"\1\0\0\0" + extended
    parts = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)] or [b""]
    return head + (bytes([0xC0 | number]) + extended).join(parts)


def command(name: str, *values: object) -> bytes:
    return message(COMMAND, packed(name, 1, *values))


def asking(stream: str = "stage?key=open-sesame", app: str = "live") -> bytes:
    """From the first byte up to the wish to publish."""
    return (
        HELLO
        + command("connect", {"app": app, "tcUrl": "rtmp://h/live"})
        + command("releaseStream", None, stream)
        + command("createStream", None)
        + command("publish", None, stream, "live")
    )


def tags(flv: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, time and content."""
    found = []
    while flv:
        kind, length = flv[0], int.from_bytes(flv[1:4])
        at_ms = int.from_bytes(flv[4:7]) | flv[7] << 24
        found.append((kind, at_ms, flv[11 : 11 + length]))
        assert struct.unpack(">I", flv[11 + length : 15 + length]) == (11 + length,)
        flv = flv[15 + length :]
    return found


SENT = (
    message(DATA, packed("@setDataFrame", "onMetaData", {"width": 64.0}))
    + message(1, (4096).to_bytes(4))
    + message(PICTURE, b"p" * 5000, 40, 4096, number=6)
    + message(SOUND, b"s" * 10, 0x1000000, 4096, number=4)
)
MADE = [
    (DATA, 0, packed("onMetaData", {"width": 64.0})),
    (PICTURE, 40, b"p" * 5000),
    (SOUND, 0x1000000, b"s" * 10),
]


@pytest.mark.parametrize("size", [1, 7, 128, 100_000])
def test_what_is_published_becomes_flv_however_it_comes(size: int) -> None:
    session = RtmpSession(HERE)
    data, flv = asking() + SENT, b""
    for at in range(0, len(data), size):
        flv += session.take(data[at : at + size])
    assert session.is_publishing and tags(flv) == MADE
    assert session.answer.startswith(b"\x03" + bytes(1536) + HELLO[1:1537])
    for word in (b"NetConnection.Connect.Success", b"NetStream.Publish.Start"):
        assert word in session.answer


def test_headers_that_leave_out_what_is_as_before() -> None:
    session = RtmpSession(HERE)
    session.take(asking())
    flv = session.take(message(PICTURE, b"one", 40, number=6))
    flv += session.take(bytes([0x46]) + b"\0\0\x28" + b"\0\0\3" + bytes([PICTURE]) + b"two")
    flv += session.take(bytes([0x86]) + b"\0\0\x14" + b"six")
    flv += session.take(bytes([0xC6]) + b"ten")
    assert tags(flv) == [(PICTURE, at, data) for at, data in
                         ((40, b"one"), (80, b"two"), (100, b"six"), (120, b"ten"))]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "app"),
    [("stage", "live"), ("stage?key=x", "live"), ("other?key=open-sesame", "live"),
     ("stage?key=open-sesame", "dead"), ("", "live")],
)  # fmt: skip
def test_who_names_another_stream_or_key_is_told_so(stream: str, app: str) -> None:
    session = RtmpSession(HERE)
    with pytest.raises(Refused):
        session.take(asking(stream, app))
    assert b"NetStream.Publish.BadName" in session.answer and not session.is_publishing


def test_an_end_is_heard() -> None:
    session = RtmpSession(Address("live", "stage"))
    session.take(asking("stage"))
    session.take(command("FCUnpublish", None, "stage"))
    assert session.is_ended


def test_it_tells_how_much_came_where_it_is_asked_to() -> None:
    session = RtmpSession(HERE)
    session.take(asking() + message(5, (1000).to_bytes(4)))
    session.answer.clear()
    session.take(message(PICTURE, bytes(2000)))
    assert session.answer[7] == 3


WRONG = {
    "another version": b"\x06" + bytes(1536),
    "a request of the web": b"GET / HTTP/1.1\r\n" + bytes(1600),
    "chunks of nothing": HELLO + message(1, bytes(4)),
    "a long message before it is let in": HELLO + b"\3" + bytes(3) + b"\xff\xff\xff" + b"\x09" + bytes(4),
    "too long chunks": HELLO + message(1, (1 << 24).to_bytes(4)),
    "too many chunk streams": HELLO + b"".join(message(4, bytes(6), number=each) for each in range(3, 40)),
    "a command that is none": HELLO + message(COMMAND, b"\x02\xff\xff"),
    "somebody who wants to see": HELLO + command("connect", {"app": "live"}) + command("play", None, "stage"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_others_are_refused(name: str) -> None:
    with pytest.raises(RtmpError):
        RtmpSession(HERE).take(WRONG[name])


def test_values() -> None:
    values = ["text", 1.5, True, None, {"a": {"b": "c"}}]
    assert list(unpacked(packed(*values))) == values
    a_map = b"\x08\0\0\0\1\0\1a" + packed(2) + b"\0\0\x09"
    a_list = b"\x0a\0\0\0\2" + packed(1, "x")
    assert list(unpacked(a_map + a_list)) == [{"a": 2.0}, [1.0, "x"]]
    for wrong in (b"\x02\0\x09ab", b"\x63", b"\x0a\0\0\0\1" * 20):
        with pytest.raises(NotAmf):
            list(unpacked(wrong))
