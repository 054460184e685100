"""The platform's own Python environment, for instances that are to see what is installed there."""

from __future__ import annotations

import sys

import msgspec


class HostEnvironment(msgspec.Struct, frozen=True):
    """Folders of installed packages, and the runtime that can load them."""

    folders: tuple[str, ...]
    runtime: str

    @staticmethod
    def own() -> HostEnvironment:
        """That of this process: its site-packages folders and its Python version."""
        folders = tuple(path for path in sys.path if path.endswith("site-packages"))
        return HostEnvironment(folders, f"python3.{sys.version_info.minor}")
