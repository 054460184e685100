"""The frames between a node and a function instance, for both sides.

A frame is an eight byte prefix (payload length u32, kind u8, one zero byte, header length u16,
little endian), the header, the payload. Headers are byte strings joined by zero bytes: parsing
them costs less than a microsecond, which is why they are not JSON.

Why not the HTTP Runtime API for everything: a call over it costs five times as much.
"""

from __future__ import annotations

import struct

PREFIX = struct.Struct("<IBxH")
PREFIX_BYTES = PREFIX.size

INVOKE = 1
"""Node to instance. Header: request id, deadline (epoch ms), trace id, invoked ARN, client context
JSON, Cognito identity JSON. Payload: the event."""
READY = 2
"""Instance to node after the init phase. Header: peak memory in KiB. Payload: names of
modules, comma separated, that a zygote may import for later instances."""
INIT_ERROR = 3
"""Instance to node: the init phase failed. Payload: the error document."""
RESULT = 4
"""Instance to node. Header: peak memory in KiB, request id. Payload: the response."""
ERROR = 5
"""Instance to node: the handler raised. Header as RESULT. Payload: the error document."""

LAST_ERROR = 6
"""Instance to node: as ERROR, of a handler that the process does not survive."""
PART = 7
"""Instance to node: a piece of a streamed answer, which RESULT (of what is left) or ERROR ends. Header:
peak memory in KiB, request id, content type or empty. Payload: the bytes."""

SNAPSHOT = 8
"""Instance to node instead of READY: it is initialised and would be copied. Header: peak memory in KiB.
Payload: why it cannot be, or nothing."""

RESPONSE_BYTES_MAX = 6_291_556
"""Largest response of a synchronous invocation (6 MB and a margin, as AWS's error names it)."""

LOG_FRAME_MAGIC = b"\xa5\x5a\x00"
"""First three bytes of a framed log record (the fourth tells level and format), the form that
AWS's runtime clients write to ``_LAMBDA_TELEMETRY_LOG_FD``: type u32, length u32, microseconds
u64, big endian, then the text."""
LOG_FRAME = struct.Struct(">IIQ")
LOG_FRAME_TEXT = 0xA55A0003


def head(kind: int, header: bytes, payload_bytes: int) -> bytes:
    """What stands before a payload."""
    return PREFIX.pack(payload_bytes, kind, len(header)) + header


def encode(kind: int, header: bytes, payload: bytes) -> bytes:
    """One frame as bytes."""
    return PREFIX.pack(len(payload), kind, len(header)) + header + payload
