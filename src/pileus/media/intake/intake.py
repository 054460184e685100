"""Reads one source: opens it again and again, records it, and makes pieces for engines."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Callable
from pathlib import Path

from pileus.media.intake.inlet import Inlet, Publisher
from pileus.media.intake.location import Location, locate
from pileus.media.intake.packets import Connection, Stalled, Timed
from pileus.media.intake.pieces import Pieces
from pileus.media.intake.program import Program
from pileus.media.intake.recorder import CannotRecord, Recorder
from pileus.media.intake.rtmp_listener import RtmpListener
from pileus.media.intake.whip import WhipPublisher
from pileus.media.units import SourceCounts, SourceError
from pileus.media.upload import Patience
from pileus.ports import intakes as messages
from pileus.ports.intakes import Told
from pileus.values.errors import PileusError

OPEN_S_MAX = 10.0
_PAUSE_FIRST_S, _PAUSE_LAST_S = 0.5, 30.0
_COUNTS_EVERY_S = 5.0
_STOP_POLL_S = 0.2


class _Stopped(Exception):
    """Nobody wants the source any more."""


class _CutOff(Exception):
    """A pushed source's publisher went away without a word, and nobody took its place."""


class Intake:
    """One source. ``chance`` gives numbers from 0 to 1, for the jitter of pauses."""

    def __init__(
        self,
        opened: messages.Open,
        commands: queue.SimpleQueue[messages.Command],
        tell: Callable[[Told], None],
        patience: Patience,
        chance: Callable[[], float],
    ) -> None:
        self._open, self._commands, self._tell = opened, commands, tell
        self._patience, self._chance = patience, chance
        self._counts = SourceCounts()
        self._pieces = Pieces(tell, self._counts, patience.now_ms, Path(opened.rings))
        self._connections = 0
        self._was_endless = self._is_stopped = False
        self._last_ms = opened.origin_ms - 1
        self._began_s: float | None = None
        self._told_s = patience.mono_s()

    def run(self) -> None:
        """Until the source has ended, or nobody wants it; rings stay until :meth:`close`."""
        is_forced = True
        try:
            self._await_begin()
            opened = self._open
            location = locate(opened.url, opened.options, is_listening=opened.is_listening)
            if self._open.url == messages.PUSHED:
                self._run_pushed(location)
            else:
                self._run(location)
            is_forced = False
        except _Stopped:
            self._state("ended", "stopped")
        except _CutOff as silence:
            self._state("ended", str(silence))
        except PileusError as problem:
            self._state("failed", str(problem))
        self._tell_counts()
        self._tell(messages.End(is_forced=is_forced))

    def close(self) -> None:
        """Take the rings away: engines are done with the last pieces."""
        self._pieces.close()

    def _run(self, location: Location) -> None:
        pause_s = _PAUSE_FIRST_S
        while True:
            waits = f"Waits for a publisher at {location.shown}." if location.is_listening else ""
            self._state("connecting", waits)
            before = self._counts.packets
            reason = ""
            try:
                if self._connect_once(location):
                    self._state("ended")
                    return
                reason = f"{location.shown} hung up."
                self._state("stalled", reason)
                if location.is_listening:
                    continue  # the next publisher may be there already
            except Stalled as silence:
                reason = str(silence)
                self._state("stalled", reason)
            except (SourceError, CannotRecord) as problem:
                if not location.is_live:
                    raise
                reason = str(problem)
            if self._counts.packets > before:
                pause_s = _PAUSE_FIRST_S
            self._pause(pause_s * (0.75 + self._chance() / 2), reason)
            pause_s = min(pause_s * 2, _PAUSE_LAST_S)

    def _connect_once(self, location: Location) -> bool:
        """Read one connection to its end; whether that is the source's as well."""
        if not location.command and not location.is_listening:
            return self._connect(location) or not location.is_live
        with self._reader(location) as reader:
            try:
                self._connect(dataclasses.replace(location, file=reader))
            except SourceError:
                self._check_stopped()
                reader.check()
                raise
            self._check_stopped()
            reader.check()
        return False

    def _reader(self, location: Location) -> Program | RtmpListener:
        """What is read in the place of an address."""
        if location.command:
            return Program(location, self._open.stall_s, self._goes_on)
        return RtmpListener(location, self._open.stall_s, self._patience.mono_s, self._goes_on)

    def _run_pushed(self, location: Location) -> None:
        """One publisher after another, while each was cut off and the next comes soon."""
        inlet = Inlet(self._open.inlet_fd, self._patience.mono_s, self._goes_on)
        self._state("connecting")
        while (came := inlet.publisher(self._open.linger_s)) is not None:
            publisher = self._welcome(inlet, came)
            try:
                self._connect(dataclasses.replace(location, file=publisher))
            except (SourceError, CannotRecord):
                self._check_stopped()
                if publisher.is_clean or not publisher.is_over:
                    raise
            finally:
                publisher.close()
                if isinstance(came, str):
                    self._tell(messages.Left())
            self._check_stopped()
            if publisher.is_clean:
                self._state("ended")
                return
            self._state("stalled", "The publisher was cut off; it may come back.")
        self._check_stopped()
        raise _CutOff("The publisher was cut off and did not come back.")

    def _welcome(self, inlet: Inlet, came: Publisher | str) -> Publisher:
        """A publisher, one by WebRTC answered. One that is silent is not hung up on: it may have nothing to
        show."""
        if isinstance(came, str):
            publisher: Publisher = WhipPublisher(inlet, came, self._answered)
        else:
            publisher = came
        before = self._connections
        publisher.silent_s = self._open.stall_s
        publisher.on_silence = lambda: self._state("stalled", "The publisher sends nothing.")
        publisher.on_sound = lambda: self._state(
            "live" if self._connections > before else "connecting"
        )
        return publisher

    def _answered(self, sdp: str) -> None:
        self._tell(messages.Answer(sdp=sdp))

    def _pause(self, pause_s: float, reason: str) -> None:
        self._state("failed", reason, round(pause_s * 1000))
        until_s = self._patience.mono_s() + pause_s
        while (left_s := until_s - self._patience.mono_s()) > 0:
            self._obey()
            self._patience.sleep(min(left_s, _STOP_POLL_S))

    def _connect(self, location: Location) -> bool:
        """Read one connection to its end; whether the source states that there is no more."""
        origin_ms = self._origin_ms()
        timeouts_s = (OPEN_S_MAX, max(self._open.stall_s, location.silence_s))
        with Connection(location, self._counts, origin_ms, timeouts_s) as connection:
            if connection.is_finite and self._was_endless:
                return True  # what was live has come to its end, and was seen
            self._was_endless = not connection.is_finite
            self._connections += 1
            self._pieces.begin(connection)
            recorder = None
            if self._open.is_recorded:
                spool = Path(self._open.spool)
                length_ms, stream = self._open.segment_ms, self._open.stream
                recorder = Recorder(connection, spool, length_ms, stream, self._pieces.picture)
            is_first = True
            try:
                for timed in connection.packets():
                    if is_first:
                        self._live(connection)
                        is_first = False
                    self._take(
                        timed, recorder, is_live=location.is_live and not connection.is_finite
                    )
            finally:
                if recorder is not None:
                    self._keep(recorder.finish())
                self._pieces.end()
            return connection.is_finite

    def _origin_ms(self) -> int:
        """After an interruption time goes on where the wall clock is, never back."""
        if self._began_s is None:
            return self._open.origin_ms
        passed_ms = round((self._patience.mono_s() - self._began_s) * 1000)
        return max(self._last_ms + 1, self._open.origin_ms + passed_ms)

    def _live(self, connection: Connection) -> None:
        if self._began_s is None:
            self._began_s = self._patience.mono_s()
        video, audio = connection.video, connection.audio
        self._tell(
            messages.Format(
                video=video.codec_context.name if video else "",
                width=video.codec_context.width if video else 0,
                height=video.codec_context.height if video else 0,
                rate=connection.rate if video else 0.0,
                audio=audio.codec_context.name if audio else "",
                sample_rate=audio.codec_context.sample_rate or 0 if audio else 0,
            )
        )
        self._state("live")

    def _take(self, timed: Timed, recorder: Recorder | None, *, is_live: bool) -> None:
        self._obey()
        captured_at_ms = self._captured_at_ms(timed, is_live=is_live)
        self._last_ms = max(self._last_ms, timed.pts_ms)
        if recorder is not None:
            self._keep(recorder.add(timed, captured_at_ms))
            begun_ms = recorder.begun()
            if begun_ms is not None:
                self._tell(messages.Recording(start_ms=begun_ms))
        self._pieces.add(timed, captured_at_ms)
        if self._patience.mono_s() - self._told_s >= _COUNTS_EVERY_S:
            self._tell_counts()

    def _captured_at_ms(self, timed: Timed, *, is_live: bool) -> int:
        """Now; a file that is read at its own speed is waited for."""
        if is_live or not self._open.is_paced:
            return self._patience.now_ms()
        assert self._began_s is not None
        due_s = self._began_s + (timed.dts_ms - self._open.origin_ms) / 1000
        while (ahead_s := due_s - self._patience.mono_s()) > 0:
            self._patience.sleep(min(ahead_s, _STOP_POLL_S))
            self._obey()
        return self._patience.now_ms()

    def _keep(self, done: messages.Segment | None) -> None:
        if done is not None:
            self._tell(done)

    # -- talk -------------------------------------------------------------------------------

    def _goes_on(self) -> bool:
        """Obey where an exception could not get through FFmpeg; false once nobody wants the source."""
        try:
            if not self._is_stopped:
                self._obey()
        except _Stopped:
            self._is_stopped = True
        return not self._is_stopped

    def _check_stopped(self) -> None:
        if self._is_stopped:
            raise _Stopped

    def _await_begin(self) -> None:
        while not isinstance(command := self._commands.get(), messages.Begin):
            self._obey_one(command)

    def _obey(self) -> None:
        while not self._commands.empty():  # this thread alone takes from it
            self._obey_one(self._commands.get_nowait())

    def _obey_one(self, command: messages.Command) -> None:
        if isinstance(command, messages.Stop):
            raise _Stopped
        if isinstance(command, messages.Attach):
            self._pieces.attach(command)
        elif isinstance(command, messages.Detach):
            self._pieces.detach(command.id)

    def _state(self, state: str, reason: str = "", retry_ms: int = 0) -> None:
        self._tell(messages.State(state=state, reason=reason, retry_ms=retry_ms))

    def _tell_counts(self) -> None:
        self._told_s = self._patience.mono_s()
        counts = messages.Counts(
            counts=dataclasses.asdict(self._counts),
            gated=self._pieces.gated,
            connections=self._connections,
        )
        self._tell(counts)
