"""Ways into the gateway from inside sandboxes, one for each instance."""

from __future__ import annotations

import socket
from collections.abc import Callable
from itertools import count

from pileus.gateway.server import Server
from pileus.kernel.supervision import Supervisor


class Doors:
    """Serves the listeners that instances hand out, each until its instance is gone."""

    def __init__(self, server: Server, supervisor: Supervisor) -> None:
        self._server = server
        self._supervisor = supervisor
        self._numbers = count(1)

    def open(self, listener: socket.socket, name: str) -> Callable[[], None]:
        """Serve what connects to ``listener``; what is returned ends that.

        ``name`` is the instance's for people; several instances of a function share it.
        """
        door = f"{name}#{next(self._numbers)}"
        opening = self._supervisor.spawn(f"door of {name}", self._server.add_socket(listener, door))

        def close() -> None:
            if opening.done():
                self._server.remove_socket(door)
            else:
                opening.cancel()
                listener.close()

        return close
