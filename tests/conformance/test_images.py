"""Container images over the wire: skopeo, boto3 and our own command against a live platform."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from pileus.testing.images import docker_archive, host_files, oci_layout, tar_of
from tests.conformance.commands import Commands, is_ci
from tests.conformance.live import PYTHON, LivePlatform

LAYER = tar_of({"etc/": b"", "etc/hello": b"hello\n"})
SECOND = tar_of({"etc/.wh.hello": b"", "bin/run": b"#!/bin/sh\n"})


@pytest.fixture(scope="module")
def skopeo() -> str:
    found = shutil.which("skopeo")
    if found is None:
        if is_ci():
            pytest.fail("skopeo is not installed")
        pytest.skip("skopeo is not installed")
    return found


def _copy(commands: Commands, skopeo: str, *arguments: str) -> None:
    options = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    done = commands.run(skopeo, *options, *arguments)
    assert done.status == 0, done.err


def test_skopeo_pushes_and_pulls(commands: Commands, skopeo: str, tmp_path: Path) -> None:
    commands.platform.client("ecr").create_repository(repositoryName="team/app")
    digest = oci_layout(tmp_path / "made", [LAYER, SECOND], Cmd=["/bin/run"])
    host = commands.platform.endpoint.partition("//")[2]
    target = f"docker://{host}/team/app:v1"
    _copy(commands, skopeo, "--dest-creds", "test:test", f"oci:{tmp_path}/made", target)
    _copy(commands, skopeo, "--src-creds", "test:test", target, f"oci:{tmp_path}/back")
    index = json.loads((tmp_path / "back" / "index.json").read_bytes())
    assert index["manifests"][0]["digest"] == digest
    for blob in (tmp_path / "made" / "blobs" / "sha256").iterdir():
        assert (
            tmp_path / "back" / "blobs" / "sha256" / blob.name
        ).read_bytes() == blob.read_bytes()
    tags = commands.run(
        skopeo,
        "list-tags",
        "--tls-verify=false",
        "--creds",
        "test:test",
        f"docker://{host}/team/app",
    )
    assert tags.json()["Tags"] == ["v1"]


def test_skopeo_logs_in_with_ecrs_token(commands: Commands, skopeo: str, tmp_path: Path) -> None:
    ecr = commands.platform.client("ecr", "111122223333")
    ecr.create_repository(repositoryName="shop")
    password = commands.run(
        str(Path(PYTHON).parent / "aws"),
        "ecr",
        "get-login-password",
        AWS_ACCESS_KEY_ID="111122223333",
    ).out.strip()
    oci_layout(tmp_path / "made", [LAYER])
    host = commands.platform.endpoint.partition("//")[2]
    place = f"docker://{host}/shop:latest"
    _copy(commands, skopeo, "--dest-creds", f"AWS:{password}", f"oci:{tmp_path}/made", place)
    details = ecr.describe_images(repositoryName="shop")["imageDetails"]
    assert details[0]["imageTags"] == ["latest"]


def test_saved_image_is_imported_listed_and_exported(commands: Commands, tmp_path: Path) -> None:
    docker_archive(tmp_path / "saved.tar", [LAYER, SECOND], "docker.io/library/small:1", Cmd=["x"])
    assert commands.pileus("image", "import", str(tmp_path / "saved.tar")).out == "small:1\n"
    assert "small:1" in commands.pileus("image", "list").out
    commands.pileus("image", "export", "small:1", str(tmp_path / "out.tar"))
    with tarfile.open(tmp_path / "out.tar") as archive:
        names = archive.getnames()
    assert f"blobs/sha256/{hashlib.sha256(LAYER).hexdigest()}" in names
    again = commands.pileus("image", "import", str(tmp_path / "out.tar"), "--name", "again:2")
    assert again.out == "again:2\n"


def test_layers_are_kept_over_a_restart(make_platform: object, tmp_path: Path) -> None:
    platform: LivePlatform = make_platform()  # type: ignore[operator]
    ecr = platform.client("ecr")
    ecr.create_repository(repositoryName="kept")
    upload = ecr.initiate_layer_upload(repositoryName="kept")["uploadId"]
    half = len(LAYER) // 2
    ecr.upload_layer_part(
        repositoryName="kept",
        uploadId=upload,
        partFirstByte=0,
        partLastByte=half - 1,
        layerPartBlob=LAYER[:half],
    )
    platform.kill()
    platform.start()
    ecr = platform.client("ecr")
    ecr.upload_layer_part(
        repositoryName="kept",
        uploadId=upload,
        partFirstByte=half,
        partLastByte=len(LAYER) - 1,
        layerPartBlob=LAYER[half:],
    )
    digest = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"
    done = ecr.complete_layer_upload(repositoryName="kept", uploadId=upload, layerDigests=[digest])
    assert done["layerDigest"] == digest


DOCKERFILE = """\
FROM base:1 AS tools
ARG WORD=hello
WORKDIR /made
RUN echo "$WORD from $(id -u)" > said && cat said
RUN <<EOF
echo two > second
rm said
EOF

FROM base:1
COPY --from=tools --chmod=600 /made/second /out/
COPY greeting.txt /out/
ENTRYPOINT ["/bin/cat", "/out/greeting.txt"]
"""


@pytest.mark.sandbox
def test_an_image_is_built_from_a_dockerfile(commands: Commands, tmp_path: Path) -> None:
    layer = tar_of(host_files("sh", "cat", "id", "rm"))
    docker_archive(tmp_path / "base.tar", [layer], "base:1", Env=["PATH=/bin"])
    commands.pileus("image", "import", str(tmp_path / "base.tar"))
    commands.write(Dockerfile=DOCKERFILE, greeting__txt="hi\n")
    first = commands.pileus("image", "build", ".", "-t", "app:1", "--build-arg", "WORD=bye")
    assert "bye from 0" in first.err
    again = commands.pileus("image", "build", ".", "-t", "app:2", "--build-arg", "WORD=bye")
    assert again.out.partition("@")[2] == first.out.partition("@")[2]
    assert "bye from 0" not in again.err and "Using cache" in again.err
    commands.pileus("image", "export", "app:1", str(tmp_path / "app.tar"))
    with tarfile.open(tmp_path / "app.tar") as archive:
        saved = json.loads(archive.extractfile("manifest.json").read())[0]  # type: ignore[union-attr]
        names = set()
        for place in saved["Layers"][1:]:
            with tarfile.open(fileobj=archive.extractfile(place)) as packed:
                names |= set(packed.getnames())
    assert {"out/second", "out/greeting.txt"} <= names


@pytest.mark.sandbox
def test_a_step_that_fails_names_its_line(commands: Commands, tmp_path: Path) -> None:
    docker_archive(tmp_path / "base.tar", [tar_of(host_files("sh"))], "base:2", Env=["PATH=/bin"])
    commands.pileus("image", "import", str(tmp_path / "base.tar"))
    commands.write(Dockerfile="FROM base:2\n\nRUN exit 7\n")
    done = commands.try_pileus("image", "build", ".", "-t", "broken")
    assert done.status == 1
    assert (
        "pileus: Dockerfile:3: RUN: The command '/bin/sh -c exit 7' returned a non-zero code: 7"
        in done.err
    )


def test_an_alias_stands_for_another_registrys_image(commands: Commands, tmp_path: Path) -> None:
    docker_archive(tmp_path / "local.tar", [LAYER], "ffmpeg:local", Cmd=["ffmpeg"])
    commands.pileus("image", "import", str(tmp_path / "local.tar"))
    commands.write(Dockerfile="FROM jrottenberg/ffmpeg\nCOPY Dockerfile /\n")
    done = commands.try_pileus("image", "build", ".", "-t", "thumbs")
    assert "pileus: Dockerfile:1: FROM: the registry has no image jrottenberg/ffmpeg" in done.err
    alias = {"PILEUS_IMAGE_ALIASES": "jrottenberg/ffmpeg=ffmpeg:local"}
    commands.pileus("image", "build", ".", "-t", "thumbs", **alias)
    assert "thumbs:latest" in commands.pileus("image", "list").out


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["podman", "buildah"])
def test_the_users_own_builder_fills_our_registry(
    commands: Commands, tmp_path: Path, engine: str
) -> None:
    """Its storage lies in the test's folder; no step runs, since its runtime may not fit this machine."""
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "greeting").write_text("hello\n")
    (folder / "Dockerfile").write_text(
        'FROM scratch\nARG WHO\nCOPY greeting /etc/\nLABEL who=$WHO\nCMD ["/bin/run"]\n'
    )
    given = ["-t", f"{engine}-made:1", "--with", engine, "--build-arg", "WHO=us"]
    more = {"CONTAINERS_STORAGE_CONF": str(storage)}
    done = commands.pileus("image", "build", str(folder), *given, **more)
    assert done.out.strip() == f"{engine}-made:1"
    place = f"{commands.platform.endpoint.partition('//')[2]}/{engine}-made:pushed"
    plain = ["--tls-verify=false", "--creds", "test:test"]
    for verb, what in (("push", [f"{engine}-made:1", place]), ("pull", [place])):
        done = commands.run(engine, verb, *plain, *what, **more)
        assert done.status == 0, done.err
    ecr = commands.platform.client("ecr")
    found = ecr.describe_images(repositoryName=f"{engine}-made")["imageDetails"]
    assert {tag for one in found for tag in one["imageTags"]} == {"1", "pushed"}
