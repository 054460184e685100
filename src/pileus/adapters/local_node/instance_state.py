"""Where an instance is in its life, and the sockets by which the node holds it."""

from __future__ import annotations

import enum
import socket

import msgspec


class State(enum.Enum):
    """Where an instance is in its life."""

    FORKING = "forking"
    BLANK = "blank"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    GONE = "gone"


class Ends(msgspec.Struct):
    """The node's ends of an instance's sockets."""

    control: socket.socket
    link: socket.socket
    log: int
