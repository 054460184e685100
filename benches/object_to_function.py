"""How long from sending an object until the function it triggers runs?

The function's first statement tells the wall time on the same machine's clock; it is read from its log
afterwards and compared with the moment the client sent the object. The floor is one durable commit of
the bare store, in turn with the puts.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.processes import LoadClient, Running, call, platform

_BUCKET = "uploads"
_SOURCE = """import time

def handler(event, context):
    started_ns = time.time_ns()
    print("STARTED", event["Records"][0]["s3"]["object"]["key"], started_ns)
"""
_WARM_UPS = 5
_PAUSE_S = 0.03


def run(effort: Effort) -> list[Figure]:
    """Objects of 1 KiB one after another to a bucket with a notification."""
    count = effort.samples * 3
    with LoadClient() as client, platform() as running, tempfile.TemporaryDirectory() as folder:
        _prepare(running)
        store = _BareStore(Path(folder) / "floor.db")
        requests = [
            wire.put_object(_BUCKET, f"o{index}", os.urandom(1024), running.port)
            for index in range(count + _WARM_UPS)
        ]
        sent_ns: list[int] = []
        commits: list[float] = []
        for request in requests:
            _, sent = client.timed([Target(running.port, [request])], rounds=1, block=1)
            sent_ns += sent[0]
            time.sleep(_PAUSE_S)
            commits.append(store.commit_ms())
        started_ns = functions.started(running.port, "triggered", len(requests))
    lags_ms = [
        (started_ns[f"o{index}"] - sent_ns[index]) / 1e6
        for index in range(_WARM_UPS, len(requests))
    ]
    return [
        Figure(
            "S3 put until a warm function runs",
            median(lags_ms),
            "ms p50",
            median(commits),
            "one durable commit",
            Reach(is_at_most=True, of_value=10.0),
        )
    ]


def _prepare(running: Running) -> None:
    port = running.port
    functions.create_role(port)
    functions.create(port, "triggered", _SOURCE)
    statement = {
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": f"arn:aws:s3:::{_BUCKET}",
    }
    json_type = {"content-type": "application/json"}
    path = "/2015-03-31/functions/triggered/policy"
    call(
        port,
        wire.signed("lambda", "POST", path, json_type, json.dumps(statement).encode(), port=port),
    )
    call(port, wire.signed("s3", "PUT", f"/{_BUCKET}", {}, b"", port=port))
    function = f"arn:aws:lambda:{wire.REGION}:{wire.ACCOUNT}:function:triggered"
    document = (
        '<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<CloudFunctionConfiguration><CloudFunction>{function}</CloudFunction>"
        "<Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"
    )
    query = wire.signed(
        "s3", "PUT", f"/{_BUCKET}", {}, document.encode(), port=port, query="notification="
    )
    call(port, query)


class _BareStore:
    """SQLite, one synced commit of 1 KiB a call."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS kv(k INTEGER PRIMARY KEY, v BLOB)")

    def commit_ms(self) -> float:
        """Milliseconds until it is on the disk."""
        began_ns = time.perf_counter_ns()
        self._database.execute("INSERT INTO kv(v) VALUES(?)", (os.urandom(1024),))
        return (time.perf_counter_ns() - began_ns) / 1e6
