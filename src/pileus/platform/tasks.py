"""What runs container tasks, and the server of their metadata."""

from __future__ import annotations

from msgspec.structs import replace

from pileus.adapters.container_engine.client import EngineClient
from pileus.adapters.container_engine.images import EngineShelf
from pileus.adapters.container_engine.tasks import EngineTasks, EngineTaskSettings
from pileus.adapters.local_node.nodes import LocalNodes
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.compute.engine_images import EngineImages
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.task_images import RegistryImages
from pileus.gateway import claims
from pileus.gateway.app import OWN_PREFIX
from pileus.gateway.doors import Doors
from pileus.gateway.server import Server
from pileus.gateway.task_metadata import TaskMetadata
from pileus.platform.runners import OWN, tasks_dir
from pileus.platform.running import Closing, Platform, boot_id
from pileus.ports.tasks import TaskNodes
from pileus.services.ecs.metadata import Metadata
from pileus.services.ecs.parts import TaskSettings, add_task_parts

_BELOW = f"{OWN_PREFIX}{claims.TASKS}".removesuffix("/")


def build(platform: Platform) -> None:
    """Container tasks on this machine."""
    settings, kernel = platform.settings, platform.kernel
    task_settings = TaskSettings(
        host_volumes=tuple(folder for folder in settings.host_volumes.split(":") if folder),
        stops_at_close=not settings.keep_tasks,
    )
    make = _own_runner if settings.task_runner == OWN else _engine
    nodes, task_settings = make(platform, task_settings)
    runner = add_task_parts(kernel, nodes, task_settings)
    platform.at_close(Closing.TASKS, runner.close)


def make_metadata(platform: Platform) -> TaskMetadata:
    """The metadata service as a part of the gateway."""
    return TaskMetadata(Metadata(platform.kernel).answer, _BELOW)


def _own_runner(platform: Platform, given: TaskSettings) -> tuple[TaskNodes, TaskSettings]:
    settings, kernel = platform.settings, platform.kernel
    nodes: LocalNodes = platform.wing("node")
    metadata = Server(TaskMetadata(Metadata(kernel).answer), kernel.clock)
    platform.at_close(Closing.METADATA, metadata.close)
    doors = (Doors(platform.server, kernel.supervisor), Doors(metadata, kernel.supervisor))
    tasks = LocalTasks(
        LocalTaskSettings(
            tasks_dir=tasks_dir(settings, OWN),
            run_dir=settings.data_dir.resolve() / "run",
            boot_id=boot_id(),
            gateway_port=settings.port,
        ),
        (kernel.clock, kernel.chance),
        nodes.prober,
        (doors[0].open, doors[1].open),
    )
    images = RegistryImages(kernel.part(ImageStore), kernel.part(LayerStore))
    return tasks, replace(given, images=images)


def _engine(platform: Platform, given: TaskSettings) -> tuple[TaskNodes, TaskSettings]:
    settings, kernel = platform.settings, platform.kernel
    client: EngineClient = platform.task_engine
    run_dir = settings.data_dir.resolve() / "run"
    nodes_settings = EngineTaskSettings(
        tasks_dir=tasks_dir(settings, client.engine), run_dir=run_dir, boot_id=boot_id()
    )
    images = EngineImages(kernel.part(ImageStore), EngineShelf(client), run_dir / "handed-over")
    tasks = EngineTasks(nodes_settings, client, kernel.clock)
    return tasks, replace(given, images=images, metadata_path=_BELOW)
