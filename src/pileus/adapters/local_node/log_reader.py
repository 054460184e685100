"""Cuts an instance's output into records: a line of plain output, or a framed record whole."""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Callable

from pileus.runtime import frames

RECORD_BYTES_MAX = 256 * 1024
"""Longest record kept; longer ones are cut, as CloudWatch Logs does with its events."""


_READ_BYTES = 8 * 1024
_PIPE_BYTES = 64 * 1024
"""What a pipe holds: whoever has read so much has read all that was written before."""
_NO_BYTES = bytes(4)


class LogPipe:
    """The node's end of an instance's output, which must not block.

    Args:
        emit: takes records as they are complete.
    """

    def __init__(self, descriptor: int, emit: Callable[[list[str]], None]) -> None:
        self.is_ended = False
        self._descriptor = descriptor
        self._emit = emit
        self._reader = LogReader()
        self._waiting_bytes = bytearray(4)

    def has_output(self) -> bool:
        """Whether bytes wait: asking costs less than a read that finds nothing."""
        fcntl.ioctl(self._descriptor, termios.FIONREAD, self._waiting_bytes)
        return self._waiting_bytes != _NO_BYTES

    def read(self) -> int:
        """Take one piece of output; how many bytes it had."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return 0
        if data:
            self._emit(self._reader.feed(data))
        else:
            self.is_ended = True
        return len(data)

    def drain(self) -> None:
        """Take what was written until now, and not what is written meanwhile: output without end
        must not keep the event loop from everything else, time-outs included."""
        left = _PIPE_BYTES
        while left > 0:
            count = self.read()
            if not count:
                return
            left -= count

    def finish(self) -> None:
        """The last record may have no end."""
        self._emit(self._reader.finish())


class LogReader:
    """Feed it bytes as they come; it gives back complete records."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[str]:
        """Records completed by ``data``."""
        buffer = self._buffer + data
        records = []
        at = 0
        while at < len(buffer):
            if buffer.startswith(frames.LOG_FRAME_MAGIC, at):
                end = self._frame_end(buffer, at)
                if end is None:
                    break
                text = buffer[at + frames.LOG_FRAME.size : end].rstrip(b"\n")
            else:
                end = buffer.find(b"\n", at) + 1
                if not end:
                    if len(buffer) - at <= RECORD_BYTES_MAX:
                        break
                    end = at + RECORD_BYTES_MAX
                text = buffer[at:end].rstrip(b"\n")
            records.append(text[:RECORD_BYTES_MAX].decode("utf-8", "replace"))
            at = end
        self._buffer = buffer[at:]
        return records

    def finish(self) -> list[str]:
        """What is left without an end."""
        rest, self._buffer = self._buffer, b""
        if rest.startswith(frames.LOG_FRAME_MAGIC):
            rest = rest[frames.LOG_FRAME.size :]
        return [rest.decode("utf-8", "replace")] if rest else []

    @staticmethod
    def _frame_end(buffer: bytes, at: int) -> int | None:
        if len(buffer) - at < frames.LOG_FRAME.size:
            return None
        _, size, _ = frames.LOG_FRAME.unpack_from(buffer, at)
        end = at + frames.LOG_FRAME.size + min(size, RECORD_BYTES_MAX)
        return end if len(buffer) >= end else None
