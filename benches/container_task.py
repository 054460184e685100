"""How long does a container task take that does nothing, above the program alone?

From the moment the platform took the task (``createdAt``) until its container had ended
(``executionStoppedAt``), as DescribeTasks tells. The floor is a fork and exec of the same program.
"""

from __future__ import annotations

import os
import subprocess
import time
from statistics import median
from typing import Any

from benches.apparatus.effort import Effort
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.machine import server_cores
from benches.apparatus.processes import Running, ask, environment, platform

_TRUE = "/bin/true"
_POLL_S = 0.05
_WAIT_S = 30.0
_ECS = "AmazonEC2ContainerServiceV20141113"


def run(effort: Effort) -> list[Figure]:
    """One task after another, in turn with the bare program."""
    with platform() as running:
        container = {"name": "main", "image": "pileus:host", "command": [_TRUE], "memory": 64}
        given = {"family": "true", "containerDefinitions": [container]}
        ask(running.port, "ecs", f"{_ECS}.CreateCluster", clusterName="default")
        ask(running.port, "ecs", f"{_ECS}.RegisterTaskDefinition", **given)
        _task_ms(running)
        pairs = [(_task_ms(running), _bare_ms()) for _ in range(effort.samples)]
    bare_ms = median(bare for _, bare in pairs)
    return [
        Figure(
            "container task, start to exit of true",
            median(task for task, _ in pairs),
            "ms p50",
            bare_ms,
            "fork and exec",
            Reach(is_at_most=True, of_value=round(15 + bare_ms, 1)),
            "pileus:host; the reach is 15 ms above the floor",
        )
    ]


def _task_ms(running: Running) -> float:
    started = ask(running.port, "ecs", f"{_ECS}.RunTask", taskDefinition="true")
    arn = started["tasks"][0]["taskArn"]
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
        (task,) = ask(running.port, "ecs", f"{_ECS}.DescribeTasks", tasks=[arn])["tasks"]
        if task["lastStatus"] == "STOPPED":
            return _taken_ms(task)
    raise RuntimeError(f"the task did not end within {_WAIT_S} s")


def _taken_ms(task: dict[str, Any]) -> float:
    if task["containers"][0].get("exitCode") != 0:
        raise RuntimeError(f"the task failed: {task.get('stoppedReason')}")
    taken_s: float = task["executionStoppedAt"] - task["createdAt"]
    return taken_s * 1000


def _bare_ms() -> float:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, server_cores())
    try:
        began_ns = time.perf_counter_ns()
        subprocess.run([_TRUE], check=True, close_fds=False, env=environment())
        return (time.perf_counter_ns() - began_ns) / 1e6
    finally:
        os.sched_setaffinity(0, before)
