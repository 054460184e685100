"""Small JSON messages with descriptors over SOCK_SEQPACKET: node, zygote and instance init speak it."""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

MESSAGE_BYTES_MAX = 160 * 1024
"""Largest message; an environment of 4 KiB and a few paths stay far below."""
_DESCRIPTORS_MAX = 16


def send(channel: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message. Raises OSError (EPIPE, EMSGSIZE) as the socket does."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    channel.sendmsg([json.dumps(message).encode()], rights if descriptors else [])


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; None at the end of the stream.

    Raises:
        BlockingIOError: on a non-blocking socket without a message.
        ValueError: what came is no message; its descriptors are closed.
    """
    space = socket.CMSG_SPACE(_DESCRIPTORS_MAX * 4)
    data, ancillary, _, _ = channel.recvmsg(MESSAGE_BYTES_MAX, space, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, raw in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(raw[: len(raw) - len(raw) % descriptors.itemsize])
    if not data:
        return None, list(descriptors)
    try:
        message: dict[str, Any] = json.loads(data)
    except ValueError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return message, list(descriptors)
