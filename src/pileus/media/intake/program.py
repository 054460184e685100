"""A source that another program reads: what it writes is read in its place."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from types import TracebackType

from pileus.media.intake.location import Location
from pileus.media.intake.packets import Stalled
from pileus.media.units import SourceError

_POLL_S = 0.2
_WORDS_MAX = 300


class Program:
    """The program of a location (``Location.command``) as a file; ended by leaving the context.

    Args:
        silent_s: so long it may say nothing once it has said something.
        idle: called while nothing comes; false to end it all.

    Raises:
        SourceError: it is not installed.
    """

    def __init__(self, location: Location, silent_s: float, idle: Callable[[], bool]) -> None:
        self._location, self._silent_s, self._idle = location, silent_s, idle
        name = location.command[0]
        path = shutil.which(name)
        if path is None:
            raise SourceError(
                f"{location.shown} is read by {name}, which is not installed here: "
                f"apt-get install {name}"
            )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program
        self._process = subprocess.Popen(
            # It must not outlive a process that is killed: it would keep the address.
            ["setpriv", "--pdeathsig", "KILL", path, *location.command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._has_begun = False
        self._is_silent, self._failure = False, ""

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def read(self, size: int) -> bytes:
        """What it wrote, at most ``size`` bytes; none when it has ended. It raises nothing, as FFmpeg could
        not hand it on: :meth:`check` tells afterwards what was wrong."""
        assert self._process.stdout is not None
        waited_s = 0.0
        while not select.select([self._process.stdout], [], [], _POLL_S)[0]:
            waited_s += _POLL_S
            self._is_silent = waited_s >= self._silent_s and self._has_begun
            if not self._idle() or self._is_silent:
                return b""
        data = os.read(self._process.stdout.fileno(), size)
        if not data and not self._has_begun:
            self._failure = f"{self._location.shown}: {self._words()}"
        self._has_begun = True
        return data

    def check(self) -> None:
        """Raise Stalled after a silence, SourceError where the program failed at once."""
        if self._is_silent:
            raise Stalled(f"{self._location.shown} sends nothing any more.")
        if self._failure:
            raise SourceError(self._failure)

    def _words(self) -> str:
        """Why it ended, without the address, which may hold a passphrase."""
        self._process.wait()
        self._errors.seek(0)
        told = self._errors.read(_WORDS_MAX).decode(errors="replace").strip()
        told = told.replace(f"{self._location.target}: ", "")
        return told.splitlines()[-1] if told else "nothing came."
