"""The platform's objects for images, made and bound together in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_folders import LayerFolders
from pileus.compute.images.layer_store import LayerStore
from pileus.kernel.kernel import Kernel

CACHE_BYTES = 20 * 1024**3
"""What unpacked layers may take, unless a setting says otherwise."""


def add_image_store(kernel: Kernel, aliases: Mapping[str, str] | None = None) -> ImageStore:
    """Give the kernel the registries' contents. Call it before the kernel starts."""
    images = ImageStore(kernel.state, kernel.blobs, kernel.clock, kernel.chance, aliases)
    kernel.add_part(ImageStore, images)
    return images


def add_layer_store(kernel: Kernel, layers_dir: Path, cache_bytes: int = CACHE_BYTES) -> LayerStore:
    """Give the kernel unpacked layers below a folder. The part ImageStore must be there.

    Call ``layers.close()`` before the kernel closes.
    """
    layers = LayerStore(kernel.part(ImageStore), LayerFolders(layers_dir, cache_bytes))
    kernel.add_part(LayerStore, layers)
    return layers
