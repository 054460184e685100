"""How events reach a runtime and answers come back: frames, or the HTTP Runtime API."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from pileus.ports.nodes import Invocation
from pileus.runtime import frames
from pileus.runtime.python_client import SHAREABLE

_PAYLOAD_BYTES_MAX = frames.RESPONSE_BYTES_MAX + 1024 * 1024
"""A worker that announces more has lost its way (its own check stops at the response limit)."""


_COPIED_BYTES_MAX = 16 * 1024
"""Larger events are written as they are, behind their head."""
_FIGURE_DIGITS_MAX = 12
"""Of a memory figure in KiB."""


class Runtime(Protocol):
    """The instance as its channel sees it."""

    def on_ready(self, peak_kib: int, shareable: tuple[str, ...]) -> None:
        """The init phase is over; ``shareable`` modules may be preloaded for later instances."""
        ...

    def on_snapshot(self, peak_kib: int, obstacle: str) -> None:
        """The init phase of a snapshot is over; ``obstacle`` says why it cannot be copied, or nothing."""
        ...

    def on_init_error(self, document: bytes, peak_kib: int) -> None:
        """The init phase failed and says why."""
        ...

    def on_answer(self, request_id: str, payload: bytes, is_error: bool, peak_kib: int) -> None:
        """The answer to an invocation."""
        ...

    def on_last_error(self, request_id: str, document: bytes, peak_kib: int) -> None:
        """The answer to an invocation that the process does not survive."""
        ...

    def on_part(self, request_id: str, content_type: str, data: bytes, peak_kib: int) -> None:
        """A piece of a streamed answer."""
        ...

    def on_nonsense(self, detail: str) -> None:
        """The runtime broke the protocol."""
        ...


class Channel(Protocol):
    """Hands invocations to the runtime."""

    def send(self, invocation: Invocation) -> None:
        """Queue one invocation for the runtime."""
        ...

    def hold(self, is_held: bool) -> None:
        """Read no more from the runtime until the hold is lifted."""
        ...

    def close(self) -> None:
        """Close every socket of the channel."""
        ...


class FrameChannel(asyncio.Protocol):
    """The framed link to our own Python client."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._partial = bytearray()
        self._needed_bytes = frames.PREFIX_BYTES
        self._is_broken = False
        self._transport: asyncio.WriteTransport | None = None
        self._is_held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self, invocation: Invocation) -> None:
        """Queue one invocation for the runtime."""
        header = "\0".join(
            (
                invocation.request_id,
                str(invocation.deadline_ms),
                invocation.trace,
                invocation.invoked_arn,
                invocation.client_context,
                invocation.identity,
            )
        )
        if self._transport is not None:
            payload = invocation.payload
            if len(payload) < _COPIED_BYTES_MAX:
                self._transport.write(frames.encode(frames.INVOKE, header.encode(), payload))
            else:
                head = frames.head(frames.INVOKE, header.encode(), len(payload))
                self._transport.writelines((head, payload))

    def hold(self, is_held: bool) -> None:
        """See :class:`Channel`."""
        if self._transport is not None and is_held != self._is_held:
            self._is_held = is_held
            transport = cast(asyncio.Transport, self._transport)
            (transport.pause_reading if is_held else transport.resume_reading)()

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._is_broken:
            return
        partial = self._partial
        if partial:
            # Code inside decides in how many pieces a frame comes: each is looked at once only.
            partial += data
            if len(partial) < self._needed_bytes:
                return
            data = bytes(partial)
            partial.clear()
        at, needed = 0, frames.PREFIX_BYTES
        while len(data) - at >= frames.PREFIX_BYTES and not self._is_broken:
            payload_size, kind, header_size = frames.PREFIX.unpack_from(data, at)
            if payload_size > _PAYLOAD_BYTES_MAX:
                self._break(f"a frame announced {payload_size} bytes")
                return
            start = at + frames.PREFIX_BYTES + header_size
            end = start + payload_size
            if len(data) < end:
                needed = end - at
                break
            self._take(kind, data[at + frames.PREFIX_BYTES : start], data[start:end])
            at = end
        self._needed_bytes = needed
        if at < len(data):
            partial += data[at:]

    def _break(self, detail: str) -> None:
        """Nothing that still comes counts."""
        self._is_broken = True
        self._partial.clear()
        self._runtime.on_nonsense(detail)

    def _take(self, kind: int, header: bytes, payload: bytes) -> None:
        peak, _, request_id = header.partition(b"\0")
        if not peak.isdigit() or len(peak) > _FIGURE_DIGITS_MAX:
            self._break("a frame without its memory figure")
        elif kind == frames.RESULT or kind == frames.ERROR:
            text = request_id.decode("ascii", "replace")
            self._runtime.on_answer(text, payload, kind == frames.ERROR, int(peak))
        elif kind == frames.READY:
            names = payload.decode("ascii", "replace")
            known = tuple(name for name in SHAREABLE if name in names.split(","))
            self._runtime.on_ready(int(peak), known)
        elif kind == frames.SNAPSHOT:
            self._runtime.on_snapshot(int(peak), payload.decode("utf-8", "replace"))
        elif kind == frames.INIT_ERROR:
            self._runtime.on_init_error(payload, int(peak))
        elif kind == frames.LAST_ERROR:
            text = request_id.decode("ascii", "replace")
            self._runtime.on_last_error(text, payload, int(peak))
        elif kind == frames.PART:
            text, _, content_type = request_id.decode("utf-8", "replace").partition("\0")
            self._runtime.on_part(text, content_type, payload, int(peak))
        else:
            self._break(f"a frame of unknown kind {kind}")
