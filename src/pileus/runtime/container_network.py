"""The network of a task: nothing but a loopback on which the platform is reached."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from pileus.runtime import linux

METADATA_PORT = 80
_LOOPBACK = "127.0.0.1"
_WAITING_MAX = 128


@dataclass
class Network:
    """Where in its network a task reaches the platform.

    Attributes:
        gateway_port: on which 127.0.0.1 inside leads to the platform; 0 for none.
        metadata_address: address of port 80 inside that leads to the metadata service; or empty.
        is_root: whether the platform runs as root.
    """

    gateway_port: int
    metadata_address: str
    is_root: bool

    def make(self) -> list[socket.socket]:
        """Leave for a network of this process's own; the listeners in it, the metadata's last.

        Raises OSError: what the kernel refuses.
        """
        if not self.is_root:
            uid, gid = os.getuid(), os.getgid()
            linux.unshare(linux.CLONE_NEWUSER)
            linux.map_one_user(0, 0, uid, gid)
        linux.unshare(linux.CLONE_NEWNET)
        linux.loopback_up()
        wanted = [(_LOOPBACK, self.gateway_port)] if self.gateway_port else []
        if self.metadata_address:
            linux.add_loopback_address("lo:1", self.metadata_address)
            wanted.append((self.metadata_address, METADATA_PORT))
        return [_listen(address) for address in wanted]


def _listen(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(_WAITING_MAX)
    listener.setblocking(False)
    return listener
