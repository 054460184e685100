"""Images as tasks need them: unpacked layers, and what the image says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from pileus.ports.tasks import HOST_IMAGE
from pileus.values.errors import PileusError


class ImageUnavailable(PileusError):
    """The image cannot be had; the text says why, in the words of a container engine."""


class TaskImage(msgspec.Struct, frozen=True):
    """An image on this machine.

    Attributes:
        lowers: folders of its unpacked layers, top first; empty for the node's own programs.
        digest: ``sha256:…`` of its manifest, or empty.
    """

    lowers: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    working_dir: str = "/"
    user: str = ""
    stop_signal: str = ""
    digest: str = ""


class TaskImages(Protocol):
    """Where tasks find images."""

    async def find(self, scope: str, name: str) -> TaskImage:
        """The image of a name as task definitions give it, unpacked. ``scope`` is
        ``account/region``. Raises ImageUnavailable."""
        ...


class HostImages:
    """No images but ``pileus:host``, the node's own programs."""

    async def find(self, scope: str, name: str) -> TaskImage:
        """See the protocol."""
        if name == HOST_IMAGE:
            return TaskImage()
        raise ImageUnavailable(
            f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            f"resolve ref {name}: {name}: not found"
        )
