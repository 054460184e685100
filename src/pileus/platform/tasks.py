"""What runs container tasks, and the server of their metadata."""

from __future__ import annotations

from pileus.adapters.local_node.nodes import LocalNodes
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.task_images import RegistryImages
from pileus.gateway.doors import Doors
from pileus.gateway.server import Server
from pileus.gateway.task_metadata import TaskMetadata
from pileus.platform.running import Closing, Platform, boot_id
from pileus.services.ecs.metadata import Metadata
from pileus.services.ecs.parts import TaskSettings, add_task_parts


def build(platform: Platform) -> None:
    """Container tasks on this machine."""
    settings, kernel = platform.settings, platform.kernel
    nodes: LocalNodes = platform.wing("node")
    metadata = Server(TaskMetadata(Metadata(kernel).answer), kernel.clock)
    doors = (Doors(platform.server, kernel.supervisor), Doors(metadata, kernel.supervisor))
    tasks = LocalTasks(
        LocalTaskSettings(
            tasks_dir=settings.data_dir.resolve() / "tasks",
            run_dir=settings.data_dir.resolve() / "run",
            boot_id=boot_id(),
            gateway_port=settings.port,
        ),
        (kernel.clock, kernel.chance),
        nodes.prober,
        (doors[0].open, doors[1].open),
    )
    volumes = tuple(folder for folder in settings.host_volumes.split(":") if folder)
    task_settings = TaskSettings(
        images=RegistryImages(kernel.part(ImageStore), kernel.part(LayerStore)),
        host_volumes=volumes,
        stops_at_close=not settings.keep_tasks,
    )
    runner = add_task_parts(kernel, tasks, task_settings)

    async def close() -> None:
        await runner.close()
        await metadata.close()

    platform.at_close(Closing.TASKS, close)
