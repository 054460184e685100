"""Repositories and their settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.compute.images import catalogue
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream, write
from pileus.services.ecr import errors, shapes, store
from pileus.services.ecr.background import collect
from pileus.services.ecr.limits import LIMITS
from pileus.services.ecr.model import Exclusion, Repository
from pileus.values.body import Body

_NAME = re.compile(errors.REPOSITORY_PATTERN)


@write
def create_repository(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"""
    name = request["repositoryName"]
    if not _NAME.fullmatch(name) or not 2 <= len(name) <= 256:
        raise errors.invalid_repository_name()
    if call.state.get(("repository", name)) is not None:
        raise errors.repository_exists(name, call.account)
    tags = shapes.tag_map(request.get("tags"))
    if len(tags) > LIMITS.tags_max:
        raise errors.too_many_tags()
    encryption = request.get("encryptionConfiguration") or {}
    scanning = request.get("imageScanningConfiguration") or {}
    mutability, exclusions = _mutability(request)
    repository = Repository(
        name=name,
        created_ms=call.now_ms,
        mutability=mutability,
        exclusions=exclusions,
        scan_on_push=bool(scanning.get("scanOnPush")),
        encryption_type=encryption.get("encryptionType") or "AES256",
        kms_key=encryption.get("kmsKey") or "",
        tags=tags,
    )
    store.put_repository(call.state, repository)
    return {"repository": shapes.repository(call, repository)}


@read
def describe_repositories(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html"""
    if names := request.get("repositoryNames"):
        found = [store.find_repository(call.state, call, name) for name in names]
        return {"repositories": [shapes.repository(call, each) for each in found]}
    part, token = shapes.page(store.repositories(call.state), request)
    told: dict[str, Any] = {"repositories": [shapes.repository(call, each) for each in part]}
    if token:
        told["nextToken"] = token
    return told


@stream
async def delete_repository(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html"""

    def remove(step: WriteCall) -> dict[str, Any]:
        repository = store.repository_of(step, request)
        name = repository.name
        if not request.get("force") and step.state.count(("image", name)):
            raise errors.repository_not_empty(name, call.account)
        catalogue.remove_repository(step.state, name)
        step.state.delete(("repository", name))
        told = shapes.repository(step, repository)
        return {**told, "createdAt": repository.created_ms}

    told = await call.write(remove, once=True)
    collect(call)
    return {"repository": {**told, "createdAt": shapes.moment(told["createdAt"])}}


@write
def put_image_tag_mutability(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImageTagMutability.html"""
    repository = store.repository_of(call, request)
    repository.mutability, repository.exclusions = _mutability(request)
    store.put_repository(call.state, repository)
    told = {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageTagMutability": repository.mutability,
    }
    if filters := request.get("imageTagMutabilityExclusionFilters"):
        told["imageTagMutabilityExclusionFilters"] = filters
    return told


@write
def put_image_scanning_configuration(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImageScanningConfiguration.html

    Kept; nothing is scanned here.
    """
    repository = store.repository_of(call, request)
    repository.scan_on_push = bool(request["imageScanningConfiguration"].get("scanOnPush"))
    store.put_repository(call.state, repository)
    return {
        "registryId": call.account,
        "repositoryName": repository.name,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
    }


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_TagResource.html"""
    repository = _at_arn(call, request)
    repository.tags |= shapes.tag_map(request["tags"])
    if len(repository.tags) > LIMITS.tags_max:
        raise errors.too_many_tags()
    store.put_repository(call.state, repository)
    return {}


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UntagResource.html"""
    repository = _at_arn(call, request)
    for key in request["tagKeys"]:
        repository.tags.pop(key, None)
    store.put_repository(call.state, repository)
    return {}


@read
def list_tags_for_resource(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListTagsForResource.html"""
    tags = _at_arn(call, request).tags
    return {"tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _at_arn(call: Any, request: Mapping[str, Any]) -> Repository:
    given = request["resourceArn"]
    name = given.removeprefix(call.arn("repository/"))
    if name == given:
        raise errors.invalid_parameter("resourceArn", "must be the ARN of a repository")
    return store.find_repository(call.state, call, name)


def _mutability(request: Mapping[str, Any]) -> tuple[str, tuple[Exclusion, ...]]:
    mutability = request.get("imageTagMutability") or "MUTABLE"
    filters = request.get("imageTagMutabilityExclusionFilters") or ()
    if bool(filters) != mutability.endswith("_WITH_EXCLUSION"):
        raise errors.invalid_parameter(
            "imageTagMutabilityExclusionFilters",
            "must be given with MUTABLE_WITH_EXCLUSION and IMMUTABLE_WITH_EXCLUSION, and only then",
        )
    return mutability, tuple(Exclusion(each["filterType"], each["filter"]) for each in filters)
