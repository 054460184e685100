"""Layers coming in over the distribution API: in one request, in chunks, or from a neighbour."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pileus.compute.images import catalogue
from pileus.compute.images.catalogue import Upload
from pileus.compute.images.errors import UploadNotFound, UploadOutOfOrder
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.references import is_digest
from pileus.gateway.aws import Invoke
from pileus.gateway.registry_errors import RegistryError
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.context import CallContext
from pileus.values.errors import ServiceError

_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
_CHUNK = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?")


class RegistryUploads:
    """``POST``, ``PATCH``, ``PUT``, ``GET`` and ``DELETE`` of ``/v2/<name>/blobs/uploads/…``."""

    def __init__(self, invoke: Invoke, images: ImageStore) -> None:
        self._invoke = invoke
        self._images = images

    async def answer(
        self,
        request: HttpRequest,
        context: CallContext,
        name: str,
        upload_id: str,
        query: Mapping[str, str],
    ) -> HttpResponse:
        """Answer one request; RegistryError for what the client did wrong."""
        method = request.method
        if method == "POST" and not upload_id:
            return await self._begin(request, context, name, query)
        upload = self._upload(context, name, upload_id)
        if method == "GET":
            return _accepted(204, upload)
        if method == "PATCH":
            return _accepted(202, await self._append(request, context, upload))
        if method == "PUT":
            await self._append(request, context, upload)
            return await self._finish(context, name, upload.id, query.get("digest", ""))
        if method == "DELETE":
            await self._images.abandon(self._space(context), upload)
            return HttpResponse(204, [_VERSION])
        raise RegistryError(405, "UNSUPPORTED", f"{method} is not served here")

    async def _begin(
        self, request: HttpRequest, context: CallContext, name: str, query: Mapping[str, str]
    ) -> HttpResponse:
        if (digest := query.get("mount", "")) and await self._is_mounted(
            context, name, query.get("from", ""), digest
        ):
            return _created(name, digest)
        given = {"repositoryName": name}
        reply = await self._invoke(context, "ecr", "InitiateLayerUpload", given, None)
        upload = self._upload(context, name, reply.output["uploadId"])
        if digest := query.get("digest", ""):
            await self._append(request, context, upload)
            return await self._finish(context, name, upload.id, digest)
        return _accepted(202, upload)

    async def _is_mounted(
        self, context: CallContext, target: str, source: str, digest: str
    ) -> bool:
        given = {"layerDigests": [digest]}
        own = {**given, "repositoryName": target}
        reply = await self._invoke(context, "ecr", "BatchCheckLayerAvailability", own, None)
        if any(e["layerAvailability"] == "AVAILABLE" for e in reply.output["layers"]):
            return True
        if not source:
            return False
        other = {**given, "repositoryName": source}
        try:
            await self._invoke(context, "ecr", "BatchCheckLayerAvailability", other, None)
        except ServiceError as error:
            if error.code == "RepositoryNotFoundException":
                return False
            raise
        return await self._images.mount(self._space(context), source, target, digest)

    async def _append(self, request: HttpRequest, context: CallContext, upload: Upload) -> Upload:
        first = None
        if told := request.headers.get("content-range"):
            found = _CHUNK.fullmatch(told)
            if found is None:
                raise RegistryError(400, "BLOB_UPLOAD_INVALID", f"{told!r} is no range")
            first = int(found[1])
        try:
            return await self._images.append(self._space(context), upload, request.body, first)
        except UploadOutOfOrder as error:
            held = _range(error.received_bytes)
            raise RegistryError(416, "BLOB_UPLOAD_INVALID", str(error), headers=(held,)) from error

    async def _finish(
        self, context: CallContext, name: str, upload_id: str, digest: str
    ) -> HttpResponse:
        if not is_digest(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is no SHA-256 digest")
        given = {"repositoryName": name, "uploadId": upload_id, "layerDigests": [digest]}
        try:
            await self._invoke(context, "ecr", "CompleteLayerUpload", given, None)
        except ServiceError as error:
            if error.code != "LayerAlreadyExistsException":
                raise
        return _created(name, digest)

    def _upload(self, context: CallContext, name: str, upload_id: str) -> Upload:
        try:
            return self._images.upload(self._space(context), name, upload_id)
        except UploadNotFound as error:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", str(error)) from error

    def _space(self, context: CallContext) -> tuple[str, ...]:
        return catalogue.space_of(context.account, context.region)


def _accepted(status: int, upload: Upload) -> HttpResponse:
    headers = [
        _VERSION,
        ("Location", f"/v2/{upload.repository}/blobs/uploads/{upload.id}"),
        ("Docker-Upload-UUID", upload.id),
        _range(upload.size_bytes),
    ]
    return HttpResponse(status, headers)


def _created(name: str, digest: str) -> HttpResponse:
    headers = [
        _VERSION,
        ("Location", f"/v2/{name}/blobs/{digest}"),
        ("Docker-Content-Digest", digest),
    ]
    return HttpResponse(201, headers)


def _range(size: int) -> tuple[str, str]:
    return ("Range", f"0-{max(size - 1, 0)}")
