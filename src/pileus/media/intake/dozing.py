"""Decoding no more than keyframes while nothing moves."""

from __future__ import annotations

from typing import Any

from pileus.media.intake.packets import Timed

AWAKE_MS = 1000
"""After a packet that woke it, everything is decoded for so long; what moves keeps it awake then."""
HELD_MAX = 600
"""Packets that may wait for being decoded; more than this between two keyframes are decoded after all."""
_LARGE = 3.0
_LARGE_BYTES = 256
_FOLLOW = 0.05


class DozingDecoder:
    """Decodes the pictures of one connection, in order.

    While it dozes, packets between keyframes are held. A packet that is much larger than usual tells that the
    picture changes: everything since the last keyframe is decoded, and what follows. An encoder of constant rate
    gives no such sign; motion is then seen at the next keyframe.
    """

    def __init__(self) -> None:
        self._held: list[Timed] = []
        self._usual_bytes = 0.0
        self._awake_until_ms = 0

    def decode(self, timed: Timed, *, may_doze: bool) -> list[Any]:
        """Pictures that came of a packet, of held ones as well. Raises FFmpegError."""
        if not timed.is_key and self._is_large(timed.packet.size):
            self._awake_until_ms = timed.pts_ms + AWAKE_MS
        dozes = may_doze and timed.pts_ms >= self._awake_until_ms
        if dozes and timed.is_key:
            return self._alone(timed)
        if timed.is_key:
            self._held = []
        self._held.append(timed)
        if dozes and len(self._held) < HELD_MAX:
            return []
        due, self._held = self._held, []
        return [frame for each in due for frame in each.packet.decode()]

    def _alone(self, timed: Timed) -> list[Any]:
        """The keyframe's picture at once: a decoder that puts pictures into order would keep it until more
        packets come. It starts anew with the same keyframe, should they be decoded."""
        self._held = [timed]
        frames: list[Any] = timed.packet.decode()
        context = timed.packet.stream.codec_context
        frames += context.decode(None)
        context.flush_buffers()
        return frames

    def _is_large(self, size_bytes: int) -> bool:
        usual_bytes = self._usual_bytes or float(size_bytes)
        self._usual_bytes = usual_bytes + (size_bytes - usual_bytes) * _FOLLOW
        return size_bytes > usual_bytes * _LARGE + _LARGE_BYTES
