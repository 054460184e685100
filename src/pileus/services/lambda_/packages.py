"""Packages and layers on their way in: from the request or from S3 into Blobs, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.compute.errors import PackageError
from pileus.compute.packages import check_archive
from pileus.kernel.calls import StreamCall
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.configuration import base64_sha256
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Code, Layer
from pileus.services.lambda_.running import Functions
from pileus.values.body import Body, BytesBody
from pileus.values.errors import ServiceError

HOST_LAYER = "pileus-host"
"""A layer that is always there: the platform's own interpreter environment, read-only."""


async def store_code(call: StreamCall, given: Mapping[str, Any]) -> Code:
    """Keep the package that ``given`` (FunctionCode, LayerVersionContentInput) names.

    Raises:
        ServiceError: InvalidParameterValueException for no package, one that cannot be unzipped
            or is too large, or an S3 object that cannot be read.
    """
    body: Body
    if given.get("ZipFile") is not None:
        data = given["ZipFile"]
        if len(data) > LIMITS.zip_bytes_max:
            raise errors.invalid(
                "Request must be smaller than 69905067 bytes for the CreateFunction operation"
            )
        body = BytesBody(data)
    elif given.get("S3Bucket") and given.get("S3Key"):
        body = await _from_s3(call, given)
    else:
        raise errors.invalid("Please provide a source for function code.")
    digest, size = hashlib.sha256(), 0

    async def hashed() -> Any:
        nonlocal size
        async for chunk in body:
            digest.update(chunk)
            size += len(chunk)
            yield chunk

    draft = f"{call.account}/lambda/{call.random_bytes(16).hex()}"
    await call.blobs.put(draft, hashed())
    if size == 0:
        await call.blobs.delete(draft)
        raise errors.invalid("Uploaded file must be a non-empty zip")
    try:
        check_archive(await call.part(Functions).code.archive(draft))
    except PackageError as error:
        await call.blobs.delete(draft)
        raise errors.invalid(str(error)) from error
    return Code(blob=draft, sha256=base64_sha256(digest.digest()), size_bytes=size)


async def _from_s3(call: StreamCall, given: Mapping[str, Any]) -> Body:
    request = {"Bucket": given["S3Bucket"], "Key": given["S3Key"]}
    if given.get("S3ObjectVersion"):
        request["VersionId"] = given["S3ObjectVersion"]
    try:
        reply = await call.invoke("s3", "GetObject", request)
    except ServiceError as error:
        raise errors.invalid(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: "
            f"{error.message}"
        ) from error
    return reply.body or BytesBody(b"")


def find_layers(call: StreamCall, arns: Sequence[str]) -> list[Layer]:
    """The layers with those ARNs; raises InvalidParameterValueException for one that is not there."""

    def look(view: Any) -> list[Layer]:
        found = []
        for arn in arns:
            parts = arn.split(":")
            if len(parts) != 8 or not parts[7].isdecimal():
                raise errors.invalid(f"Layer version {arn} is not a layer version ARN.")
            if parts[6] == HOST_LAYER:
                found.append(Layer(arn=arn, blob="", size_bytes=0))
                continue
            raw = view.state.get(("layer", parts[6], int(parts[7])))
            if raw is None:
                raise errors.invalid(f"Layer version {arn} does not exist.")
            code = store.LAYERS.decode(raw).code
            found.append(Layer(arn=arn, blob=code.blob, size_bytes=code.size_bytes))
        return found

    return call.read(look)


async def check_role(call: StreamCall, role: str, function: str) -> None:
    """Raise unless Lambda may assume the role."""
    await call.part(Functions).assume(call.account, call.region, role, function)
