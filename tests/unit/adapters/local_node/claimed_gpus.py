"""A machine that claims NVIDIA GPUs: device files that are ``/dev/null``'s, and the driver's words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pileus.adapters.local_node.gpus import Gpus


def claimed_gpus(folder: Path, count: int) -> Gpus:
    """So many GPUs, ``GPU-a0`` and so on, below ``folder``; skips where devices cannot be made."""
    devices, drivers = folder / "dev", folder / "drivers"
    devices.mkdir(exist_ok=True)
    for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number in range(count))):
        if not (devices / name).exists():
            try:
                os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            except PermissionError:
                pytest.skip("only root makes devices")
    for number in range(count):
        place = drivers / f"0000:0{number}:00.0"
        place.mkdir(parents=True, exist_ok=True)
        text = f"Model: \t Fine\nGPU UUID: \t GPU-a{number}\nDevice Minor: \t {number}\n"
        (place / "information").write_text(text)
    return Gpus(devices, drivers)
