"""Images of the accounts' registries for nodes that keep images themselves: handed over once, by digest."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pileus.compute.images.errors import ImageError
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layouts import manifest_bytes, write_layout
from pileus.compute.images.manifests import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_MANIFEST,
    parse_manifest,
)
from pileus.compute.images.model import Image, Layer
from pileus.compute.task_images import ImageUnavailable, TaskImage, cannot_pull, image_of_task
from pileus.ports.tasks import ImageShelf, TaskRefused

REPOSITORY = "localhost/pileus"
"""What our images are called there; the tag is the manifest's digest in hexadecimal."""


class EngineImages:
    """Implements ``TaskImages``. What was handed over stays there: the engine tidies up as its user likes.

    Args:
        scratch: folder for the archive of an image that is being handed over.
    """

    def __init__(self, images: ImageStore, shelf: ImageShelf, scratch: Path) -> None:
        self._images = images
        self._shelf = shelf
        self._scratch = scratch
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, scope: str, name: str, holder: str) -> TaskImage:
        """See the protocol."""
        account, _, region = scope.partition("/")
        try:
            image = self._images.resolve(account, region, name)
            if image.is_host:
                return TaskImage()
            reference = f"{REPOSITORY}:{image.digest.partition(':')[2]}"
            async with self._turns[reference]:
                if not await self._shelf.has(reference):
                    await self._hand_over(image, reference)
        except (ImageError, TaskRefused, OSError) as error:
            raise ImageUnavailable(cannot_pull(name, str(error))) from error
        return image_of_task(image, reference=reference)

    def release(self, holder: str) -> None:
        """See the protocol: nothing is held here."""

    async def _hand_over(self, image: Image, reference: str) -> None:
        parts = {layer.digest: layer for layer in image.layers}
        is_oci = image.media_type == OCI_MANIFEST
        config = Layer(image.config_digest, "", 0, OCI_CONFIG if is_oci else DOCKER_CONFIG)
        content = b"".join([piece async for piece in self._images.layer_bytes(image, config)])
        raw = manifest_bytes(
            OCI_MANIFEST if is_oci else DOCKER_MANIFEST,
            {"mediaType": config.media_type, "size": len(content), "digest": config.digest},
            [
                {"mediaType": one.media_type, "size": one.size_bytes, "digest": one.digest}
                for one in image.layers
            ],
        )
        loop = asyncio.get_running_loop()

        def opened(digest: str) -> Iterator[bytes]:
            """On the thread that writes the archive."""
            pieces = self._images.layer_bytes(image, parts.get(digest, config))

            async def following() -> bytes:
                return await anext(pieces, b"")

            while piece := asyncio.run_coroutine_threadsafe(following(), loop).result():
                yield piece

        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            archive = Path(folder, "image.tar")
            await asyncio.to_thread(
                write_layout, archive, reference, parse_manifest(raw), raw, opened
            )
            await self._shelf.load(str(archive))
