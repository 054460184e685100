"""What a task's keeper says at the metadata address while no platform does: little HTTP, no threads.

Clients ask for their role's keys with a patience of seconds, and a platform that was killed may be away
for longer. So the platform leaves the keeper answers for that time. They are held in memory only.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

_HEAD_BYTES_MAX = 8192
_CLIENTS_MAX = 64
_END = b"\r\n\r\n"
On = Callable[[int, Callable[[], None]], None]


class StandIn:
    """Answers on a listener while it is on duty.

    Args:
        listener: None where there is no such address: then it does nothing.
        on, off: have a handler called when a descriptor can be read, and no more.
    """

    def __init__(self, listener: socket.socket | None, on: On, off: Callable[[int], None]) -> None:
        self.answers: Mapping[str, str] = {}
        """Path → JSON."""
        self._listener = listener
        self._on = on
        self._off = off
        self._clients: dict[socket.socket, bytes] = {}
        self._is_on_duty = False

    def take_over(self) -> None:
        """There is no platform."""
        listener = self._listener
        if listener is not None and not self._is_on_duty:
            self._is_on_duty = True
            self._on(listener.fileno(), lambda: self._accept(listener))

    def step_back(self) -> None:
        """A platform is there and accepts; who is connected already is still answered."""
        if self._listener is not None and self._is_on_duty:
            self._is_on_duty = False
            self._off(self._listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # it left before its turn, or a platform was faster
        if len(self._clients) >= _CLIENTS_MAX:
            self._drop(next(iter(self._clients)))
        client.setblocking(False)
        self._clients[client] = b""
        self._on(client.fileno(), lambda: self._hear(client))

    def _hear(self, client: socket.socket) -> None:
        try:
            data = client.recv(_HEAD_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        head = self._clients[client] = self._clients[client] + data
        if _END in head:
            self._answer(client, head)
        if not data or _END in head or len(head) > _HEAD_BYTES_MAX:
            self._drop(client)

    def _answer(self, client: socket.socket, head: bytes) -> None:
        method, _, rest = head.decode("latin-1").partition(" ")
        body = self.answers.get(rest.partition(" ")[0]) if method == "GET" else None
        status = "200 OK" if body is not None else "503 Service Unavailable"
        content = (body or '{"message": "the platform is away"}').encode()
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", "Connection: close"]
        lines.append(f"Content-Length: {len(content)}")
        try:
            client.send("\r\n".join(lines).encode() + _END + content)
        except OSError:
            pass  # it did not wait for its answer

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client]
        self._off(client.fileno())
        client.close()
