"""The load generator: a process of its own on a core of its own, bytes out and bytes in.

``python -m benches.apparatus.raw_client`` takes a job a line on standard input (pickled, in
hexadecimal) and answers with a line each (JSON). It knows of HTTP/1.1 only what it needs: the status
and Content-Length. A status that is not a success ends it with the answer's text.
"""

from __future__ import annotations

import json
import pickle
import re
import select
import socket
import sys
import time
from typing import Any

from benches.apparatus.jobs import Alternate, Flood

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)")
_RECEIVE_BYTES = 1 << 16


def connected(port: int) -> socket.socket:
    """A connection to this machine without Nagle's delay."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def is_whole(answer: bytes) -> bool:
    """Whether ``answer`` holds a whole response.

    Raises:
        RuntimeError: its status tells of a failure.
    """
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    if answer[9:10] != b"2":
        raise RuntimeError(f"refused: {answer[:2000].decode(errors='replace')}")
    found = _LENGTH.search(answer, 0, end)
    return len(answer) >= end + 4 + (int(found[1]) if found else 0)


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and read its whole response."""
    connection.sendall(request)
    answer = connection.recv(_RECEIVE_BYTES)
    while not is_whole(answer):
        more = connection.recv(_RECEIVE_BYTES)
        if not more:
            raise ConnectionError("the server closed in the middle of a response")
        answer += more
    return answer


def alternate(job: Alternate) -> list[list[int]]:
    """Nanoseconds of every request, a list a target, and the moments of sending (wall time, ns)."""
    connections = [connected(target.port) for target in job.targets]
    took: list[list[int]] = [[] for _ in job.targets]
    sent: list[list[int]] = [[] for _ in job.targets]
    counts = [0] * len(job.targets)
    for _ in range(job.rounds):
        for index, target in enumerate(job.targets):
            for _ in range(job.block):
                request = target.requests[counts[index] % len(target.requests)]
                counts[index] += 1
                sent[index].append(time.time_ns())
                began_ns = time.perf_counter_ns()
                exchange(connections[index], request)
                took[index].append(time.perf_counter_ns() - began_ns)
                if job.pause_s:
                    time.sleep(job.pause_s)
    for connection in connections:
        connection.close()
    return took + sent


def flood(job: Flood) -> dict[str, Any]:
    """How many requests were answered in how many seconds; the answers where they are kept."""
    poll = select.epoll()
    open_by_number: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    kept: list[str] = []
    requests, sent, answered = job.target.requests, 0, 0
    for _ in range(job.connections):
        connection = connected(job.target.port)
        open_by_number[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    bound = job.count if job.count is not None else sys.maxsize
    began_s = time.perf_counter()
    end_s = began_s + job.duration_s
    for connection in open_by_number.values():
        connection.send(requests[sent % len(requests)])
        sent += 1
    while answered < sent:
        for number, _ in poll.poll():
            connection = open_by_number[number]
            piece = connection.recv(_RECEIVE_BYTES)
            if not piece:
                raise ConnectionError("the server closed a connection")
            answer = partial.pop(number, b"") + piece
            if not is_whole(answer):
                partial[number] = answer
                continue
            answered += 1
            if job.keeps:
                kept.append(answer.decode())
            if sent < bound and time.perf_counter() < end_s:
                connection.send(requests[sent % len(requests)])
                sent += 1
    took_s = time.perf_counter() - began_s
    for connection in open_by_number.values():
        connection.close()
    return {"answered": answered, "took_s": took_s, "answers": kept}


def main() -> None:
    """Do jobs until standard input ends."""
    for line in sys.stdin:
        job = pickle.loads(bytes.fromhex(line))
        told = alternate(job) if isinstance(job, Alternate) else flood(job)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
