"""The source of keepers: has imported what they need, and forks one whenever the node says so.

A separately executed Python process that speaks to its node over the SOCK_SEQPACKET on descriptor 0.
Each message asks for one keeper and carries the keeper's own channel. Keepers have sessions of their own
and live on when their source ends, as it does once the node closes its channel or is gone.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from typing import Any

from pileus.runtime import container_keeper, messages
from pileus.runtime.container_network import Network


def main() -> None:
    """Serve until the node is gone."""
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries keepers that have ended
    gc.collect()
    gc.freeze()
    while True:
        try:
            message, descriptors = messages.receive(channel)
        except ConnectionResetError:
            return
        if message is None:
            return
        with socket.socket(fileno=descriptors[0]) as own:
            _fork(channel, own, message["network"])


def _fork(channel: socket.socket, own: socket.socket, network: dict[str, Any]) -> None:
    """Make a keeper that waits at ``own`` to be told its task."""
    try:
        pid = os.fork()
    except OSError as error:
        messages.send(own, {"event": "refused", "reason": f"fork: {error}"})
        return
    if pid == 0:
        channel.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        container_keeper.wait_for_task(own, Network(**network))
        sys.exit()
