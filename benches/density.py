"""What do a thousand instances of a trivial function cost, and a thousand cold starts at once?

Every call sleeps until the last instance has started, so each needs one of its own.
"""

from __future__ import annotations

import time

from benches.apparatus import functions, wire
from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.machine import cpu_s, pss_mb
from benches.apparatus.processes import LoadClient, Running, call, platform

_SINGLE_STARTS = 20
_SOURCE = """
import os, time

def handler(event, context):
    time.sleep(event["until_s"] - time.time())
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""
_START_S_MOST = 0.06
"""More than a start takes of a core here."""


def run(effort: Effort) -> list[Figure]:
    """One after another, then all at once; a quick look takes a tenth."""
    count = 100 if effort.is_quick else 1000
    with LoadClient() as client, platform(blank_children="0", idle_s="600") as running:
        functions.create_role(running.port)
        for index in range(_SINGLE_STARTS + 1):
            functions.create(running.port, f"single-{index}")
        functions.create(running.port, "many", _SOURCE, timeout_s=300)
        call(running.port, wire.invoke("single-0", b"{}", running.port))
        functions.settle()
        before_s = cpu_s(running.pid)
        for index in range(1, _SINGLE_STARTS + 1):
            call(running.port, wire.invoke(f"single-{index}", b"{}", running.port))
        functions.settle()
        single_s = (cpu_s(running.pid) - before_s) / _SINGLE_STARTS
        size_before_mb = pss_mb(running.pid)
        spent_s = _start_all(client, running, count)
        size_mb = (pss_mb(running.pid) - size_before_mb) / count
    return [
        Figure(
            f"{count:,} cold starts at once",
            count / spent_s,
            "per CPU-second",
            1 / single_s,
            "a single one",
            Reach(is_at_most=False, of_ratio=0.7),
        ),
        Figure(
            f"an instance of {count:,} kept warm, PSS",
            size_mb,
            "MiB",
            4.6,
            "an instance alone, zygote aside",
            Reach(is_at_most=True, of_value=6.0),
        ),
    ]


def _start_all(client: LoadClient, running: Running, count: int) -> float:
    """CPU seconds of the platform for as many instances as calls; every call must succeed."""
    until_s = time.time() + 2 + count * _START_S_MOST
    body = b'{"until_s": %f}' % until_s
    target = Target(running.port, [wire.invoke("many", body, running.port)])
    before_s = cpu_s(running.pid)
    answers = client.answers(target, connections=count, count=count)
    spent_s = cpu_s(running.pid) - before_s
    instances = {answer.rpartition("\r\n\r\n")[2] for answer in answers}
    if len(instances) < count:
        raise RuntimeError(f"{len(instances)} instances answered {count} calls")
    return spent_s
