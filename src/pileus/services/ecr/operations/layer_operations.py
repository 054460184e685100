"""Layers in and out, as AWS's own clients move them; others use the distribution API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.compute.images import catalogue, layer_links
from pileus.compute.images.catalogue import Upload
from pileus.compute.images.errors import DigestMismatch, UploadNotFound, UploadOutOfOrder
from pileus.compute.images.image_store import UPLOAD_KEPT_MS, ImageStore
from pileus.compute.images.references import is_digest
from pileus.kernel.calls import ReadCall, StreamCall, WriteCall
from pileus.kernel.deliveries import Timer
from pileus.kernel.operations import read, stream
from pileus.services.ecr import errors, store
from pileus.services.ecr.background import collect
from pileus.services.ecr.limits import LIMITS
from pileus.values.body import Body, BytesBody


@read
def batch_check_layer_availability(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html"""
    name = store.repository_of(call, request).name
    layers, failures = [], []
    for digest in request["layerDigests"]:
        if not is_digest(digest):
            failures.append(
                {
                    "layerDigest": digest,
                    "failureCode": "InvalidLayerDigest",
                    "failureReason": "Invalid layer digest",
                }
            )
            continue
        layer = catalogue.layer_in(call.state, name, digest)
        told = {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
        if layer is not None:
            told |= {"layerAvailability": "AVAILABLE", "layerSize": layer.size_bytes}
        layers.append(told)
    return {"layers": layers, "failures": failures}


@read
def get_download_url_for_layer(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html"""
    name, digest = store.repository_of(call, request).name, request["layerDigest"]
    if catalogue.layer_in(call.state, name, digest) is None:
        raise errors.layer_inaccessible(digest, name, call.account)
    return {"downloadUrl": layer_links.link(call, name, digest), "layerDigest": digest}


@stream
async def initiate_layer_upload(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html"""
    upload = call.part(ImageStore).new_upload(call.space, request["repositoryName"])

    def begin(step: WriteCall) -> None:
        store.repository_of(step, request)
        catalogue.put_upload(step.state, upload)
        at_ms = step.now_ms + UPLOAD_KEPT_MS
        step.set_timer(Timer(name="expire_uploads", key="", at_ms=at_ms))

    await call.write(begin)
    return {"uploadId": upload.id, "partSize": LIMITS.part_bytes}


@stream
async def upload_layer_part(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html"""
    images, upload = call.part(ImageStore), upload_of(call, request)
    part: bytes = request["layerPartBlob"]
    first, last = request["partFirstByte"], request["partLastByte"]
    try:
        if not part or last - first + 1 != len(part):
            raise UploadOutOfOrder(upload.size_bytes)
        grown = await images.append(call.space, upload, BytesBody(part), first)
    except UploadOutOfOrder as error:
        raise errors.invalid_layer_part(
            upload.repository, call.account, upload.id, error.received_bytes - 1
        ) from error
    return {
        "registryId": call.account,
        "repositoryName": upload.repository,
        "uploadId": upload.id,
        "lastByteReceived": grown.size_bytes - 1,
    }


@stream
async def complete_layer_upload(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html

    A layer that the repository holds already is told as LayerAlreadyExistsException, as on AWS.
    """
    upload = upload_of(call, request)
    digests = request["layerDigests"]
    if not upload.part_bytes:
        raise errors.empty_upload(upload.id)
    if not digests or not all(map(is_digest, digests)):
        raise errors.invalid_layer("The layer digest calculation could not be performed.")
    try:
        for digest in digests:
            layer = await call.part(ImageStore).verified(upload, digest)
    except DigestMismatch as error:
        raise errors.invalid_layer(f"The layer digest does not match: {error}") from error

    def finish(step: WriteCall) -> bool:
        store.find_repository(step.state, step, upload.repository)
        if catalogue.find_upload(step.state, upload.id) is None:
            raise errors.upload_not_found(upload.id, upload.repository, call.account)
        step.state.delete(("upload", upload.id))
        was_there = catalogue.layer_in(step.state, upload.repository, layer.digest) is not None
        catalogue.add_layer(step.state, upload.repository, layer)
        return was_there

    was_there = await call.write(finish)
    collect(call)
    if was_there:
        raise errors.layer_exists(layer.digest, upload.repository, call.account)
    return {
        "registryId": call.account,
        "repositoryName": upload.repository,
        "uploadId": upload.id,
        "layerDigest": layer.digest,
    }


def upload_of(call: StreamCall, request: Mapping[str, Any]) -> Upload:
    """The upload a request is about; raises UploadNotFoundException."""
    name, upload_id = request["repositoryName"], request["uploadId"]
    call.read(lambda view: store.repository_of(view, request))
    try:
        return call.part(ImageStore).upload(call.space, name, upload_id)
    except UploadNotFound as error:
        raise errors.upload_not_found(upload_id, name, call.account) from error
