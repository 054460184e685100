"""The benches measure what they say: figures, files, the raw client and the signatures."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
import time
from pathlib import Path

from benches.__main__ import QUESTIONS
from benches.apparatus import raw_client, wire
from benches.apparatus.figures import Figure, Reach, show, write
from benches.apparatus.jobs import Alternate, Flood, Target
from benches.apparatus.machine import cpu_s, pss_mb, tree
from rich.console import Console

from pileus.kernel.credentials import Credential
from pileus.protocols.http import HttpRequest
from pileus.protocols.sigv4 import Verifier
from pileus.protocols.targets import Target as Call
from pileus.values.context import Principal

AT_MOST = Reach(is_at_most=True, of_ratio=1.5)


def _figure(name: str, value: float) -> Figure:
    return Figure(name, value, "ms", 2.0, "floor", AT_MOST)


def test_a_ratio_or_a_value_is_bound() -> None:
    assert _figure("a", 3.0).is_reached and not _figure("a", 3.1).is_reached
    at_least = Reach(is_at_most=False, of_value=10.0)
    assert at_least.is_met(10.0, 0.0) and not at_least.is_met(9.0, 99.0)


def test_figures_are_kept_and_only_those_measured_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    write([_figure("a", 3.0), _figure("b", 4.0)], path)
    write([_figure("b", 5.0)], path)
    rows = json.loads(path.read_text())
    assert [(row["name"], row["value"], row["ratio"]) for row in rows] == [
        ("a", 3.0, 1.5),
        ("b", 5.0, 2.5),
    ]
    assert set(rows[0]) == {"name", "value", "unit", "floor", "ratio", "machine", "commit"}


def test_the_table_says_what_missed() -> None:
    out = io.StringIO()
    show([_figure("a", 3.0), _figure("b", 4.0)], Console(file=out, width=200))
    assert out.getvalue().count("reached") == 1
    assert out.getvalue().count("missed") == 1


def test_every_question_is_a_file() -> None:
    folder = Path(wire.__file__).parents[1]
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    assert files == set(QUESTIONS)


def test_this_process_has_cpu_time_and_memory() -> None:
    assert tree(os.getpid())[0] == os.getpid()
    assert cpu_s(os.getpid()) > 0
    assert pss_mb(os.getpid()) > 1


def _serve(listener: socket.socket, answer: bytes, connections: int) -> None:
    def one(connection: socket.socket) -> None:
        with connection:
            while connection.recv(1 << 16):
                connection.sendall(answer[:20])
                connection.sendall(answer[20:])

    for _ in range(connections):
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


def _server(answer: bytes, connections: int) -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, answer, connections), daemon=True).start()
    return int(listener.getsockname()[1])


def test_the_raw_client_puts_answers_together_and_times_them() -> None:
    port = _server(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", 3)
    told = raw_client.alternate(Alternate([Target(port, [b"GET"])], rounds=2, block=3))
    assert [len(each) for each in told] == [6, 6]
    assert min(told[0]) > 0
    flooded = raw_client.flood(Flood(Target(port, [b"GET"]), 2, 60.0, count=10, keeps=True))
    assert flooded["answered"] == 10
    assert {answer[-4:] for answer in flooded["answers"]} == {"body"}


def test_a_refusal_ends_the_measurement() -> None:
    port = _server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 1)
    try:
        raw_client.alternate(Alternate([Target(port, [b"GET"])], rounds=1, block=1))
    except RuntimeError as refused:
        assert "403" in str(refused)
    else:
        raise AssertionError("it went on")


def test_signed_requests_pass_the_verifier() -> None:
    sent = wire.signed("s3", "PUT", "/b/k", {"x-amz-tag": "1"}, b"body", port=4566, query="acl=")
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "PUT /b/k?acl= HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    principal = Principal.root(wire.ACCOUNT)
    verifier = Verifier(lambda key, token: Credential("test", "test", principal))
    request = HttpRequest("PUT", "/b/k", "acl=", headers)
    call = Call("s3", "PutObject", "rest-xml", method="PUT")
    assert verifier.verify(request, call, body, int(time.time() * 1000)) is not None


def test_the_commands_of_the_figures_are_questions() -> None:
    text = (Path(__file__).parents[3] / "docs" / "figures.md").read_text()
    named = {
        name
        for line in re.findall(r"`python -m benches ([a-z_ ]+)`", text)
        for name in line.split()
    }
    assert named == set(QUESTIONS)
