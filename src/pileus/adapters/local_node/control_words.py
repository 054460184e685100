"""What arrives on an instance's control channel, looked at before it is believed.

Most of it comes from processes that run no code of a user. A snapshot's copies are made by one that has,
so that anything may be said here in their name, with any descriptors.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import msgspec

from pileus.adapters.local_node.processes import pid_of
from pileus.ports.nodes import Exit, ExitReason
from pileus.runtime import messages


class Forked(msgspec.Struct, frozen=True):
    """Process 1 is there.

    Attributes:
        is_copy: whoever made it knows other process ids.
    """

    pid: int
    pidfd: int
    listeners: list[socket.socket]
    is_copy: bool


class Blank(msgspec.Struct, frozen=True):
    """The worker waits for its function."""


class Gone(msgspec.Struct, frozen=True):
    """The worker, or whoever held the other end, has ended."""

    exit: Exit


class NotLaunched(msgspec.Struct, frozen=True):
    """The program of an image could not be started."""

    exit: Exit


class Failed(msgspec.Struct, frozen=True):
    """The sandbox could not be made."""

    reason: str


class Nonsense(msgspec.Struct, frozen=True):
    """None of these."""


Word = Forked | Blank | Gone | NotLaunched | Failed | Nonsense


def hear(channel: socket.socket) -> Word:
    """The next word. Raises BlockingIOError when there is none."""
    try:
        message, descriptors = messages.receive(channel)
    except BlockingIOError:
        raise
    except OSError:
        message, descriptors = None, []
    except ValueError:
        return Nonsense()
    if message is None:
        _close(descriptors)
        return Gone(Exit(ExitReason.KILLED, signal=signal.SIGKILL))
    if isinstance(message, dict) and message.get("event") == "forked":
        return _forked(message, descriptors)
    _close(descriptors)
    try:
        return _understood(message)
    except (KeyError, TypeError, ValueError):
        return Nonsense()


def _understood(message: dict[str, Any]) -> Word:
    event = message["event"]
    if event == "blank":
        return Blank()
    if event == "exited" and "signal" in message:
        return Gone(Exit(ExitReason.KILLED, signal=int(message["signal"])))
    if event == "exited":
        return Gone(Exit(ExitReason.EXITED, code=int(message["code"])))
    if event == "not_launched":
        kind, detail = str(message["error_type"]), str(message["detail"])
        return NotLaunched(Exit(ExitReason.NOT_LAUNCHED, error_type=kind, detail=detail))
    if event == "failed":
        return Failed(str(message["reason"]))
    return Nonsense()


def _forked(message: dict[str, Any], descriptors: list[int]) -> Word:
    listeners: list[socket.socket] = []
    try:
        pid = message["pid"] if "pid" in message else pid_of(descriptors[0])
        if not pid:
            raise ValueError("the descriptor is of no process")
        for descriptor in descriptors[1:]:
            listeners.append(socket.socket(fileno=descriptor))
        return Forked(int(pid), descriptors[0], listeners, "pid" not in message)
    except (IndexError, OSError, TypeError, ValueError):
        for listener in listeners:
            listener.detach()
        _close(descriptors)
        return Nonsense()


def drop(word: Word) -> None:
    """Close what came with a word that nobody wants."""
    if isinstance(word, Forked):
        os.close(word.pidfd)
        for listener in word.listeners:
            listener.close()


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
