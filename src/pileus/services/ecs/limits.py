"""Quotas as data. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

from __future__ import annotations

import msgspec

_GB = 1024


class Limits(msgspec.Struct, frozen=True):
    """What bounds tasks and services.

    Attributes:
        run_count_max: tasks of one RunTask.
        containers_max: of a task definition.
        describe_max: tasks (and services: a tenth) asked for in one call.
        stopped_kept_ms: how long a stopped task is still told of.
        stop_timeout_s_max: on Fargate.
        disk_mb_default: ephemeral storage of a task.
        started_by_max: characters.
        list_default: entries of a page of a listing.
        keys_last_s: validity of a task's keys.
        service_events_max: messages kept of a service.
        short_life_ms: a service's task that ends sooner after its start is no success.
        retry_s_max: the longest pause before a failing service tries again.
    """

    run_count_max: int = 10
    containers_max: int = 10
    describe_max: int = 100
    stopped_kept_ms: int = 3_600_000
    stop_timeout_s_max: int = 120
    disk_mb_default: int = 20 * _GB
    started_by_max: int = 128
    list_default: int = 100
    keys_last_s: int = 6 * 3600
    service_events_max: int = 100
    short_life_ms: int = 10_000
    retry_s_max: int = 300
    tags_max: int = 50
    ephemeral_gib_min: int = 21
    ephemeral_gib_max: int = 200


LIMITS = Limits()

FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, _GB, 2 * _GB),
    512: tuple(range(_GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
}
"""CPU units → memory in MiB that Fargate has with it.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""
