"""What an image is, once its manifest and config are read."""

from __future__ import annotations

import msgspec

from pileus.compute.images.references import HOST_IMAGE


class Layer(msgspec.Struct, frozen=True):
    """One layer.

    Attributes:
        digest: of the bytes as they are kept and sent.
        diff_id: of the tar archive inside, uncompressed: what the layer *is*.
        compression: ``gzip``, ``zstd`` or empty for a plain tar archive.
    """

    digest: str
    diff_id: str
    size_bytes: int
    media_type: str
    compression: str = ""


class HealthCheck(msgspec.Struct, frozen=True):
    """``HEALTHCHECK``; seconds, 0 where the image leaves it to the default.

    Attributes:
        test: ``("NONE",)``, ``("CMD", …)`` or ``("CMD-SHELL", command)``.
    """

    test: tuple[str, ...]
    interval_s: float = 0.0
    timeout_s: float = 0.0
    start_period_s: float = 0.0
    retries: int = 0


class ImageConfig(msgspec.Struct, frozen=True):
    """How a container of the image is run, where its task says nothing else.

    Attributes:
        environment: ``NAME=value`` texts, in order.
        exposed_ports: ``80/tcp``.
        user: ``name``, ``name:group``, or ids; empty for root.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    stop_signal: str = ""
    health_check: HealthCheck | None = None


class Platform(msgspec.Struct, frozen=True):
    """For which machines an image is: Go's names (``amd64``, ``arm64``)."""

    architecture: str
    os: str = "linux"
    variant: str = ""


class Image(msgspec.Struct, frozen=True):
    """An image for one platform.

    Attributes:
        name: as it was asked for, or its repository.
        digest: of the manifest; empty for ``pileus:host``.
        account, region: whose registry holds it; empty where none does.
        layers: lowest first.
        is_host: the machine's own root file system, read-only; it has no layers.
    """

    name: str
    digest: str
    layers: tuple[Layer, ...]
    config: ImageConfig
    platform: Platform
    config_digest: str = ""
    media_type: str = ""
    is_host: bool = False
    account: str = ""
    region: str = ""

    @property
    def size_bytes(self) -> int:
        """Of its layers as they are kept."""
        return sum(layer.size_bytes for layer in self.layers)


def host_image(platform: Platform) -> Image:
    """The image ``pileus:host``."""
    return Image(HOST_IMAGE, "", (), ImageConfig(), platform, is_host=True)
