"""Engines of container images and of other languages: what is kept of them, and what is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pileus.compute.images.parts import add_layer_store
from pileus.testing.images import tar_of
from pileus.testing.platform import MemoryPlatform
from pileus.testing.registry import push_image
from pileus.values.errors import ServiceError

from .conftest import FRAMES, Bench, looking, person

HOST = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = {"Mode": "object", "Code": {"ImageUri": f"{HOST}/app:1"}, "Input": FRAMES}


class ImageBench(Bench):
    """A bench whose platform has images."""

    def prepare(self, platform: MemoryPlatform) -> None:
        super().prepare(platform)
        layers = add_layer_store(platform.kernel, self.code_dir / "layers")
        platform.clock.watch(lambda: layers.is_working)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[ImageBench]:
    made = ImageBench(None, tmp_path / "code", {"": looking(person)})  # type: ignore[arg-type]
    made.platform = await MemoryPlatform.start(prepare=made.prepare)
    for tag in ("1", "2"):
        layers = [tar_of({"word": tag.encode()})]
        config = {"Entrypoint": ["/srv/engine"], "Cmd": ["-v"], "Env": ["COLOUR=red", "PORT=1"]}
        await push_image(made.platform, f"app:{tag}", layers, **config)
    yield made
    await made.platform.crash()


async def layers_kept(bench: Bench) -> int:
    """Blobs of the registry, once nobody needs those that nobody names."""
    try:
        await bench.platform("ecr", "DeleteRepository", repositoryName="app", force=True)
    except ServiceError as error:
        assert error.code == "RepositoryNotFoundException"
    await bench.passing(48 * 3600 * 1000)
    return len(await bench.platform.disks.blobs.list("000000000000/images/"))


async def test_an_image_is_what_instances_run(bench: ImageBench) -> None:
    config = {"Command": ["-q"], "WorkingDirectory": "/srv"}
    given = {**IMAGE, "ImageConfig": config, "Environment": {"COLOUR": "blue"}}
    told = (await bench("CreateEngine", Name="look", **given))["Engine"]
    assert (told["PackageType"], told["ImageUri"]) == ("Image", f"{HOST}/app:1")
    assert told["ResolvedImageUri"].endswith(f"app@sha256:{told['CodeSha256']}")
    assert (told["Http"], told["Input"]["Format"]) == ({"Port": 8080, "ReadySeconds": 60}, "jpeg")
    assert told["ImageConfig"] == {"EntryPoint": [], **config}
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(200)
    spec = bench.nodes.links[0].spec
    assert spec.image is not None and spec.http is not None
    assert (spec.image.entrypoint, spec.image.command) == (("/srv/engine",), ("-q",))
    assert (spec.image.working_dir, spec.http.port, spec.http.ready_s) == ("/srv", 8080, 60)
    assert len(spec.image.lowers) == 1
    assert (spec.environment["COLOUR"], spec.environment["PORT"]) == ("blue", "8080")
    assert [each.format for each in bench.intake.inputs.values()] == ["jpeg"]


async def test_an_image_is_kept_as_long_as_an_engine_runs_it(bench: ImageBench) -> None:
    await bench("CreateEngine", Name="look", **IMAGE)
    await bench("UpdateEngine", Name="look", Code={"ImageUri": f"{HOST}/app:2"})
    assert await layers_kept(bench) == 1
    await bench("DeleteEngine", Name="look")
    assert await layers_kept(bench) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Code": {"ImageUri": f"{HOST}/app:9"}}, "The registry has no image"),
        ({"Code": {"ImageUri": "docker.io/x:1"}}, "names no image of this platform"),
        ({"Code": {"ImageUri": f"{HOST}/app:1", "S3Key": "k"}}, "either ImageUri or S3Key"),
        ({"Handler": "a.b"}, "neither Runtime nor Handler"),
        ({"Runtime": "nodejs20.x"}, "neither Runtime nor Handler"),
        ({"Mode": "stream"}, "Engines that speak HTTP are object engines"),
        ({"Http": {"Port": 80}}, "Member must have value greater than or equal to 1024"),
    ],
)
async def test_images_that_cannot_be_engines(
    bench: ImageBench, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        await bench("CreateEngine", Name="look", **{**IMAGE, **given})
    assert (refused.value.code, words in refused.value.message) == ("ValidationException", True)
    assert (await bench("ListEngines"))["Engines"] == []


def zipped(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "a program")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Runtime": "python3.11"}, "must satisfy regular expression pattern"),
        ({"Runtime": "nodejs20.x"}, "Handler is what an engine in Python or Node.js needs."),
        ({"Handler": "a.b", "Http": {"Port": 8080}}, "Http is for engines that speak it"),
        ({"Handler": "a.b", "ImageConfig": {"Command": ["x"]}}, "ImageConfig is for engines with"),
        ({"Handler": "a.b", "Input": {**FRAMES, "Format": "jpeg"}}, "Input.Format jpeg is for"),
        ({}, "Handler is what an engine in Python or Node.js needs."),
    ],
)
async def test_packages_that_cannot_be_engines(
    bench: ImageBench, given: dict[str, Any], words: str
) -> None:
    code = {"ZipFile": zipped("bootstrap")}
    with pytest.raises(ServiceError) as refused:
        await bench(
            "CreateEngine", Name="l", Mode="object", **{"Code": code, "Input": FRAMES, **given}
        )
    assert words in refused.value.message, refused.value.message


async def test_a_package_of_another_language(bench: ImageBench) -> None:
    given = {"Mode": "object", "Code": {"ZipFile": zipped("bootstrap")}, "Input": FRAMES}
    frames = {**FRAMES, "Format": "rgb"}
    given |= {"Runtime": "provided.al2023", "Http": {"Port": 9000}, "Input": frames}
    told = (await bench("CreateEngine", Name="look", **given))["Engine"]
    assert (told["Runtime"], told["Http"]["Port"]) == ("provided.al2023", 9000)
    assert (told["PackageType"], "Format" in told["Input"]) == ("Zip", False)
    await bench.pipeline("look")
    bench.intake.show(1)
    await bench.passing(200)
    spec = bench.nodes.links[0].spec
    assert (spec.runtime, spec.image, spec.python_path) == ("provided.al2023", None, ())
    assert spec.shown == (bench.intakes.rings_dir,)
    changed = (await bench("UpdateEngine", Name="look", Http={"ReadySeconds": 5}))["Engine"]
    assert changed["Http"] == {"Port": 9000, "ReadySeconds": 5}
