"""The distribution API's errors in its JSON form.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from pileus.protocols.http import HttpResponse
from pileus.values.errors import PileusError, ServiceError


class RegistryError(PileusError):
    """What a registry client is told: an HTTP status, a code of the specification, a sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


_CODES = {
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
    "ImageNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "LayersNotFoundException": (404, "BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
    "InvalidLayerException": (400, "DIGEST_INVALID"),
    "EmptyUploadException": (400, "BLOB_UPLOAD_INVALID"),
    "UploadNotFoundException": (404, "BLOB_UPLOAD_UNKNOWN"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"),
    "AccessDeniedException": (403, "DENIED"),
    "LimitExceededException": (429, "TOOMANYREQUESTS"),
}


def translated(error: ServiceError) -> RegistryError:
    """One of the ecr room's errors, as registry clients know it."""
    status, code = _CODES.get(error.code, (error.status, "UNKNOWN"))
    return RegistryError(status, code, error.message or error.code)


def error_response(error: RegistryError) -> HttpResponse:
    """``{"errors": [{"code", "message", "detail"}]}``."""
    told = {"code": error.code, "message": str(error), "detail": None}
    headers = [("Content-Type", "application/json"), *error.headers]
    return HttpResponse(error.status, headers, orjson.dumps({"errors": [told]}))
