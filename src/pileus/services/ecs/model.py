"""Clusters, task definitions, tasks and services as records, and what follows from them alone."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

PROVISIONING, PENDING, RUNNING = "PROVISIONING", "PENDING", "RUNNING"
DEPROVISIONING, STOPPED = "DEPROVISIONING", "STOPPED"
ACTIVE, INACTIVE, DRAINING = "ACTIVE", "INACTIVE", "DRAINING"
DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
PRIMARY = "PRIMARY"
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"


class Cluster(msgspec.Struct, kw_only=True):
    """A cluster: a name to run tasks under. ``kept`` holds members that change nothing here."""

    name: str
    status: str = ACTIVE
    kept: dict[str, Any] = {}
    capacity_providers: list[str] = []
    strategy: list[dict[str, Any]] = []
    tags: dict[str, str] = {}


class Definition(msgspec.Struct, kw_only=True):
    """A revision of a task definition.

    Attributes:
        body: in wire form, with defaults filled in; never changes.
        cpu, memory_mb: of the task; 0 where it has no bound.
    """

    family: str
    revision: int
    body: dict[str, Any]
    registered_ms: int
    registered_by: str
    status: str = ACTIVE
    deregistered_ms: int = 0
    cpu: int = 0
    memory_mb: int = 0
    tags: dict[str, str] = {}

    @property
    def name(self) -> str:
        """``family:revision``."""
        return f"{self.family}:{self.revision}"


class ContainerRecord(msgspec.Struct, kw_only=True):
    """A container of a task as it was last told; ``gpus`` are the ids of those it was given."""

    name: str
    image: str
    id: str
    status: str = PENDING
    exit_code: int | None = None
    reason: str = ""
    health: str = "UNKNOWN"
    cpu: int = 0
    memory_mb: int = 0
    reserved_mb: int = 0
    gpus: list[str] = []


class Task(msgspec.Struct, kw_only=True):
    """A task.

    Attributes:
        definition: ``family:revision``.
        others: members that are kept and told, in wire form.
        service, deployment: of the service that started it; empty for none.
        version: grows with every change, as events tell it.
        pull_began_ms, pull_ms: when its images began to be found, and when they all were.
        gpus: how many its containers ask for.
        credentials: the unguessable id under which the task asks for its role's keys.
    """

    id: str
    cluster: str
    definition: str
    group: str
    launch_type: str
    created_ms: int
    credentials: str
    containers: list[ContainerRecord]
    status: str = PROVISIONING
    desired: str = RUNNING
    started_by: str = ""
    overrides: dict[str, Any] = {}
    others: dict[str, Any] = {}
    cpu: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    gpus: int = 0
    health: str = "UNKNOWN"
    pull_ms: int = 0
    pull_began_ms: int = 0
    started_ms: int = 0
    stopping_ms: int = 0
    execution_stopped_ms: int = 0
    stopped_ms: int = 0
    stop_code: str = ""
    stop_reason: str = ""
    service: str = ""
    deployment: str = ""
    version: int = 1
    tags: dict[str, str] = {}


class Deployment(msgspec.Struct, kw_only=True):
    """A deployment of a service: one task definition on its way to the desired count.

    Attributes:
        short_lives: tasks in a row that failed or ended soon; the pause before the next grows.
        retry_ms: no task is started before.
        is_told_steady: the event of the steady state was written.
    """

    id: str
    definition: str
    created_ms: int
    updated_ms: int
    status: str = PRIMARY
    rollout: str = IN_PROGRESS
    rollout_reason: str = ""
    failed: int = 0
    short_lives: int = 0
    retry_ms: int = 0
    is_told_steady: bool = False


class Service(msgspec.Struct, kw_only=True):
    """A service: so many tasks of a definition, kept alive.

    Attributes:
        deployments: newest first; the first is the one wanted.
        events: ``[id, ms, message]``, newest first.
        settled: the definition of the last deployment that completed, for a rollback.
    """

    name: str
    cluster: str
    desired_count: int
    launch_type: str
    created_ms: int
    created_by: str
    status: str = ACTIVE
    deployments: list[Deployment] = []
    events: list[tuple[str, int, str]] = []
    others: dict[str, Any] = {}
    minimum_percent: int = 100
    maximum_percent: int = 200
    breaks_circuit: bool = False
    rolls_back: bool = False
    settled: str = ""
    propagates: str = "NONE"
    tags: dict[str, str] = {}
    strategy: list[dict[str, Any]] = []


def fingerprint(text: str) -> str:
    """To tell whether the same is asked again."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
