"""Folders through which instances find the layers of container images.

Each holds a link to every layer, by number, since overlayfs reads the names of all layers from one page;
``0`` leads to a folder that lies on top of them: mount points, and the files that name a host's place in a
network.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from pileus.ports.nodes import ImageRoot, InstanceSpec
from pileus.runtime import sandbox
from pileus.runtime.image_root import MOUNT_POINTS

_TOP = "top"
_NEW = ".new"
_NAME_DIGITS = 32
_FILES = {"etc/hosts": "127.0.0.1 localhost\n", "etc/resolv.conf": ""}


class ImageRoots:
    """The folders below ``root_dir``, each made once."""

    def __init__(self, root_dir: Path) -> None:
        self._root_dir = root_dir

    def folder(self, lowers: Sequence[str]) -> Path:
        """The folder for an image's layers, top first."""
        name = hashlib.sha256("\n".join(lowers).encode()).hexdigest()[:_NAME_DIGITS]
        folder = self._root_dir / name
        if folder.exists():
            return folder
        draft = folder.with_name(name + _NEW)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for number, lower in enumerate((str(self._top()), *lowers)):
            (draft / str(number)).symlink_to(sandbox.OLD_ROOT + lower)
        draft.rename(folder)
        return folder

    def _top(self) -> Path:
        top = self._root_dir / _TOP
        if top.exists():
            return top
        draft = top.with_name(_TOP + _NEW)
        shutil.rmtree(draft, ignore_errors=True)
        for name in MOUNT_POINTS:
            (draft / name).mkdir(parents=True)
        for name, text in _FILES.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_text(text)
        draft.rename(top)
        return top


def launch_error(spec: InstanceSpec | None, detail: str) -> str:
    """The record of a program that could not be started, as Lambda writes it."""
    image = (spec.image if spec else None) or ImageRoot()
    entrypoint, command = ",".join(image.entrypoint), ",".join(image.command)
    return (
        f"IMAGE\tLaunch error: {detail}\tEntrypoint: [{entrypoint}]\tCmd: [{command}]\t"
        f"WorkingDir: [{image.working_dir}]"
    )
