"""What a snapshot's own code might say in the name of its copies."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.adapters.local_node.control_words import (
    Blank,
    Failed,
    Forked,
    Gone,
    Nonsense,
    NotLaunched,
    drop,
    hear,
)
from pileus.ports.nodes import Exit, ExitReason
from pileus.runtime import messages


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_words_that_mean_something(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    for message, word in (
        ({"event": "blank"}, Blank()),
        ({"event": "exited", "code": 3}, Gone(Exit(ExitReason.EXITED, code=3))),
        ({"event": "exited", "signal": 9}, Gone(Exit(ExitReason.KILLED, signal=9))),
        ({"event": "failed", "reason": "r"}, Failed("r")),
        (
            {"event": "not_launched", "error_type": "T", "detail": "d"},
            NotLaunched(Exit(ExitReason.NOT_LAUNCHED, error_type="T", detail="d")),
        ),
    ):
        messages.send(theirs, message)
        assert hear(ours) == word
    with pytest.raises(BlockingIOError):
        hear(ours)
    theirs.close()
    assert hear(ours) == Gone(Exit(ExitReason.KILLED, signal=signal.SIGKILL))


def test_process_1_comes_with_its_descriptors(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    pidfd = os.pidfd_open(os.getpid())
    with socket.socket() as listener:
        messages.send(theirs, {"event": "forked"}, [pidfd, listener.fileno()])
        word = hear(ours)
    os.close(pidfd)
    assert isinstance(word, Forked)
    assert (word.pid, word.is_copy, len(word.listeners)) == (os.getpid(), True, 1)
    drop(word)


@pytest.mark.parametrize(
    "raw",
    [
        b"no json", b"[]", b"1", b"null", b'"blank"', b"{}", b'{"event": []}', b'{"event": "x"}',
        b'{"event": "exited"}', b'{"event": "exited", "signal": []}',
        b'{"event": "exited", "code": "x"}', b'{"event": "failed"}', b'{"event": "forked"}',
        b'{"event": "forked", "pid": []}', b'{"event": "forked", "pid": 0}', b"\xff\xff",
        b'{"event": "not_launched"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["none", "pipes", "pidfd and pipe"])
def test_nonsense_is_told_and_its_descriptors_are_closed(
    ends: tuple[socket.socket, socket.socket], raw: bytes, kind: str
) -> None:
    ours, theirs = ends
    read, write = os.pipe()
    pidfd = os.pidfd_open(os.getpid())
    passed = {"none": [], "pipes": [read, write], "pidfd and pipe": [pidfd, read]}[kind]
    before = len(list(Path("/proc/self/fd").iterdir()))
    socket.send_fds(theirs, [raw], passed)
    word = hear(ours)
    # Null is how an end reads as well: the worker can always end itself.
    assert isinstance(word, Gone if raw == b"null" else Nonsense)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    for descriptor in (read, write, pidfd):
        os.close(descriptor)
