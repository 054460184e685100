"""The keeper's answers while no platform is there, over real sockets and without a loop."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator

import pytest

from pileus.runtime.container_answers import StandIn

KEYS = '{"AccessKeyId": "A"}'


class Loop:
    """Calls the handlers of what can be read, as the keeper does."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[], None]] = {}

    def on(self, descriptor: int, handler: Callable[[], None]) -> None:
        self.handlers[descriptor] = handler

    def off(self, descriptor: int) -> None:
        del self.handlers[descriptor]

    def turn(self) -> None:
        readable, _, _ = select.select(list(self.handlers), [], [], 1)
        for descriptor in readable:
            if descriptor in self.handlers:
                self.handlers[descriptor]()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    made = socket.create_server(("127.0.0.1", 0))
    made.setblocking(False)
    with made:
        yield made


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def stand_in(listener: socket.socket, loop: Loop) -> StandIn:
    made = StandIn(listener, loop.on, loop.off)
    made.answers = {"/v2/credentials/one": KEYS}
    return made


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout=1)


def ask(listener: socket.socket, loop: Loop, *pieces: bytes) -> tuple[str, str]:
    """The status line and the body of the answer."""
    with connect(listener) as client:
        loop.turn()
        for piece in pieces:
            client.sendall(piece)
            loop.turn()
        answer = b"".join(iter(lambda: client.recv(65_536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return head.partition("\r\n")[0], body


def test_what_was_left_is_answered(stand_in: StandIn, listener: socket.socket, loop: Loop) -> None:
    stand_in.take_over()
    request = b"GET /v2/credentials/one HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(listener, loop, request) == ("HTTP/1.1 200 OK", KEYS)
    assert ask(listener, loop, request[:20], request[20:]) == ("HTTP/1.1 200 OK", KEYS)


@pytest.mark.parametrize(
    "request_line", ["GET /v4/task", "PUT /v2/credentials/one", "GET /v2/credentials/two"]
)
def test_what_was_not_left_is_a_failure_that_clients_try_again(
    stand_in: StandIn, listener: socket.socket, loop: Loop, request_line: str
) -> None:
    stand_in.take_over()
    status, _ = ask(listener, loop, f"{request_line} HTTP/1.1\r\n\r\n".encode())
    assert status == "HTTP/1.1 503 Service Unavailable"


def test_off_duty_nobody_is_accepted(stand_in: StandIn, loop: Loop) -> None:
    assert not loop.handlers
    stand_in.take_over()
    stand_in.take_over()
    assert len(loop.handlers) == 1
    stand_in.step_back()
    stand_in.step_back()
    assert not loop.handlers


def test_who_leaves_or_babbles_is_dropped(
    stand_in: StandIn, listener: socket.socket, loop: Loop
) -> None:
    stand_in.take_over()
    with connect(listener):
        loop.turn()
        assert len(loop.handlers) == 2
    loop.turn()
    assert len(loop.handlers) == 1
    assert ask(listener, loop, b"x" * 5000, b"x" * 5000) == ("", "")
    assert len(loop.handlers) == 1


def test_only_so_many_wait_at_a_time(
    stand_in: StandIn, listener: socket.socket, loop: Loop
) -> None:
    stand_in.take_over()
    clients = []
    for _ in range(70):
        clients.append(connect(listener))
        loop.turn()
    assert len(loop.handlers) <= 65
    for client in clients:
        client.close()


def test_without_an_address_there_is_nothing_to_do(loop: Loop) -> None:
    made = StandIn(None, loop.on, loop.off)
    made.take_over()
    made.step_back()
    assert not loop.handlers
