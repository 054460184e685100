"""Keepers for tasks to come: their source, and one that waits, its network and first container made."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import subprocess
from dataclasses import asdict
from pathlib import Path

import pileus
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.runtime import messages
from pileus.runtime.container_network import Network

_SPARE_AFTER_S = 0.03
"""The next keeper is made once the task that took the last one has most likely started."""
_END_S = 2.0


class Keepers:
    """Hands out channels to keepers that wait to be told their task.

    Nothing runs before the first one is asked for. A keeper nobody has told a task ends with its
    channel; one that has lives on, whatever becomes of its source and of this.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._source: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._spare: socket.socket | None = None
        self._filling: asyncio.TimerHandle | None = None

    async def take(self) -> tuple[socket.socket, list[socket.socket]]:
        """A channel to a keeper, and the listeners in its network; the next one is made a little later.

        Raises:
            OSError: none can be made; the text says why.
        """
        spare, self._spare = self._spare, None
        if spare is not None and not _is_alive(spare):
            spare.close()
            spare = None
        channel = spare or self._fork()
        try:
            listeners = await _readiness(channel)
        except BaseException:
            channel.close()
            raise
        if self._filling is None:
            loop = asyncio.get_running_loop()
            self._filling = loop.call_later(_SPARE_AFTER_S, self._fill)
        return channel, listeners

    async def close(self) -> None:
        """End the source and the keeper that waits."""
        if self._filling is not None:
            self._filling.cancel()
        source, self._source = self._source, None
        spare, self._spare = self._spare, None
        if source is not None:
            await asyncio.get_running_loop().run_in_executor(None, _end, source, spare)

    def _fill(self) -> None:
        self._filling = None
        if self._spare is None:
            with contextlib.suppress(OSError):  # the task that needs one tries again, and tells
                self._spare = self._fork()

    def _fork(self) -> socket.socket:
        if self._source is None or self._source[0].poll() is not None:
            if self._source is not None:
                self._source[1].close()
            self._source = _start_source()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            messages.send(self._source[1], {"network": asdict(self._network)}, [theirs.fileno()])
        return ours


def _start_source() -> tuple[subprocess.Popen[bytes], socket.socket]:
    source_dir = str(Path(pileus.__file__).parents[1])
    program = (
        f"import sys; sys.path.insert(0, {source_dir!r}); "
        "from pileus.runtime.keeper_source import main; main()"
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [own_interpreter().executable, "-I", "-S", "-c", program],
            stdin=theirs.fileno(),
            start_new_session=True,
            env={"LANG": "C.UTF-8", "TZ": ":UTC"},
        )
    return process, ours


async def _readiness(channel: socket.socket) -> list[socket.socket]:
    """What a keeper says before it is told a task: at once from one that waited."""
    channel.setblocking(False)
    loop = asyncio.get_running_loop()
    while True:
        try:
            message, descriptors = messages.receive(channel)
            break
        except BlockingIOError:
            readable = loop.create_future()
            loop.add_reader(channel.fileno(), readable.set_result, None)
            try:
                await readable
            finally:
                loop.remove_reader(channel.fileno())
    if message is None:
        raise ConnectionResetError("its keeper ended")
    if message["event"] == "refused":
        raise OSError(message["reason"])
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def _is_alive(channel: socket.socket) -> bool:
    poller = select.poll()
    poller.register(channel, 0)  # hang-up only: what it has said is for whoever takes it
    return not poller.poll(0)


def _end(
    source: tuple[subprocess.Popen[bytes], socket.socket], spare: socket.socket | None
) -> None:
    """On a thread: until both are gone."""
    if spare is not None:
        with spare:
            spare.settimeout(_END_S)
            spare.shutdown(socket.SHUT_WR)
            while spare.recv(1):
                continue  # it was ready
    process, channel = source
    channel.close()
    process.wait()
