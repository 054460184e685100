"""Reads recorded segments again, as fast as their pieces are taken.

Pieces are those that the source's process made of the same moments: pictures at the same distance, sound cut
at the same places. A piece is written once whoever looks at the ring is done with what lay in its place.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import Flags2
from av.error import FFmpegError

from pileus.media.intake.inputs import Lull, Pictures, Piece, input_of
from pileus.ports import intakes as messages
from pileus.ports.intakes import Told

_APART_MS = 1000
"""Sound of segments further apart is decoded anew."""


class _Stopped(Exception):
    """Nobody wants the recording any more."""


class Replay:
    """One input's pieces out of a recording."""

    def __init__(
        self,
        opened: messages.Replay,
        commands: queue.SimpleQueue[messages.Command],
        tell: Callable[[Told], None],
        complain: Callable[[str], object],
    ) -> None:
        self._commands, self._tell, self._complain = commands, tell, complain
        self._waiting: deque[messages.Command] = deque()
        self._upto = 0
        self._input = input_of(opened.input, Path(opened.rings), self._await_room)
        self._is_cut = opened.input.most_ms > 0
        self._is_video = isinstance(self._input, Pictures)
        self._hearing: AudioCodecContext | None = None
        self._heard_ms = 0
        self._segment: messages.Decode | None = None

    def run(self) -> None:
        """Until nobody wants any more."""
        try:
            while True:
                command = self._waiting.popleft() if self._waiting else self._next()
                if isinstance(command, messages.Decode):
                    self._replay(command)
                elif isinstance(command, messages.Finish):
                    self._finish()
        except _Stopped:
            pass
        finally:
            self._input.close()

    def _next(self) -> messages.Command | None:
        command = self._commands.get()
        if isinstance(command, messages.Stop):
            raise _Stopped
        if isinstance(command, messages.Credit):
            self._upto = max(self._upto, command.upto)
            return None
        return command

    def _await_room(self, number: int) -> None:
        while number > self._upto:
            command = self._next()
            if command is not None:
                self._waiting.append(command)

    # -- segments ---------------------------------------------------------------------------

    def _replay(self, segment: messages.Decode) -> None:
        self._segment = segment
        path = Path(segment.path)
        try:
            with av.open(str(path)) as container:
                path.unlink()  # it is read to its end through what is open
                for frame in self._frames(container):
                    self._take(frame)
        except (FFmpegError, OSError) as error:
            self._complain(f"a recorded segment cannot be read: {error}\n")
            path.unlink(missing_ok=True)
        self._tell(messages.Decoded())

    def _frames(self, container: Any) -> Iterator[Any]:
        streams = container.streams
        found = streams.video if self._is_video else streams.audio
        if not found:
            return
        decoder = found[0].codec_context if self._is_video else self._ear(found[0])
        is_begun = False
        for packet in container.demux(found[0]):
            if packet.size == 0:
                continue
            if packet.pts and packet.pts > 0 and not is_begun:
                # Every segment says how much is to be left out at a beginning, as if the sound began there.
                decoder.flags2 |= Flags2.skip_manual
            is_begun = True
            try:
                yield from decoder.decode(packet)
            except FFmpegError:
                continue  # damaged when it was recorded: the source's process has counted it
        if self._is_video:
            yield from decoder.decode(None)

    def _ear(self, track: Any) -> AudioCodecContext:
        """One decoder over segments that follow each other: codecs need the packet before."""
        assert self._segment is not None
        known = track.codec_context
        is_next = abs(self._segment.start_ms - self._heard_ms) <= _APART_MS
        if self._hearing is None or not is_next or self._hearing.extradata != known.extradata:
            made = AudioCodecContext.create(known.name, "r")
            made.extradata = known.extradata
            made.sample_rate, made.layout = known.sample_rate, known.layout
            self._hearing = made
        return self._hearing

    def _take(self, frame: Any) -> None:
        if frame.pts is None:
            return
        pts_ms = round(float(frame.pts * frame.time_base * 1000))
        if not self._is_video:
            self._heard_ms = pts_ms
        elif not self._input.wants(pts_ms):  # type: ignore[union-attr]
            return
        for piece in self._input.add(frame, pts_ms):
            self._say(piece)

    def _finish(self) -> None:
        if not isinstance(self._input, Pictures):
            for piece in self._input.finish():
                self._say(piece)
        self._tell(messages.Decoded())

    def _say(self, piece: Piece | Lull) -> None:
        segment = self._segment
        assert segment is not None
        captured_at_ms = segment.captured_at_ms
        if isinstance(piece, Piece):
            # A piece that is cut at a silence is there with its end.
            at_ms = piece.stop_ms if self._is_cut else piece.start_ms
            captured_at_ms += max(0, at_ms - segment.start_ms)
        self._tell(piece.told(captured_at_ms, segment.stream))
