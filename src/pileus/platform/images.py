"""Registries of container images, their layers unpacked, and the door of registry clients."""

from __future__ import annotations

from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.parts import add_image_store, add_layer_store
from pileus.gateway.registry import RegistryDoor
from pileus.kernel.credentials import Credentials
from pileus.platform.running import Closing, Platform


def build(platform: Platform) -> None:
    """Images as they were pushed, and unpacked for whoever runs them."""
    settings = platform.settings
    add_image_store(platform.kernel, settings.aliases)
    layers_dir = settings.data_dir.resolve() / "layers"
    layers = add_layer_store(platform.kernel, layers_dir, settings.image_cache_bytes)
    platform.at_close(Closing.LAYERS, layers.close)


def make_registry(platform: Platform) -> RegistryDoor:
    """The handler of ``/v2/…``."""
    kernel = platform.kernel
    lookup = Credentials.of(kernel).lookup
    images = kernel.part(ImageStore)
    door = RegistryDoor(kernel.invoke, images, lookup, kernel.signing_key, kernel.clock)
    door.region = platform.settings.region
    return door
