"""The process of one source, or of a recording that is read again: reads commands from standard input, tells on
standard output what comes."""

from __future__ import annotations

import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from pileus.media.intake.intake import Intake
from pileus.media.intake.replay import Replay as Recorded
from pileus.media.upload import Patience
from pileus.ports.intakes import Command, Open, Replay, Stop, Told

_OUT = 1


def main() -> int:
    """Read until the source or standard input ends; the process's exit status."""
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
    decoder = msgspec.json.Decoder(Command)
    encoder = msgspec.json.Encoder()
    first = decoder.decode(sys.stdin.buffer.readline())
    if not isinstance(first, Open | Replay):
        sys.stderr.write("the first command opens a source or a recording\n")
        return 2

    def listen(is_deaf: Callable[[], bool]) -> None:
        """Pass commands on; ``is_deaf``: FFmpeg waits for a publisher and cannot be told to stop."""
        for line in sys.stdin.buffer:
            command = decoder.decode(line)
            commands.put(command)
            if isinstance(command, Stop) and is_deaf():
                os._exit(0)
        commands.put(Stop())  # the platform is gone: nobody wants this any more
        if is_deaf():
            os._exit(0)

    def begin_to_listen(is_deaf: Callable[[], bool]) -> None:
        threading.Thread(target=listen, args=(is_deaf,), name="commands", daemon=True).start()

    def tell(what: Told) -> None:
        line = memoryview(encoder.encode(what) + b"\n")
        while line:
            line = line[os.write(_OUT, line) :]

    if isinstance(first, Replay):
        begin_to_listen(lambda: False)
        Recorded(first, commands, tell, sys.stderr.write).run()
        return 0
    patience = Patience(
        now_ms=lambda: time.time_ns() // 1_000_000,
        mono_s=time.monotonic,
        sleep=time.sleep,
        away_s_max=0.0,
    )
    intake = Intake(first, commands, tell, patience, random.random)
    begin_to_listen(lambda: intake.is_listening)
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
