"""Container images as a client handles them: files to the registry and back, lists, tidying up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pileus.compute.images.errors import ImageRefused
from pileus.compute.images.layouts import FoundImage, open_images, write_layout
from pileus.compute.images.manifests import Manifest, choose, own_platform, parse_manifest
from pileus.compute.images.references import ImageName, parse_name
from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.registry_client import RegistryClient

_PIECE_BYTES = 1 << 20
Say = Callable[[str], None]


class ListedImage(msgspec.Struct, frozen=True):
    """One line of a list."""

    repository: str
    tag: str
    digest: str
    size_bytes: int
    pushed_at: Any


def import_images(api: Api, path: Path, name: str | None, say: Say) -> list[str]:
    """Put the images of a file (or folder) into the account's registry; their names.

    Args:
        name: what to call the image; None: as the file calls it.

    Raises:
        DeployError: the file names no image and ``name`` is None, or holds several and it is not.
        ImageRefused: the file is no image.
    """
    registry = RegistryClient(api)
    done = []
    with open_images(path) as found:
        if name is not None and len(found) != 1:
            raise DeployError(f"{path} holds {len(found)} images; --name fits one")
        for image in found:
            names = (name,) if name is not None else image.names
            if not names:
                raise DeployError(f"{path} does not say what its image is called: give --name")
            for each in names:
                target = _own_name(each)
                push(api, registry, target, image, say)
                done.append(f"{target.repository}:{target.tag}")
    return done


def push(
    api: Api, registry: RegistryClient, target: ImageName, image: FoundImage, say: Say
) -> None:
    """Send an image to a repository, which is made when it is not there."""
    ensure_repository(api, target.repository)
    manifest = image.manifest
    for blob in manifest.blobs:
        if registry.has_blob(target.repository, blob.digest):
            continue
        say(f"{blob.digest[7:19]}  {blob.size_bytes:,} bytes")
        with image.blobs[blob.digest]() as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            registry.push_blob(target.repository, blob.digest, blob.size_bytes, pieces)
    registry.push_manifest(target.repository, target.reference, image.raw, manifest.media_type)


def ensure_repository(api: Api, name: str) -> None:
    """Make a repository that is not there."""
    try:
        api.call("ecr", "CreateRepository", repositoryName=name)
    except ApiError as error:
        if error.code != "RepositoryAlreadyExistsException":
            raise


def export_image(api: Api, name: str, path: Path) -> Manifest:
    """Write an image to a tar archive that is an OCI layout, and what ``docker load`` takes."""
    registry, source = RegistryClient(api), _own_name(name)
    raw, manifest = pull_manifest(registry, source)

    def opened(digest: str) -> Iterator[bytes]:
        digested = hashlib.sha256()
        for piece in registry.pull_blob(source.repository, digest):
            digested.update(piece)
            yield piece
        if f"sha256:{digested.hexdigest()}" != digest:
            raise DeployError(f"the registry sent other bytes than {digest}")

    write_layout(path, f"{source.repository}:{source.tag or 'latest'}", manifest, raw, opened)
    return manifest


def pull_manifest(registry: RegistryClient, name: ImageName) -> tuple[bytes, Manifest]:
    """An image's manifest for this machine. Raises DeployError when there is none."""
    reference = name.reference
    while True:
        pulled = registry.pull_manifest(name.repository, reference)
        if pulled is None:
            raise DeployError(
                f"the registry has no image {name.repository}:{reference}; "
                "push it there, or: pileus image import"
            )
        manifest = parse_manifest(*pulled)
        if not manifest.is_index:
            return pulled[0], manifest
        reference = choose(manifest.children, own_platform()).digest


def list_images(api: Api) -> list[ListedImage]:
    """Every image of the account, each tag a line of its own; untagged ones have an empty tag."""
    found = []
    for repository in api.each("ecr", "DescribeRepositories", "repositories"):
        name = repository["repositoryName"]
        for image in api.each("ecr", "DescribeImages", "imageDetails", repositoryName=name):
            for tag in image.get("imageTags") or ("",):
                listed = (image["imageDigest"], image["imageSizeInBytes"], image["imagePushedAt"])
                found.append(ListedImage(name, tag, *listed))
    return found


def prune(api: Api) -> list[ListedImage]:
    """Delete the images that have no tag and that no index names; those."""
    gone = []
    for image in [image for image in list_images(api) if not image.tag]:
        given: Mapping[str, Any] = {"imageDigest": image.digest}
        told = api.call(
            "ecr", "BatchDeleteImage", repositoryName=image.repository, imageIds=[given]
        )
        if not told["failures"]:
            gone.append(image)
    return gone


def _own_name(text: str) -> ImageName:
    """A name without the registry it came from: it is put into ours.

    Docker's own prefixes go too, as docker itself never shows them.
    """
    name = parse_name(text)
    repository = name.repository
    if name.registry == "docker.io":
        repository = repository.removeprefix("library/")
    if len(repository) < 2:
        raise ImageRefused(f"{text!r}: a repository's name has at least two characters")
    return ImageName(repository, name.tag, name.digest)
