"""How many messages a second are on the disk, of what SQLite itself could put there?

The floor writes what one send cannot do without: one row, its key (account, region, room, queue,
moment, number) and the body with a small envelope (message id, sender, moment, number), in the
platform's own table, page size, journal and ``synchronous`` setting, by one thread beside a loop with
as many waiting producers, on the same cores. Producers without work of their own march in step and
fill every commit with a row of each; the platform's commits have about half as many rows (61 were
counted), as one half is on its way to the disk while the other is answered and sends again. What bare
commits of that size come to stands in the note.
"""

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
_ENVELOPE_BYTES = 72
_KEY_BYTES = 64
_SMALLER_GROUP_ROWS = _CONNECTIONS // 2
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
        pairs, smaller = [], []
        for index in range(effort.rounds):
            told = client.flood(target, connections=_CONNECTIONS, duration_s=effort.round_s)
            paths = (Path(folder) / f"{index}.db", Path(folder) / f"{index}-smaller.db")
            floor = bare_commits(paths[0], _CONNECTIONS, effort.round_s)
            pairs.append((told.per_second, floor))
            half_s = effort.round_s / 2
            smaller.append(bare_commits(paths[1], _SMALLER_GROUP_ROWS, half_s))
    return [
        Figure(
            f"durable SQS sends, {_CONNECTIONS} connections",
            median(first for first, _ in pairs),
            "sends/s",
            median(second for _, second in pairs),
            "bare SQLite group commit",
            Reach(is_at_most=False, of_ratio=0.15),
            f"bodies of {_BODY_BYTES} B; bare commits of {_CONNECTIONS} rows, "
            f"of {_SMALLER_GROUP_ROWS} rows {median(smaller):,.0f}/s",
        )
    ]


def bare_commits(path: Path, group_rows: int, duration_s: float) -> float:
    """Rows a second of a bare SQLite group commit on the server's cores."""
    row = (str(_KEY_BYTES), str(_BODY_BYTES + _ENVELOPE_BYTES))
    arguments = [str(path), str(_CONNECTIONS), *row, str(group_rows), str(duration_s)]
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
