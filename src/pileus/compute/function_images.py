"""Container images as functions need them: found once, kept while a version runs them, unpacked."""

from __future__ import annotations

from msgspec.structs import replace

from pileus.compute.images import catalogue
from pileus.compute.images.errors import ImageError, ImageNotFound, ImageRefused
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.images.model import Image
from pileus.kernel.kernel import Kernel
from pileus.ports.nodes import RuntimeUnavailable
from pileus.ports.state import Space
from pileus.values.errors import PileusError


class NoSuchSource(PileusError):
    """The registry holds no such image."""


class InvalidSource(PileusError):
    """The name leads to no registry of this platform."""


class UnsupportedSource(PileusError):
    """What the name stands for is no image for one machine: an index of several, or an artifact."""


class FunctionImages:
    """Images of the accounts' registries, which are opened when the first function needs them.

    Called from the event loop only; the kernel has the parts ImageStore and LayerStore.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._state = kernel.state

    @property
    def _images(self) -> ImageStore:
        return self._kernel.part(ImageStore)

    @property
    def _layers(self) -> LayerStore:
        return self._kernel.part(LayerStore)

    def find(self, account: str, region: str, name: str) -> tuple[Space, Image]:
        """The image that a name stands for now, and the space of the registry that has it.

        For which machine it is nobody asks, as on AWS: its program will not start.

        Raises:
            InvalidSource, NoSuchSource, UnsupportedSource: see there.
        """
        try:
            space, record = self._images.look_up(account, region, name)
        except (ImageRefused, ImageNotFound) as error:
            raise InvalidSource(str(error)) from error
        if record is None:
            raise NoSuchSource(f"there is no image {name}")
        if record.image is None or not record.image.layers:
            raise UnsupportedSource(f"{name} is a {record.media_type} and nothing that runs")
        return space, replace(record.image, name=name)

    async def pin(self, space: Space, pin: str, image: Image) -> None:
        """Keep an image's layers, whatever becomes of it in its repository.

        Args:
            pin: a name nobody else uses.

        Raises:
            NoSuchSource: it was deleted meanwhile.
        """
        if not await self._state.transact(
            space, lambda state: catalogue.pin_image(state, pin, image)
        ):
            raise NoSuchSource(f"{image.name} was deleted meanwhile")

    async def unpin(self, space: Space, pin: str) -> None:
        """Keep it no longer. Idempotent."""
        await self._state.transact(space, lambda state: catalogue.unpin_image(state, pin))
        await self._images.collect(space)

    def pinned(self, space: Space, pin: str) -> Image | None:
        """The image that a pin keeps; its ``account`` and ``region`` tell where its layers lie."""
        found = self._state.read(space, lambda state: catalogue.pinned_image(state, pin))
        return found and replace(found, account=space[0], region=space[1])

    async def unpacked(self, image: Image, holder: str) -> tuple[str, ...]:
        """See :class:`~pileus.compute.calls.ImageLayers`."""
        try:
            return await self._layers.unpacked(image, holder)
        except ImageError as error:
            raise RuntimeUnavailable(f"The image {image.name} cannot be used: {error}") from error

    def release(self, holder: str) -> None:
        """See :class:`~pileus.compute.calls.ImageLayers`."""
        self._layers.release(holder)
