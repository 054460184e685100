"""The platform in this process, called by its door, in turn with a bare echo of frames.

``python -m benches.apparatus.inside FOLDER ROUNDS BLOCK`` prints, as JSON, what each call took in ns: of a
running function through the door, and of a child process that gives each frame back over a socket of
the same kind with nothing around it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import uvloop

from benches.apparatus import functions
from pileus import platform
from pileus.kernel.settings import Settings
from pileus.runtime import frames
from pileus.values.context import CallContext, Principal

_ECHO = """
import socket, sys
from pileus.runtime import frames
link = socket.socket(fileno=int(sys.argv[1]))
while True:
    head = link.recv(frames.PREFIX_BYTES, socket.MSG_WAITALL)
    if not head:
        break
    size, kind, header_size = frames.PREFIX.unpack(head)
    rest = link.recv(size + header_size, socket.MSG_WAITALL)
    link.sendall(frames.encode(frames.RESULT, rest[:header_size], rest[header_size:]))
"""
_HEADER = b"\0".join((b"request", b"1700000000000", b"trace", b"arn", b"", b""))


class _Echo(asyncio.Protocol):
    """One frame at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by descent.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < frames.PREFIX_BYTES or self._answer is None:
            return
        size, _, header_size = frames.PREFIX.unpack_from(self._buffer)
        whole = frames.PREFIX_BYTES + size + header_size
        if len(self._buffer) >= whole:
            payload, self._buffer = self._buffer[whole - size : whole], self._buffer[whole:]
            self._answer.set_result(payload)

    def exchange(self, payload: bytes) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(frames.encode(frames.INVOKE, _HEADER, payload))
        return self._answer


async def _timed(once: Callable[[], Awaitable[object]], count: int) -> list[int]:
    took = []
    for _ in range(count):
        began_ns = time.perf_counter_ns()
        await once()
        took.append(time.perf_counter_ns() - began_ns)
    return took


async def _measure(folder: Path, rounds: int, block: int) -> dict[str, list[int]]:
    running = await platform.start(Settings(port=0, data_dir=folder))
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", _ECHO, str(theirs.fileno())]
    child = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()])
    theirs.close()
    loop = asyncio.get_running_loop()
    transport, echo = await loop.create_connection(_Echo, sock=ours)
    port = int(running.url.rpartition(":")[2])
    await asyncio.to_thread(functions.create_role, port)
    await asyncio.to_thread(functions.create, port, "warm")
    settings = running.settings
    context = CallContext(
        account=settings.account,
        region=settings.region,
        principal=Principal.service("lambda.amazonaws.com", settings.account),
        source="bench",
        endpoint=running.url,
    )
    given = {"FunctionName": "warm", "Payload": b"{}"}

    def invoke() -> Awaitable[object]:
        return running.kernel.invoke(context, "lambda", "Invoke", given)

    gc.freeze()
    took: dict[str, list[int]] = {"invoke": [], "echo": []}
    for measured in (False, True):
        for _ in range(rounds if measured else 2):
            invoked = await _timed(invoke, block)
            echoed = await _timed(lambda: echo.exchange(b"{}"), block)
            if measured:
                took["invoke"] += invoked
                took["echo"] += echoed
    transport.close()
    await child.wait()
    await running.close()
    return took


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
