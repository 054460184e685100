"""The machine's NVIDIA GPUs, and which container has which: no two have the same one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pileus.ports.tasks import TaskRefused, gpu_refusal
from pileus.runtime.container_plan import DEVICE, Mount

VISIBLE = "NVIDIA_VISIBLE_DEVICES"
LIBRARIES_DIR = "/usr/local/nvidia/lib64"
"""Where CUDA's images look for the driver's libraries, by their ``LD_LIBRARY_PATH``."""
_HOST_LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                   "/usr/lib/wsl/lib", LIBRARIES_DIR)  # fmt: skip
_LIBRARIES = ("libcuda.so.1", "libcudadebugger.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1",
              "libnvidia-ml.so.1", "libnvidia-nvvm.so.4", "libnvidia-opticalflow.so.1",
              "libnvidia-ptxjitcompiler.so.1")  # fmt: skip
_NUMBER, _ID = "Device Minor", "GPU UUID"


class Gpu(msgspec.Struct, frozen=True):
    """One GPU: ``id`` is the driver's, or its number where the driver tells none."""

    id: str
    device: str


class Gpus:
    """Counts and hands out.

    Args:
        devices_dir: holds ``nvidia0`` and so on.
        drivers_dir: a folder for each GPU with the file ``information``, as the driver makes it.
    """

    def __init__(
        self,
        devices_dir: Path = Path("/dev"),
        drivers_dir: Path = Path("/proc/driver/nvidia/gpus"),
    ) -> None:
        self._devices_dir = devices_dir
        self._drivers_dir = drivers_dir
        self._promised: dict[str, int] = {}
        self._given: dict[str, dict[str, tuple[str, ...]]] = {}

    def there(self) -> list[Gpu]:
        """All of the machine's, by number."""
        found = sorted(
            (int(path.name.removeprefix("nvidia")), path)
            for path in self._devices_dir.glob("nvidia[0-9]*")
            if path.name.removeprefix("nvidia").isdigit() and path.is_char_device()
        )
        ids = self._ids() if found else {}
        return [Gpu(ids.get(number, str(number)), str(path)) for number, path in found]

    def capacity(self) -> tuple[int, int]:
        """How many there are, and how many no open task has been promised."""
        total = len(self.there())
        return total, max(0, total - self._taken_beside(""))

    def promise(self, task_id: str, count: int) -> None:
        """Keep so many for a task. Raises TaskRefused."""
        if not count:
            return
        total = len(self.there())
        free = max(0, total - self._taken_beside(task_id))
        if count > free:
            raise TaskRefused(gpu_refusal(count, free, total))
        self._promised[task_id] = count

    def give(self, task_id: str, container: str, count: int) -> list[Gpu]:
        """So many for a container, until the task is released. Raises TaskRefused."""
        if not count:
            return []
        there = self.there()
        given = {one for held in self._given.values() for ids in held.values() for one in ids}
        left = [gpu for gpu in there if gpu.id not in given]
        mine = sum(len(ids) for ids in self._given.get(task_id, {}).values())
        free = min(len(left), len(there) - self._taken_beside(task_id) - mine)
        if count > free:
            raise TaskRefused(gpu_refusal(count, max(0, free), len(there)))
        self._given.setdefault(task_id, {})[container] = tuple(gpu.id for gpu in left[:count])
        return left[:count]

    def adopt(self, task_id: str, count: int, given: Mapping[str, tuple[str, ...]]) -> None:
        """A task that an earlier platform promised and gave them to."""
        if count:
            self._promised[task_id] = count
        if given:
            self._given[task_id] = dict(given)

    def release(self, task_id: str) -> None:
        """The task is over."""
        self._promised.pop(task_id, None)
        self._given.pop(task_id, None)

    def mounts(self, gpus: list[Gpu], *, with_libraries: bool) -> list[Mount]:
        """What a container that was given ``gpus`` is shown: their devices, those that control the
        driver, and, for images, the driver's libraries."""
        control = [
            str(path)
            for path in sorted(self._devices_dir.glob("nvidia[!0-9]*"))
            if path.is_char_device()
        ]
        devices = [*(gpu.device for gpu in gpus), *control]
        shown = [
            Mount(f"/dev/{Path(path).name}", path, is_writable=True, options=DEVICE)
            for path in devices
        ]
        if with_libraries:
            shown += [Mount(f"{LIBRARIES_DIR}/{Path(path).name}", path) for path in _libraries()]
        return shown

    def _taken_beside(self, task_id: str) -> int:
        return sum(
            max(
                self._promised.get(one, 0),
                sum(len(ids) for ids in self._given.get(one, {}).values()),
            )
            for one in self._promised.keys() | self._given.keys()
            if one != task_id
        )

    def _ids(self) -> dict[int, str]:
        ids = {}
        for path in self._drivers_dir.glob("*/information"):
            pairs = (line.partition(":") for line in path.read_text().splitlines())
            told = {name.strip(): value.strip() for name, _, value in pairs}
            if told.get(_NUMBER, "").isdigit() and told.get(_ID):
                ids[int(told[_NUMBER])] = told[_ID]
        return ids


def _libraries() -> list[str]:
    found: dict[str, str] = {}
    for folder in _HOST_LIBRARIES:
        for name in _LIBRARIES:
            path = Path(folder, name)
            if name not in found and path.exists():
                found[name] = str(path)
    return list(found.values())
