"""The platform's objects that run tasks, made and bound together in one place.

The platform hands in the real node, tests a scripted one.
"""

from __future__ import annotations

import msgspec

from pileus.compute.task_images import HostImages, TaskImages
from pileus.kernel.kernel import Kernel
from pileus.ports.tasks import TaskNodes
from pileus.services.ecs.planning import Planner
from pileus.services.ecs.running import TaskRunner


class TaskSettings(msgspec.Struct, frozen=True):
    """What does not follow from the ports.

    Attributes:
        images: where images are found; None for none but ``pileus:host``.
        host_volumes: folders below which volumes may lie.
        stops_at_close: tasks end with the platform when it ends in order.
        metadata_path: where the platform answers as the metadata service, for nodes that have no
            address for it.
    """

    images: TaskImages | None = None
    host_volumes: tuple[str, ...] = ()
    stops_at_close: bool = True
    metadata_path: str = ""


def add_task_parts(kernel: Kernel, nodes: TaskNodes, settings: TaskSettings) -> TaskRunner:
    """Give the kernel what runs tasks.

    Call it before the kernel starts, and the runner's ``close`` before the kernel's.
    """
    images = settings.images or HostImages()
    planner = Planner(kernel, images, settings.host_volumes, settings.metadata_path)
    runner = TaskRunner(kernel, nodes, planner, stops_at_close=settings.stops_at_close)
    kernel.add_part(Planner, planner)
    kernel.add_part(TaskRunner, runner)
    return runner
