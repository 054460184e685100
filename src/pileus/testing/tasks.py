"""Container tasks in a memory platform: scripted programs instead of processes, under virtual time."""

from __future__ import annotations

from collections.abc import Mapping

from pileus.compute.task_images import ImageUnavailable, TaskImage
from pileus.ports.clock import Clock
from pileus.services.ecs.parts import TaskSettings, add_task_parts
from pileus.services.ecs.running import TaskRunner
from pileus.testing.fake_tasks import ContainerProgram, FakeTaskHost, FakeTaskNodes
from pileus.testing.platform import MemoryPlatform

SLOW_PULL_S = 3.0


class AnyImage:
    """Every image is there but those named ``missing``; its command is its name.

    Those named ``slow`` are there after :data:`SLOW_PULL_S`.
    """

    def __init__(self, clock: Clock) -> None:
        self.held: set[str] = set()
        self._clock = clock

    def release(self, holder: str) -> None:
        """See ``compute.task_images.TaskImages``."""
        self.held.discard(holder)

    async def find(self, scope: str, name: str, holder: str) -> TaskImage:
        """See ``compute.task_images.TaskImages``."""
        self.held.add(holder)
        if name.startswith("missing"):
            raise ImageUnavailable(f"CannotPullContainerError: {name}: not found")
        if name.startswith("slow"):
            await self._clock.sleep(SLOW_PULL_S)
        return TaskImage(lowers=(f"/images/{name}",), command=(name,))


class ScriptedTasks:
    """Adds tasks over one scripted machine to each life of a platform::

    tasks = ScriptedTasks({"worker": ContainerProgram(5.0)})
    platform = await MemoryPlatform.start(prepare=tasks)

    Attributes:
        host: the machine; it goes on while platforms come and go.
        runner: of the latest life.
    """

    host: FakeTaskHost
    runner: TaskRunner
    images: AnyImage

    def __init__(
        self, programs: Mapping[str, ContainerProgram], memory_mb: int = 0, gpus: int = 0
    ) -> None:
        self.programs = dict(programs)
        self._memory_mb, self._gpus = memory_mb, gpus
        self._clock: object = None

    def __call__(self, platform: MemoryPlatform) -> None:
        """Give the platform what runs tasks; it has not started yet."""
        if self._clock is not platform.clock:
            self._clock = platform.clock
            self.host = FakeTaskHost(platform.clock, self.programs, self._memory_mb, self._gpus)
        self.images = AnyImage(platform.clock)
        settings = TaskSettings(images=self.images)
        self.runner = add_task_parts(platform.kernel, FakeTaskNodes(self.host), settings)
