"""The file system of a function's container image: its layers, read-only, as the instance's root.

Layers come from anywhere. The folder on top of them, which the node made, holds every mount point, so
that no link of an image leads a mount elsewhere.
"""

from __future__ import annotations

import os

from pileus.runtime import linux

MOUNT_POINTS = ("dev", "proc", "tmp")
"""What an instance has of its own, whatever the image holds there."""
_ROOT = "/run"
"""A folder of the blank instance's tree where the new root is put together."""


def enter(folder: str, count: int) -> None:
    """In the worker, before it gives up its powers: make an image the root of the instance.

    Args:
        folder: holds the links ``0`` (the mount points) to ``count``, top layer first. They are read
            from a folder of their own, since the names of all must fit into a page.

    Raises:
        OSError: what the kernel refuses.
    """
    quiet = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
    options = f"lowerdir={':'.join(str(number) for number in range(count + 1))}"
    if not linux.has_initial_users():
        options += ",userxattr"
    os.chdir(folder)
    linux.mount("overlay", _ROOT, "overlay", quiet, options)
    for name in MOUNT_POINTS:
        # As they are in the blank instance: devices alone may be written, and /tmp.
        flags = linux.MS_BIND | linux.MS_REC
        linux.mount(f"/{name}", f"{_ROOT}/{name}", "", flags)
    os.chdir(_ROOT)
    # The old root ends up on top of the new one, at the same place: an image has no folder for it.
    linux.pivot_root(".", ".")
    linux.unmount(".")
