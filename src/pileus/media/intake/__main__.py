"""The process of one source, or of a recording that is read again: reads commands from standard input, tells on
standard output what comes."""

from __future__ import annotations

import os
import queue
import random
import sys
import threading
import time
from pathlib import Path

import msgspec

from pileus.media.intake.intake import Intake
from pileus.media.intake.replay import Replay as Recorded
from pileus.media.upload import Patience
from pileus.ports.intakes import Command, Open, Replay, Stop, Told

_OUT = 1
_ALSA_SETTINGS = Path("/usr/share/alsa/alsa.conf")
"""Without them no sound device has a name; the library that comes with PyAV looks where it was built."""


def main() -> int:
    """Read until the source or standard input ends; the process's exit status."""
    if _ALSA_SETTINGS.exists():
        os.environ.setdefault("ALSA_CONFIG_PATH", str(_ALSA_SETTINGS))
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
    decoder = msgspec.json.Decoder(Command)
    encoder = msgspec.json.Encoder()
    first = decoder.decode(sys.stdin.buffer.readline())
    if not isinstance(first, Open | Replay):
        sys.stderr.write("the first command opens a source or a recording\n")
        return 2

    def listen() -> None:
        for line in sys.stdin.buffer:
            commands.put(decoder.decode(line))
        commands.put(Stop())  # the platform is gone: nobody wants this any more

    def tell(what: Told) -> None:
        line = memoryview(encoder.encode(what) + b"\n")
        while line:
            line = line[os.write(_OUT, line) :]

    listening = threading.Thread(target=listen, name="commands", daemon=True)
    if isinstance(first, Replay):
        listening.start()
        Recorded(first, commands, tell, sys.stderr.write).run()
        return 0
    patience = Patience(
        now_ms=lambda: time.time_ns() // 1_000_000,
        mono_s=time.monotonic,
        sleep=time.sleep,
        away_s_max=0.0,
    )
    intake = Intake(first, commands, tell, patience, random.random)
    listening.start()
    intake.run()
    while not isinstance(commands.get(), Stop):
        pass  # the last pieces are still being looked at
    intake.close()
    sys.stderr.flush()
    # The thread still reads standard input, and an interpreter that ends in order dies of that now and then.
    os._exit(0)


if __name__ == "__main__":
    # The thread that reads commands may wait for one: the interpreter could not end in order.
    os._exit(main())
