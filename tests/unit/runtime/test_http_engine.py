"""The client beside an engine's program: what it asks, and what it makes of answers."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pileus.runtime import http_engine, http_exchange
from pileus.runtime.errors import Fault
from pileus.runtime.frame_ring import RGB24, RingWriter
from pileus.runtime.lambda_context import LambdaContext

_FOREVER_MS = 1 << 42
CONTEXT = LambdaContext("r", _FOREVER_MS, "arn", None, None)


class Program:
    """Answers each request on each connection with the next of some texts; an empty one hangs up."""

    def __init__(self, answers: list[bytes]) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        while self._answers:
            request = self._request(connection)
            if not request:
                return
            self.asked.append(request)
            answer = self._answers.pop(0)
            connection.sendall(answer)
            if not answer or b"hang up" in answer:
                return

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65_536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        if b"Content-Length: " in head:
            size = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
            while len(body) < size:
                body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        # A thread in accept() keeps the socket open: it is woken.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


Make = Callable[..., Program]


@pytest.fixture
def program() -> Iterator[Make]:
    made: list[Program] = []

    def make(*answers: bytes) -> Program:
        made.append(Program(list(answers)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def says(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def engine_at(port: int, folder: str = "", ready_s: float = 60.0) -> http_engine.HttpEngine:
    given = {"port": port, "ready_s": ready_s, "rings_dir": folder, "rings_fd": -1}
    return http_engine.HttpEngine(given, end_s=0)


def asked(engine: http_engine.HttpEngine, *records: Any) -> Any:
    chunks = [
        {"number": n, "start_ms": n, "stop_ms": n + 1, "source": "l", "record": record}
        for n, record in enumerate(records)
    ]
    event = {"op": "chunks", "ring": "", "stream": "s", "chunks": chunks}
    return json.loads(engine.answer(json.dumps(event).encode(), CONTEXT))["results"]


def test_every_piece_is_posted_over_one_connection(program: Make) -> None:
    server = program(says(b'[{"label": "a"}]'), says(b"", "204 No Content"), says(b" "))
    told = asked(engine_at(server.port), 1, 2, 3)
    assert [each["result"] for each in told] == [[{"label": "a"}], None, None]
    assert server.connections == 1
    assert server.asked[0].startswith(b"POST /process HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n[1,\r\n2\r\n2]\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\n[1,2]",
        b"HTTP/1.0 200 OK\r\nServer: hang up\r\n\r\n[1,2]",
    ],
    ids=["chunks", "length", "end"],
)
def test_all_ways_to_end_a_body(program: Make, answer: bytes) -> None:
    server = program(answer, says(b"3"))
    assert [each["result"] for each in asked(engine_at(server.port), 1, 2)] == [[1, 2], 3]


def test_a_kept_connection_that_was_closed_is_opened_anew(program: Make) -> None:
    server = program(says(b"1", more="Server: hang up\r\n"), says(b"2"))
    assert [each["result"] for each in asked(engine_at(server.port), 1, 2)] == [1, 2]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (says(b"no such luck", "500 Oh"), http_engine.HTTP_ERROR, "answered 500: no such luck"),
        (says(b"", "404 No"), http_engine.HTTP_ERROR, "POST /process answered 404"),
        (says(b"<p>"), http_engine.WRONG_RESULT, "what is no JSON: b'<p>'"),
        (b"", http_engine.HTTP_ERROR, "closed without an answer"),
        (b"SMTP\r\n\r\n", http_engine.HTTP_ERROR, "what came is no HTTP: 'SMTP'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhang up", http_engine.HTTP_ERROR, "within"),
        (says(b"1" * 6_291_557), http_engine.WRONG_RESULT, "more than 6291556 bytes"),
    ],
    ids=["500", "404", "html", "silent", "smtp", "short", "large"],
)
def test_answers_that_are_none(program: Make, answer: bytes, kind: str, words: str) -> None:
    server = program(answer)
    with pytest.raises(Fault) as refused:
        asked(engine_at(server.port), 1)
    assert (refused.value.kind, words in str(refused.value)) == (kind, True), refused.value


def test_ready_after_a_while(program: Make) -> None:
    server = program(says(b"", "503 Not yet"), says(b"", "503 Not yet"), says(b""))
    engine_at(server.port).await_ready()
    assert server.asked[0].startswith(b"GET /ready HTTP/1.1\r\n") and len(server.asked) == 3


def test_never_ready(program: Make) -> None:
    server = program(says(b"", "500 Broken"))
    with pytest.raises(Fault, match="/ready answered 500, not 200"):
        engine_at(server.port).await_ready()
    nobody = socket.create_server(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    nobody.close()
    with pytest.raises(Fault, match="did not answer 200 within 0 s: nobody listens"):
        engine_at(port, ready_s=0).await_ready()


def test_pictures_come_out_of_the_ring_and_may_be_gone(program: Make, tmp_path: Path) -> None:
    server = program(says(b"1"))
    ring = RingWriter(tmp_path / "ring", 2, 64)
    for number in (1, 2, 3):
        ring.write(number, number * 100, (2, 1, RGB24), memoryview(b"abcde%d" % number))
    chunks = [{"number": n, "start_ms": n, "stop_ms": n, "source": "l"} for n in (1, 3)]
    event = {"op": "chunks", "ring": str(ring.path), "stream": "s", "chunks": chunks}
    engine = engine_at(server.port, str(tmp_path))
    told = json.loads(engine.answer(json.dumps(event).encode(), CONTEXT))["results"]
    assert told == [{"number": 1, "gone": True}, {"number": 3, "result": 1}]
    assert b"abcde3" in server.asked[0]
    event["ring"] = str(tmp_path / "none")
    assert json.loads(engine.answer(json.dumps(event).encode(), CONTEXT))["results"][1]["gone"]


_BESIDE = """
import os, signal, sys, time
from pileus.runtime import http_engine

http_engine.begin(lambda: {})
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("os._exit(7)", 7),
        ("os._exit(0)", 0),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_this_process_ends_as_its_program_does(program: str, status: int) -> None:
    source = _BESIDE.replace("{}", program)
    assert subprocess.run([sys.executable, "-c", source], timeout=60).returncode == status


def test_a_body_is_read_no_further_than_asked(program: Make) -> None:
    for body in (
        says(b"x" * 100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n"
        + b"x" * 100
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nServer: hang up\r\n\r\n" + b"x" * 100,
    ):
        server = program(body)
        connection = http_exchange.Connection(server.port, 10)
        assert connection.ask("GET", "/", 60).body == b"x" * 11
        connection.close()
