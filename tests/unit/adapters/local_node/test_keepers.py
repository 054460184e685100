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


def _open(channel: socket.socket, folder: Path) -> int:
    """Tell a keeper its task; how many listeners its network has."""
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


def _end(channel: socket.socket) -> None:
    with channel:
        messages.send(channel, {"op": "close"})
        assert messages.receive(channel)[0] is None


def _kill_source(keepers: Keepers) -> None:
    assert keepers._source is not None
    process, _ = keepers._source
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def test_a_keeper_outlives_its_source(keepers: Keepers, tmp_path: Path) -> None:
    first = keepers.take()
    assert _open(first, tmp_path / "first") == 2
    _kill_source(keepers)
    messages.send(first, {"op": "hello"})
    told, listeners = messages.receive(first)
    assert told is not None and told["event"] == "hello" and len(listeners) == 2
    for listener in listeners:
        os.close(listener)
    second = keepers.take()
    assert _open(second, tmp_path / "second") == 2
    _end(first)
    _end(second)


async def test_a_spare_that_is_gone_is_not_handed_out(keepers: Keepers, tmp_path: Path) -> None:
    keepers._fill()
    assert keepers._spare is not None
    spare = keepers._spare
    spare.settimeout(10)
    spare.shutdown(socket.SHUT_WR)
    assert spare.recv(1) == b""
    taken = keepers.take()
    assert taken is not spare
    assert _open(taken, tmp_path / "task") == 2
    _end(taken)


async def test_the_spare_is_made_once_one_was_taken(keepers: Keepers, tmp_path: Path) -> None:
    taken = keepers.take()
    assert keepers._spare is None and keepers._filling is not None
    keepers._filling.cancel()
    keepers._fill()
    spare = keepers._spare
    assert spare is not None and keepers.take() is spare
    taken.close()
    assert _open(spare, tmp_path / "task") == 2
    _end(spare)
