"""Images as tasks need them: unpacked layers, and what the image says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from pileus.compute.images.errors import ImageError
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.images.model import Image
from pileus.ports.tasks import HOST_IMAGE
from pileus.values.errors import PileusError


class ImageUnavailable(PileusError):
    """The image cannot be had; the text says why, in the words of a container engine."""


class TaskImage(msgspec.Struct, frozen=True):
    """An image on this machine.

    Attributes:
        lowers: folders of its unpacked layers, top first; empty for the node's own programs.
        reference: its name on the node's shelf, in the place of ``lowers``, where that has one.
        digest: ``sha256:…`` of its manifest, or empty.
    """

    lowers: tuple[str, ...] = ()
    reference: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    working_dir: str = "/"
    user: str = ""
    stop_signal: str = ""
    digest: str = ""


class TaskImages(Protocol):
    """Where tasks find images."""

    async def find(self, scope: str, name: str, holder: str) -> TaskImage:
        """The image of a name as task definitions give it, unpacked. ``scope`` is
        ``account/region``; ``holder`` (a task's id) keeps its layers there until :meth:`release`.
        Raises ImageUnavailable."""
        ...

    def release(self, holder: str) -> None:
        """The task needs its images no more. Idempotent."""
        ...


class HostImages:
    """No images but ``pileus:host``, the node's own programs."""

    async def find(self, scope: str, name: str, holder: str) -> TaskImage:
        """See the protocol."""
        if name == HOST_IMAGE:
            return TaskImage()
        raise ImageUnavailable(cannot_pull(name, f"{name}: not found"))

    def release(self, holder: str) -> None:
        """See the protocol."""


class RegistryImages:
    """Images of the accounts' registries, unpacked layer by layer."""

    def __init__(self, images: ImageStore, layers: LayerStore) -> None:
        self._images = images
        self._layers = layers

    async def find(self, scope: str, name: str, holder: str) -> TaskImage:
        """See the protocol."""
        account, _, region = scope.partition("/")
        try:
            image = self._images.resolve(account, region, name)
            if image.is_host:
                return TaskImage()
            lowers = await self._layers.unpacked(image, holder)
        except ImageError as error:
            raise ImageUnavailable(cannot_pull(name, str(error))) from error
        if not lowers:
            raise ImageUnavailable(cannot_pull(name, "the image has no layers"))
        return image_of_task(image, lowers)

    def release(self, holder: str) -> None:
        """See the protocol."""
        self._layers.release(holder)


def image_of_task(image: Image, lowers: tuple[str, ...] = (), reference: str = "") -> TaskImage:
    """What an image says of itself, and where it is."""
    config = image.config
    pairs = (text.partition("=") for text in config.environment)
    return TaskImage(
        lowers=lowers,
        reference=reference,
        entrypoint=config.entrypoint,
        command=config.command,
        environment={name: value for name, _, value in pairs},
        working_dir=config.working_dir or "/",
        user=config.user,
        stop_signal=config.stop_signal,
        digest=image.digest,
    )


def cannot_pull(name: str, why: str) -> str:
    """The words of a container engine."""
    return (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        f"resolve ref {name}: {why}"
    )
