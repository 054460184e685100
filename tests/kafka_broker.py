"""A broker of Kafka's wire protocol in a process of its own, for tests with real clients.

It is noida-db, not Apache Kafka itself, which needs more than a Python package can bring.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

import noida_db
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

_START_S = 20.0


class Broker:
    """``with Broker(folder) as broker:`` one broker on a free port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._producer: Producer | None = None

    def __enter__(self) -> Broker:
        binary = Path(noida_db.__file__).with_name("noida-db")
        place = ["--data-dir", str(self._folder / "data"), "--kafka-port", str(self._port)]
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary), "start", "--only", "kafka", *place],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_port()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._producer = None
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def _await_port(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1.0).close()
                return
            except OSError:
                time.sleep(0.05)
        log = (self._folder / "broker.log").read_text(errors="replace")
        raise AssertionError(f"the broker did not start:\n{log}")

    def add_topic(self, topic: str, partitions: int = 1) -> None:
        """Make a topic."""
        admin = AdminClient({"bootstrap.servers": self.address})
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1)
        for made in admin.create_topics([wanted]).values():
            made.result(20)

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = -1,
        headers: Collection[tuple[str, bytes | None]] = (),
    ) -> None:
        """Append a record; returns when the broker has it."""
        if self._producer is None:
            self._producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0})
        self._producer.produce(topic, value, key, partition, headers=list(headers))
        assert self._producer.flush(20) == 0, "the broker did not take a record"
