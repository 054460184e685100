"""How many messages a second are on the disk, of what SQLite itself could put there?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benches.apparatus import wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.machine import server_cores
from benches.apparatus.processes import (
    ROOT,
    LoadClient,
    ask,
    environment,
    on_cores,
    platform,
)

_CONNECTIONS = 128
_BODY_BYTES = 256
_DISTINCT = 512


def run(effort: Effort) -> list[Figure]:
    """SendMessage to one standard queue, every answer after its commit."""
    with LoadClient() as client, platform() as running, tempfile.TemporaryDirectory() as folder:
        port = running.port
        url = ask(port, "sqs", "AmazonSQS.CreateQueue", QueueName="bench")["QueueUrl"]
        bodies = [os.urandom(_BODY_BYTES // 2).hex() for _ in range(_DISTINCT)]
        sends = [
            wire.json_call(
                "sqs", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": body}, port
            )
            for body in bodies
        ]
        target = Target(port, sends)
        client.flood(target, connections=_CONNECTIONS, duration_s=effort.round_s / 2)
        pairs = []
        for index in range(effort.rounds):
            told = client.flood(target, connections=_CONNECTIONS, duration_s=effort.round_s)
            floor = bare_commits(
                Path(folder) / f"{index}.db", _CONNECTIONS, _BODY_BYTES, effort.round_s
            )
            pairs.append((told.per_second, floor))
    return [
        Figure(
            f"durable SQS sends, {_CONNECTIONS} connections",
            median(first for first, _ in pairs),
            "sends/s",
            median(second for _, second in pairs),
            "bare SQLite group commit",
            Reach(is_at_most=False, of_ratio=0.15),
            f"bodies of {_BODY_BYTES} B",
        )
    ]


def bare_commits(path: Path, producers: int, value_bytes: int, duration_s: float) -> float:
    """Values a second of a bare SQLite group commit on the server's cores."""
    arguments = [str(path), str(producers), str(value_bytes), str(duration_s)]
    done = subprocess.run(
        [sys.executable, "-m", "benches.apparatus.bare_group_commit", *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        preexec_fn=on_cores(server_cores()),
    )
    return float(done.stdout)
