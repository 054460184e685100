"""The platform of a demonstration: a process of its own, started again when it ends unasked."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pileus.deploy.errors import DeployError, PlatformUnreachable

RESTARTS_MAX = 5
_STOP_TIMEOUT_S = 10.0
_BACK_TIMEOUT_S = 60.0
_NOTICE_TIMEOUT_S = 5.0
"""How long after a call that failed the end of the process may go unnoticed."""

T = TypeVar("T")


class DemoPlatform:
    """``pileus up`` on a data folder.

    One that ends with status 0 was asked to, by Ctrl-C for instance, and stays ended.

    Args:
        port: 0 takes a free one; a restart takes the same again.
        log: gets what the process writes to standard error.
        say: told, in a sentence, that the platform ended and is started again.
    """

    def __init__(self, port: int, data_dir: Path, log: Path, say: Callable[[str], None]) -> None:
        self.endpoint = ""
        self._port = port
        self._data_dir = data_dir
        self._log = log
        self._say = say
        self._changed = threading.Condition()
        self._starts = 0
        self._is_stopping = False
        self._failure: DeployError | None = None
        self._process: subprocess.Popen[str]
        self._watcher: threading.Thread | None = None

    def start(self) -> str:
        """Start it; the address it answers at.

        Raises:
            DeployError: it did not start; what it wrote stands in the text.
        """
        self._log.write_text("")
        self._launch()
        self._watcher = threading.Thread(target=self._watch, name="platform watcher", daemon=True)
        self._watcher.start()
        return self.endpoint

    def stop(self) -> None:
        """End it; nothing happens when it has ended."""
        with self._changed:
            self._is_stopping = True
            process = self._process
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        if self._watcher is not None:
            self._watcher.join(_STOP_TIMEOUT_S)

    def patiently(self, ask: Callable[[], T]) -> T:
        """What ``ask`` gives; asked again when the platform ended and came back meanwhile.

        Raises:
            DeployError: it ended and cannot be started, or ``ask`` failed for another reason.
        """
        while True:
            seen = self._starts
            try:
                return ask()
            except (PlatformUnreachable, OSError):
                if not self.came_back(seen):
                    raise

    def came_back(self, seen: int | None = None) -> bool:
        """Whether the platform was started again since ``starts`` was ``seen``; waits for it."""
        seen = self._starts if seen is None else seen
        with self._changed:
            self._changed.wait_for(
                lambda: self._starts > seen or self._process.poll() is not None, _NOTICE_TIMEOUT_S
            )
            if self._process.poll() is not None:
                self._changed.wait_for(
                    lambda: self._starts > seen or self._failure, _BACK_TIMEOUT_S
                )
            if self._failure is not None:
                raise self._failure
            return self._starts > seen

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self._starts

    def _launch(self) -> None:
        command = [sys.executable, "-m", "pileus.cli.main", "up"]
        command += ["--port", str(self._port), "--data", str(self._data_dir)]
        with self._log.open("a") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("Pileus answers at "):
            process.kill()
            process.wait()
            raise DeployError(f"the platform did not start:\n{self._log.read_text()}")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        self.endpoint = line.split()[3]
        self._port = int(self.endpoint.rpartition(":")[2])
        with self._changed:
            self._process = process
            self._starts += 1
            self._changed.notify_all()
            if self._is_stopping:
                process.terminate()

    def _watch(self) -> None:
        """Start it again whenever it ends unasked."""
        while True:
            status = self._process.wait()
            with self._changed:
                if self._is_stopping:
                    return
            why = f"signal {-status}" if status < 0 else f"status {status}"
            try:
                if status == 0:
                    raise DeployError("the platform was asked to end while it was needed")
                if self._starts > RESTARTS_MAX:
                    raise DeployError(
                        f"the platform ended unexpectedly ({why}) for the {self._starts}th time; "
                        f"what happened stands in {self._log}"
                    )
                self._say(f"Pileus ended unexpectedly ({why}); it is started again on its data.")
                self._launch()
            except DeployError as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return
