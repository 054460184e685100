"""Images: manifests under tags and digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.compute.images import catalogue
from pileus.compute.images.catalogue import ImageRecord
from pileus.compute.images.errors import ImageError, ImageNotFound
from pileus.compute.images.image_store import ImageStore, PreparedImage
from pileus.compute.images.references import is_tag
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.operations import read, stream
from pileus.services.ecr import errors, shapes, store
from pileus.services.ecr.background import collect
from pileus.services.ecr.limits import LIMITS
from pileus.values.body import Body
from pileus.values.errors import ServiceError


@stream
async def put_image(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html"""
    name, raw = request["repositoryName"], request["imageManifest"].encode()
    tag = request.get("imageTag") or ""
    if tag and not is_tag(tag):
        raise errors.invalid_parameter("imageTag", "must satisfy the form of a tag")
    call.read(lambda view: store.repository_of(view, request))
    images = call.part(ImageStore)
    media_type = request.get("imageManifestMediaType") or ""
    try:
        prepared = await images.prepare(call.space, name, raw, media_type)
    except ImageError as error:
        raise errors.invalid_parameter("ImageManifest", str(error)) from error
    try:
        given = request.get("imageDigest") or ""
        if given and given != prepared.record.digest:
            raise errors.digest_does_not_match(given, prepared.record.digest)
        await call.write(lambda step: _put(step, name, tag, prepared))
    except ServiceError:
        await images.discard(prepared)
        raise
    collect(call)
    image_id = {"imageDigest": prepared.record.digest}
    if tag:
        image_id["imageTag"] = tag
    told = {
        "registryId": call.account,
        "repositoryName": name,
        "imageId": image_id,
        "imageManifest": request["imageManifest"],
        "imageManifestMediaType": prepared.record.media_type,
    }
    return {"image": told}


def _put(step: WriteCall, name: str, tag: str, prepared: PreparedImage) -> None:
    state, record = step.state, prepared.record
    repository = store.find_repository(state, step, name)
    if missing := catalogue.missing_blobs(state, name, prepared.manifest):
        raise errors.layers_not_found(missing, name, step.account)
    if missing := catalogue.missing_children(state, name, prepared.manifest):
        raise errors.images_not_found(missing, name, step.account)
    is_there = catalogue.find_image(state, name, record.digest) is not None
    tagged = catalogue.tag_digest(state, name, tag) if tag else ""
    if is_there and (not tag or tagged == record.digest):
        raise errors.image_exists(record.digest, tag, name, step.account)
    if tagged and repository.is_immutable(tag):
        raise errors.tag_exists(tag, name)
    if not is_there and state.count(("image", name)) >= LIMITS.images_per_repository:
        raise errors.limit_exceeded(
            "The operation did not succeed because it would have exceeded a service limit for "
            "your account."
        )
    if prepared.manifest_layer is not None:
        catalogue.add_layer(state, name, prepared.manifest_layer)
    catalogue.put_image(state, name, record)
    if tag:
        catalogue.put_tag(state, name, tag, record.digest)


@stream
async def batch_get_image(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html"""
    name = request["repositoryName"]
    store_ = call.part(ImageStore)
    accepted = request.get("acceptedMediaTypes") or ()
    found: list[tuple[Mapping[str, str], ImageRecord]] = []
    failures = []

    def look(view: ReadCall) -> None:
        store.repository_of(view, request)
        for image_id in request["imageIds"]:
            record, failure = _find(view, name, image_id)
            if record is None:
                failures.append(failure)
            elif not accepted or record.media_type in accepted:
                found.append((image_id, record))

    call.read(look)
    images = []
    for image_id, record in found:
        try:
            raw = await store_.manifest(call.space, record)
        except ImageNotFound:
            failures.append(_failure(image_id, "ImageNotFound", "Requested image not found"))
            continue
        images.append(
            {
                "registryId": call.account,
                "repositoryName": name,
                "imageId": {**image_id, "imageDigest": record.digest},
                "imageManifest": raw.decode(),
                "imageManifestMediaType": record.media_type,
            }
        )
    if found:
        await call.write(lambda step: _pulled(step, name, [record for _, record in found]))
    return {"images": images, "failures": failures}


def _pulled(step: WriteCall, name: str, records: Sequence[ImageRecord]) -> None:
    for seen in records:
        record = catalogue.find_image(step.state, name, seen.digest)
        if record is not None and step.now_ms - record.pulled_ms > _PULL_TOLD_MS:
            record.pulled_ms = step.now_ms
            step.state.put(("image", name, record.digest), catalogue.IMAGES.encode(record))


_PULL_TOLD_MS = 60_000
"""Pulls are told to the minute, so that a pull need not wait for the disk."""


@stream
async def batch_delete_image(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html

    By tag: the tag goes, and the image with its last one. By digest: the image and all its tags.
    """
    name = request["repositoryName"]

    def remove(step: WriteCall) -> dict[str, Any]:
        store.repository_of(step, request)
        gone: list[dict[str, str]] = []
        failures = []
        # Indexes first, so that an index and what it names may go in one request.
        for image_id in sorted(request["imageIds"], key=lambda i: _is_listed(step, name, i)):
            failure = _remove(step, name, image_id, gone)
            if failure:
                failures.append(failure)
        return {"imageIds": gone, "failures": failures}

    told = await call.write(remove, once=True)
    collect(call)
    return told


def _is_listed(step: WriteCall, name: str, image_id: Mapping[str, str]) -> bool:
    record, _ = _find(step, name, image_id)
    return record is not None and bool(catalogue.indexes_with(step.state, name, record.digest))


def _remove(
    step: WriteCall, name: str, image_id: Mapping[str, str], gone: list[dict[str, str]]
) -> dict[str, Any] | None:
    record, failure = _find(step, name, image_id)
    if record is None:
        return failure
    tag = image_id.get("imageTag") or ""
    tags = catalogue.tags_of(step.state, name, record.digest)
    if tag and not image_id.get("imageDigest") and tags != [tag]:
        catalogue.remove_tag(step.state, name, tag)
        gone.append({"imageDigest": record.digest, "imageTag": tag})
        return None
    if indexes := catalogue.indexes_with(step.state, name, record.digest):
        return _failure(
            image_id,
            "ImageReferencedByManifestList",
            f"Requested image referenced by manifest list: [{', '.join(indexes)}]",
        )
    catalogue.remove_image(step.state, name, record.digest)
    gone += [{"imageDigest": record.digest, "imageTag": each} for each in tags]
    if not tags:
        gone.append({"imageDigest": record.digest})
    return None


@read
def describe_images(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html"""
    name = store.repository_of(call, request).name
    if image_ids := request.get("imageIds"):
        found = []
        for image_id in image_ids:
            record, _ = _find(call, name, image_id)
            if record is None:
                digest, tag = image_id.get("imageDigest", ""), image_id.get("imageTag", "")
                raise errors.image_not_found(digest, tag, name, call.account)
            found.append(record)
        return {"imageDetails": [shapes.image_detail(call, name, each) for each in found]}
    wanted = (request.get("filter") or {}).get("tagStatus", "ANY")
    records = [
        record
        for record in catalogue.images_of(call.state, name)
        if _has_status(bool(catalogue.tags_of(call.state, name, record.digest)), wanted)
    ]
    part, token = shapes.page(records, request)
    told: dict[str, Any] = {
        "imageDetails": [shapes.image_detail(call, name, record) for record in part]
    }
    if token:
        told["nextToken"] = token
    return told


@read
def list_images(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html"""
    name = store.repository_of(call, request).name
    wanted = (request.get("filter") or {}).get("tagStatus", "ANY")
    found: list[dict[str, str]] = []
    for record in catalogue.images_of(call.state, name):
        tags = catalogue.tags_of(call.state, name, record.digest)
        if not _has_status(bool(tags), wanted):
            continue
        found += [{"imageDigest": record.digest, "imageTag": tag} for tag in tags]
        if not tags:
            found.append({"imageDigest": record.digest})
    part, token = shapes.page(found, request)
    told: dict[str, Any] = {"imageIds": list(part)}
    if token:
        told["nextToken"] = token
    return told


def _has_status(is_tagged: bool, wanted: str) -> bool:
    return wanted == "ANY" or is_tagged == (wanted == "TAGGED")


def _find(
    call: Any, name: str, image_id: Mapping[str, str]
) -> tuple[ImageRecord | None, dict[str, Any]]:
    """The image, or why there is none."""
    digest, tag = image_id.get("imageDigest") or "", image_id.get("imageTag") or ""
    if not digest and not tag:
        reason = "Invalid request parameters: both tag and digest cannot be null"
        return None, _failure(image_id, "MissingDigestAndTag", reason)
    record = catalogue.image_at(call.state, name, digest or tag)
    if record is None:
        return None, _failure(image_id, "ImageNotFound", "Requested image not found")
    if digest and tag and catalogue.tag_digest(call.state, name, tag) != digest:
        reason = "Specified image tag does not match the specified digest"
        return None, _failure(image_id, "ImageTagDoesNotMatchDigest", reason)
    return record, {}


def _failure(image_id: Mapping[str, str], code: str, reason: str) -> dict[str, Any]:
    return {"imageId": dict(image_id), "failureCode": code, "failureReason": reason}
