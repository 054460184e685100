"""Keepers for tasks to come: they outlive what forked them, and what is broken is replaced."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.adapters.local_node.keepers import Keepers
from pileus.runtime import messages
from pileus.runtime.container_network import Network

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def keepers() -> AsyncIterator[Keepers]:
    if os.getuid() != 0:
        pytest.skip("only root makes networks without a user namespace")
    made = Keepers(Network(4566, "169.254.170.2", is_root=True))
    yield made
    await made.close()


Taken = tuple[socket.socket, list[socket.socket]]


def _open(taken: Taken, folder: Path) -> int:
    """Tell a keeper its task; how many listeners its network has."""
    channel, ready = taken
    for each in ready:
        each.close()
    folder.mkdir()
    channel.settimeout(10)
    task = {"folder": str(folder), "gateway_port": 4566, "metadata_address": "169.254.170.2"}
    messages.send(channel, {"op": "open", "task": {**task, "seccomp_path": "", "is_root": True}})
    messages.send(channel, {"op": "hello"})
    told, listeners = messages.receive(channel)
    for listener in listeners:
        os.close(listener)
    assert told is not None and told["event"] == "hello", told
    return len(listeners)


def _end(taken: Taken) -> None:
    with taken[0] as channel:
        messages.send(channel, {"op": "close"})
        assert messages.receive(channel)[0] is None


def _kill_source(keepers: Keepers) -> None:
    assert keepers._source is not None
    process, _ = keepers._source
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def test_a_keeper_outlives_its_source(keepers: Keepers, tmp_path: Path) -> None:
    first = await keepers.take()
    assert _open(first, tmp_path / "first") == 2
    _kill_source(keepers)
    messages.send(first[0], {"op": "hello"})
    told, listeners = messages.receive(first[0])
    assert told is not None and told["event"] == "hello" and len(listeners) == 2
    for listener in listeners:
        os.close(listener)
    second = await keepers.take()
    assert _open(second, tmp_path / "second") == 2
    _end(first)
    _end(second)


async def test_a_spare_that_is_gone_is_not_handed_out(keepers: Keepers, tmp_path: Path) -> None:
    keepers._fill()
    assert keepers._spare is not None
    spare = keepers._spare
    spare.settimeout(10)
    spare.shutdown(socket.SHUT_WR)
    while spare.recv(1):
        continue  # it was ready
    taken = await keepers.take()
    assert taken[0] is not spare
    assert _open(taken, tmp_path / "task") == 2
    _end(taken)


async def test_the_spare_is_made_once_one_was_taken(keepers: Keepers, tmp_path: Path) -> None:
    taken = await keepers.take()
    assert keepers._spare is None and keepers._filling is not None
    keepers._filling.cancel()
    keepers._fill()
    spare = keepers._spare
    second = await keepers.take()
    assert spare is not None and second[0] is spare
    for each in (taken[0], *taken[1]):
        each.close()
    assert _open(second, tmp_path / "task") == 2
    _end(second)
