"""What is made of a source's packets: pieces for engines and pictures for people, both decoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from av.video.frame import VideoFrame

from pileus.media.intake.dozing import DozingDecoder
from pileus.media.intake.inputs import Pictures, SoundPieces, input_of
from pileus.media.intake.packets import Connection, Timed
from pileus.media.intake.previews import Previews
from pileus.media.units import SourceCounts
from pileus.ports.intakes import Attach, Told


class Pieces:
    """Everybody who wants something of one source, over all its connections. Used by one thread.

    Args:
        tell: hears of pieces and pictures.
        counts: of the source; pictures and damaged packets are added.
        now_ms: the wall clock's time.
        rings: folder of the rings.
    """

    def __init__(
        self,
        tell: Callable[[Told], None],
        counts: SourceCounts,
        now_ms: Callable[[], int],
        rings: Path,
    ) -> None:
        self._tell, self._counts, self._now_ms, self._rings = tell, counts, now_ms, rings
        self._inputs: dict[str, Pictures | SoundPieces] = {}
        self._takers: dict[bool, list[Any]] = {True: [], False: []}
        """Of pictures, and of sound."""
        self._ahead: tuple[Timed, Sequence[Any]] | None = None
        self._decoder = DozingDecoder()
        self._previews = Previews(tell)
        self._decoded: dict[bool, Timed] = {}

    # -- who wants what ---------------------------------------------------------------------

    def attach(self, wish: Attach) -> None:
        """Somebody wants pieces or pictures from now on."""
        if wish.kind in ("h264", "jpeg"):
            self._previews.attach(wish)
            return
        self._inputs[wish.id] = input_of(wish, self._rings)
        self._sort()

    def detach(self, name: str) -> None:
        """Nobody wants them any more."""
        if not self._previews.detach(name) and name in self._inputs:
            self._inputs.pop(name).close()
            self._sort()

    def _sort(self) -> None:
        for is_video, kind in ((True, Pictures), (False, SoundPieces)):
            made = [each for each in self._inputs.values() if isinstance(each, kind)]
            self._takers[is_video] = made

    @property
    def gated(self) -> dict[str, int]:
        """Pictures that gates left out, by input."""
        return {name: each.gated for name, each in self._inputs.items()}

    def close(self) -> None:
        """Take the rings away."""
        for each in self._inputs.values():
            each.close()

    # -- what comes -------------------------------------------------------------------------

    def begin(self, connection: Connection) -> None:
        """The source was connected anew."""
        self._decoder = DozingDecoder()
        self._previews.begin(connection)

    def add(self, timed: Timed, captured_at_ms: int) -> None:
        """A packet, in order."""
        if timed.is_video:
            self._previews.add(timed, captured_at_ms)
        frames = self._decode(timed)
        self._ahead = None
        if frames:
            self._look(frames, timed, captured_at_ms)

    def picture(self, timed: Timed) -> VideoFrame | None:
        """The picture of a packet that is about to be added, where it is decoded for somebody and comes at
        once."""
        frames = self._decode(timed)
        self._ahead = timed, frames
        return next((each for each in frames if each.pts == timed.packet.pts), None)

    def _decode(self, timed: Timed) -> Sequence[Any]:
        """What comes of a packet; nothing where nobody wants it."""
        if self._ahead is not None and self._ahead[0] is timed:
            return self._ahead[1]
        takers = self._takers[timed.is_video]
        is_drawing = timed.is_video and self._previews.is_drawing
        if not takers and not is_drawing:
            return ()
        try:
            if timed.is_video:
                frames: Sequence[Any] = self._see(timed, takers, is_drawing=is_drawing)
            else:
                frames = timed.packet.decode()
        except FFmpegError:
            self._counts.packets_damaged += 1
            return ()
        self._decoded[timed.is_video] = timed
        return frames

    def end(self) -> None:
        """The connection is over: what decoders held back, and sound that was kept for a whole piece."""
        for timed in self._decoded.values():
            try:
                frames = timed.packet.stream.codec_context.decode(None)
            except FFmpegError:
                self._counts.packets_damaged += 1
                continue
            self._look(frames, timed, self._now_ms())
        self._decoded.clear()
        for each in self._inputs.values():
            if isinstance(each, SoundPieces):
                for piece in each.finish():
                    self._tell(piece.told(self._now_ms()))
        self._previews.end()

    def _see(self, timed: Timed, takers: list[Any], *, is_drawing: bool) -> list[Any]:
        """Decode pictures, but for those that nobody wants while nothing moves."""
        may_doze = not is_drawing and all(each.may_doze(timed.pts_ms) for each in takers)
        frames = self._decoder.decode(timed, may_doze=may_doze)
        if may_doze and not frames:
            for taker in takers:
                taker.pass_over(timed.dts_ms)
        return frames

    def _look(self, frames: Sequence[Any], timed: Timed, captured_at_ms: int) -> None:
        takers, is_drawing = self._takers[timed.is_video], self._previews.is_drawing
        for frame in frames:
            # Frames have the packets' clock; the difference to the packet's place is the same.
            pts_ms = timed.pts_ms if frame.pts is None else _place(frame, timed)
            self._counts.frames += timed.is_video
            if timed.is_video and is_drawing:
                self._previews.draw(frame, pts_ms, captured_at_ms)
            for taker in takers:
                if timed.is_video and not taker.wants(pts_ms):
                    continue
                for piece in taker.add(frame, pts_ms):
                    # Sound that is cut at silences is told once the silence has lasted.
                    ago_ms = max(0, pts_ms - piece.stop_ms)
                    self._tell(piece.told(captured_at_ms - ago_ms))


def _place(frame: Any, timed: Timed) -> int:
    if timed.packet.pts is None:
        return timed.pts_ms
    ahead_ms: float = (frame.pts - timed.packet.pts) * timed.tick_ms
    return max(0, timed.pts_ms + round(ahead_ms))
