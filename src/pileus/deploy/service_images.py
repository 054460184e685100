"""The images that a service's functions run: built and pushed, or looked up, and named by digest.

A digest is what makes a deployment see that a tag has moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from pileus.compute.images.image_store import is_own_host
from pileus.compute.images.references import ImageName, parse_name
from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.image_building import BuildOrder, Workshop, build_image
from pileus.languages.serverless import ServiceImage

_REPOSITORY_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"


def repository_of(service: str, stage: str) -> str:
    """Where a service's own images lie, as the Serverless Framework names it."""
    name = f"serverless-{service}-{stage}".lower()
    return "".join(letter if letter in _REPOSITORY_LETTERS else "-" for letter in name)


def build_own(
    api: Api, image: ServiceImage, service_dir: Path, repository: str, workshop: Workshop
) -> str:
    """Build an image of the service and push it; its address.

    Raises:
        DeployError, DockerfileError: see :func:`~pileus.deploy.image_building.build_image`.
    """
    folder = service_dir / image.path
    if not folder.is_dir():
        raise DeployError(f"provider.ecr.images.{image.key}.path: {folder} is no folder")
    tag = f"{repository}:{image.key}"
    order = BuildOrder(folder, tag, folder / image.file, image.arguments)
    digest = build_image(api, order, workshop)
    return f"{api.account}.dkr.ecr.{api.region}.amazonaws.com/{repository}@{digest}"


def looked_up(api: Api, uri: str) -> str:
    """The address with the digest that its tag stands for now; as it is, where it lies elsewhere.

    Raises:
        DeployError: the registry has no such image.
    """
    name = parse_name(uri)
    if name.digest or not is_own_host(name):
        return uri
    if name.owner[0]:
        api = api.of_account(*name.owner)
    return str(replace(name, tag="", digest=_digest(api, name, uri)))


def _digest(api: Api, name: ImageName, uri: str) -> str:
    try:
        found = api.call(
            "ecr",
            "DescribeImages",
            repositoryName=name.repository,
            imageIds=[{"imageTag": name.tag}],
        )
    except ApiError as error:
        if error.code not in ("RepositoryNotFoundException", "ImageNotFoundException"):
            raise
        raise DeployError(f"{uri}: the registry has no such image; push it there first") from error
    return str(found["imageDetails"][0]["imageDigest"])


def remove_own(api: Api, repositories: Sequence[str]) -> list[str]:
    """Delete repositories of images that were built for a service; those that were there."""
    gone = []
    for name in repositories:
        try:
            api.call("ecr", "DeleteRepository", repositoryName=name, force=True)
            gone.append(name)
        except ApiError as error:
            if error.code != "RepositoryNotFoundException":
                raise
    return gone
