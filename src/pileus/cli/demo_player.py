"""The camera of a demonstration: the player as a process, and what it tells."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from pileus.media.units import SEGMENT_MS

_END_TIMEOUT_S = 10.0


@dataclass(slots=True)
class Played:
    """What the player has told so far.

    Attributes:
        keys: of the segments that the bucket has acknowledged.
        duration_ms: what the file states; 0 while unknown.
        failure: why it ended early; empty otherwise.
    """

    keys: list[str] = field(default_factory=list)
    duration_ms: int = 0
    is_over: bool = False
    failure: str = ""

    @property
    def expected(self) -> int:
        """How many segments there will be; exact once the source has ended, 0 while unknown."""
        return len(self.keys) if self.is_over else -(-self.duration_ms // SEGMENT_MS)


@contextmanager
def playing(
    command: Sequence[str], environment: Mapping[str, str], played: Played
) -> Iterator[None]:
    """Run the player and note what it tells; it is ended at the end."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    listener = threading.Thread(target=_listen, args=(process, played), daemon=True)
    listener.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(_END_TIMEOUT_S)
        listener.join(_END_TIMEOUT_S)


def _listen(process: subprocess.Popen[str], played: Played) -> None:
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == "opened":
            played.duration_ms = told["duration_ms"] or 0
        elif told["event"] == "segment":
            played.keys.append(told["key"])
    error = process.stderr.read().strip()
    if process.wait() not in (0, -signal.SIGTERM):
        played.failure = error.splitlines()[-1] if error else f"exit {process.returncode}"
        click.echo(error, err=True)
    played.is_over = True
