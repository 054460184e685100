"""WebSockets on raw sockets: handshakes and frames, byte by byte."""

from __future__ import annotations

import pytest

from tests.conformance.http_server.sockets import Connect

# pytest-asyncio has no other way yet to run one test on two kinds of loop.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the:pytest.PytestDeprecationWarning")


HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([(0x80 if is_final else 0) | opcode, 0x80 | len(payload)]) + mask + masked


async def test_websockets(connect: Connect) -> None:
    client = await connect()
    client.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await client.answer())[0] == 200
    client.send(HANDSHAKE + frame(1, b"in one piece with the handshake"))
    status, headers = await client.head()
    # The key and its answer are those of RFC 6455, section 1.3.
    assert (status, headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert await client.reader.readexactly(33) == b"\x81\x1fin one piece with the handshake"
    client.send(frame(2, b"ab", is_final=False) + frame(9, b"ping") + frame(0, b"cd"))
    assert await client.reader.readexactly(12) == b"\x8a\x04ping\x82\x04abcd"
    client.send(frame(8, b"\x03\xe8"))
    assert (await client.reader.readexactly(2))[0] == 0x88


async def test_an_upgrade_nobody_claims_is_an_ordinary_request(connect: Connect) -> None:
    client = await connect()
    client.send(HANDSHAKE.replace(b"/socket", b"/other"))
    status, headers, _ = await client.answer()
    assert (status, headers["x-path"], headers["connection"]) == (200, "/other", "close")


async def test_a_websocket_of_another_version_is_refused(connect: Connect) -> None:
    client = await connect()
    client.send(HANDSHAKE.replace(b"Version: 13", b"Version: 12"))
    assert (await client.head())[0] == 426
