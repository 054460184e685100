"""What tasks use: vCPU-seconds and GB-seconds of what they reserve, from the pull of their images to their end.

https://aws.amazon.com/fargate/pricing/ (a minute at least). What ended is added up in the store, by cluster, in
the transaction of its end; what runs is reckoned when somebody asks. So neither a crash nor a restart loses any.
"""

from __future__ import annotations

import msgspec

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.records import RecordCodec
from pileus.services.ecs.model import Task

_UNITS = 1024
_BILLED_MS_MIN = 60_000
_NAMES = {"tasks": "tasks", "vcpu_seconds": "vcpu-seconds", "gb_seconds": "gb-seconds"}


class Usage(msgspec.Struct, kw_only=True):
    """Of one task, or of many together."""

    tasks: int = 0
    vcpu_seconds: float = 0.0
    gb_seconds: float = 0.0

    def add(self, other: Usage) -> None:
        """Take in what others used."""
        self.tasks += other.tasks
        self.vcpu_seconds += other.vcpu_seconds
        self.gb_seconds += other.gb_seconds


_RECORDS = RecordCodec(Usage)


def usage_of(task: Task, now_ms: int) -> Usage:
    """What a task has used up to now, or up to its end; nothing before its images were asked for.

    Where the task has no bounds of its own, those of its containers count.
    """
    began_ms = task.pull_began_ms or task.pull_ms
    if not began_ms:
        return Usage()
    until_ms = task.stopped_ms or now_ms
    seconds = max(until_ms - began_ms, _BILLED_MS_MIN) / 1000
    cpu = task.cpu or sum(one.cpu for one in task.containers)
    memory_mb = task.memory_mb or sum(one.memory_mb or one.reserved_mb for one in task.containers)
    return Usage(
        tasks=1,
        vcpu_seconds=cpu / _UNITS * seconds,
        gb_seconds=memory_mb / _UNITS * seconds,
    )


def note_end(call: WriteCall, task: Task) -> Usage:
    """Add a task that has stopped to its cluster's account; what it used."""
    used = usage_of(task, call.now_ms)
    total = ended(call, task.cluster)
    total.add(used)
    call.state.put(("usage", task.cluster), _RECORDS.encode(total))
    return used


def ended(call: ReadCall | WriteCall, cluster: str) -> Usage:
    """What a cluster's tasks that have ended used together."""
    raw = call.state.get(("usage", cluster))
    return Usage() if raw is None else _RECORDS.decode(raw)


def ended_everywhere(call: ReadCall) -> Usage:
    """The same over all clusters of an account and region."""
    total = Usage()
    for _, raw in call.state.range(("usage",)):
        total.add(_RECORDS.decode(raw))
    return total


def told(used: Usage) -> list[dict[str, str]]:
    """Names and values, for members of the API that hold such."""
    values = {"tasks": used.tasks, "vcpu_seconds": used.vcpu_seconds, "gb_seconds": used.gb_seconds}
    return [
        {"name": f"pileus.{_NAMES[name]}", "value": f"{value:.3f}".rstrip("0").rstrip(".")}
        for name, value in values.items()
    ]
