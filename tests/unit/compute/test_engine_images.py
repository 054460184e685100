"""Images handed over to an engine that keeps images itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.compute.engine_images import EngineImages
from pileus.compute.images.errors import ImageNotFound
from pileus.compute.images.layouts import open_images
from pileus.compute.images.manifests import OCI_LAYER, OCI_MANIFEST, digest_of
from pileus.compute.images.model import Image, ImageConfig, Layer, Platform, host_image
from pileus.compute.task_images import ImageUnavailable
from pileus.ports.tasks import HOST_IMAGE, TaskRefused
from pileus.testing.images import tar_of

LAYER = tar_of({"a": b"x" * 5000})
CONFIG = b'{"architecture": "amd64", "os": "linux", "config": {}}'
AMD64 = Platform("amd64")
IMAGE = Image(
    "app:1",
    f"sha256:{'5' * 64}",
    (Layer(digest_of(LAYER), digest_of(LAYER), len(LAYER), OCI_LAYER),),
    ImageConfig(("/run",), ("now",), ("A=1", "B=x=y"), "/srv", "worker", stop_signal="SIGINT"),
    AMD64,
    config_digest=digest_of(CONFIG),
    media_type=OCI_MANIFEST,
)
REFERENCE = f"localhost/pileus:{'5' * 64}"


class Store:
    """One image, in memory."""

    def resolve(self, account: str, region: str, name: str) -> Image:
        assert (account, region) == ("1", "us-east-1")
        if name == HOST_IMAGE:
            return host_image(AMD64)
        if name != "app:1":
            raise ImageNotFound(f"no {name}")
        return IMAGE

    async def layer_bytes(self, image: Image, layer: Layer) -> AsyncIterator[bytes]:
        raw = {digest_of(one): one for one in (LAYER, CONFIG)}[layer.digest]
        for at in range(0, len(raw), 1000):
            yield raw[at : at + 1000]


class Shelf:
    """What an engine keeps; opens what it is given."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.refuses = False

    async def has(self, reference: str) -> bool:
        await asyncio.sleep(0)
        return reference in self.kept

    async def load(self, archive: str) -> None:
        if self.refuses:
            raise TaskRefused("no room")
        with open_images(Path(archive)) as images:
            for image in images:
                for blob in image.manifest.blobs:
                    with image.blobs[blob.digest]() as file:
                        assert digest_of(file.read()) == blob.digest
                self.kept += image.names


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def images(shelf: Shelf, tmp_path: Path) -> EngineImages:
    return EngineImages(Store(), shelf, tmp_path / "scratch")


async def test_an_image_is_handed_over_once(
    images: EngineImages, shelf: Shelf, tmp_path: Path
) -> None:
    found = await asyncio.gather(*(images.find("1/us-east-1", "app:1", "t") for _ in range(3)))
    assert shelf.kept == [REFERENCE]
    assert not list((tmp_path / "scratch").iterdir())
    assert {(one.reference, one.lowers) for one in found} == {(REFERENCE, ())}
    first = found[0]
    assert (first.entrypoint, first.command, first.user) == (("/run",), ("now",), "worker")
    assert dict(first.environment) == {"A": "1", "B": "x=y"}
    assert (first.working_dir, first.stop_signal) == ("/srv", "SIGINT")


async def test_the_hosts_own_programs_need_no_image(images: EngineImages, shelf: Shelf) -> None:
    found = await images.find("1/us-east-1", HOST_IMAGE, "t")
    assert (found.reference, found.lowers, shelf.kept) == ("", (), [])


@pytest.mark.parametrize(("name", "why"), [("app:1", "no room"), ("other:1", "no other:1")])
async def test_what_cannot_be_had_is_told_as_an_engine_would(
    images: EngineImages, shelf: Shelf, name: str, why: str
) -> None:
    shelf.refuses = True
    with pytest.raises(ImageUnavailable, match=f"^CannotPullContainerError: .*{name}: {why}"):
        await images.find("1/us-east-1", name, "t")
