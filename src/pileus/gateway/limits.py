"""What the server accepts and how long it waits, as data."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one server; times in seconds, sizes in bytes.

    Attributes:
        url_bytes: request line beyond this is answered 414.
        header_bytes: names and values together; beyond this the answer is 431.
        buffered_bytes: a body announced to be at most this long is handed over whole.
        window_bytes: a streamed body is no longer read from the socket beyond this backlog.
        door_connections: open at once through one sandbox's door; what comes beyond is closed.
        pipelined: requests taken in while one is being answered.
        header_s: from a request's first byte to the end of its headers.
        body_s: without a byte of an announced body, or without the peer taking one of ours.
        idle_s: between requests.
        grace_s: given to running requests when the server closes.
    """

    url_bytes: int = 16 * 1024
    header_bytes: int = 32 * 1024
    header_count: int = 200
    buffered_bytes: int = 64 * 1024
    window_bytes: int = 256 * 1024
    drained_bytes: int = 256 * 1024
    door_connections: int = 512
    pipelined: int = 16
    header_s: float = 20.0
    body_s: float = 60.0
    idle_s: float = 75.0
    grace_s: float = 2.0
