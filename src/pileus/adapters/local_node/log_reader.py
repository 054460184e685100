"""Cuts an instance's output into records: a line of plain output, or a framed record whole."""

from __future__ import annotations

from pileus.runtime import frames

RECORD_BYTES_MAX = 256 * 1024
"""Longest record kept; longer ones are cut, as CloudWatch Logs does with its events."""


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
