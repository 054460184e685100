"""Packages and layers on their way in: from the request or from S3 into Blobs, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.compute.errors import PackageError
from pileus.kernel.calls import ReadCall, StreamCall
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.code_sweep import CodeSweep, code_prefix
from pileus.services.lambda_.image_code import store_image
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import Code, Layer
from pileus.services.lambda_.running import Functions, scope_of
from pileus.values.body import Body, BytesBody
from pileus.values.errors import ServiceError

HOST_LAYER = "pileus-host"
"""A layer that is always there: the platform's own interpreter environment, read-only."""


async def store_function_code(
    call: StreamCall, given: Mapping[str, Any], operation: str, *, is_image: bool
) -> Code:
    """Keep the package or the image that ``given`` (FunctionCode) names.

    Raises:
        ServiceError: InvalidParameterValueException for what cannot be had, or is of the other kind.
    """
    is_new = operation == "CreateFunction"
    if is_image:
        return await store_image(call, given, "creating" if is_new else "updating")
    if given.get("ImageUri") and not is_new:
        raise errors.image_uri_with_package()
    return await store_code(call, given, operation)


async def store_code(call: StreamCall, given: Mapping[str, Any], operation: str) -> Code:
    """Keep the package that ``given`` (FunctionCode, LayerVersionContentInput) names.

    What comes of the operation is not known yet: a package that it does not use is swept.

    Raises:
        ServiceError: InvalidParameterValueException for no package, one that cannot be unzipped
            or is too large, or an S3 object that cannot be read.
    """
    body = await _source(call, given, operation)
    blob = code_prefix(call) + call.random_bytes(16).hex()
    call.part(CodeSweep).ask(call)
    try:
        kept = await call.part(Functions).code.keep(blob, body)
    except PackageError as error:
        raise errors.invalid(str(error)) from error
    return Code(blob=blob, sha256=kept.sha256, size_bytes=kept.size_bytes)


async def _source(call: StreamCall, given: Mapping[str, Any], operation: str) -> Body:
    if given.get("ZipFile") is not None:
        data = given["ZipFile"]
        if len(data) > LIMITS.zip_bytes_max:
            raise errors.request_too_large(operation, LIMITS.request_bytes_max)
        return BytesBody(data)
    if given.get("S3Bucket") and given.get("S3Key"):
        return await _from_s3(call, given)
    raise errors.invalid("Please provide a source for function code.")


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


def find_layers(view: ReadCall, arns: Sequence[str]) -> list[Layer]:
    """The layers with those ARNs.

    Asked inside the transaction that names them, so that none is swept in between.

    Raises:
        ServiceError: InvalidParameterValueException for one that is not there, and for two
            versions of one layer.
    """
    found: dict[str, Layer] = {}
    for arn in arns:
        layer_arn, _, number = arn.rpartition(":")
        name = layer_arn.rpartition(":")[2]
        if len(arn.split(":")) != 8 or not number.isdecimal():
            raise errors.invalid(f"Layer version {arn} is not a layer version ARN.")
        if layer_arn in found:
            raise errors.invalid(
                "Two different versions of the same layer are not allowed to be referenced in the "
                f"same function. {found[layer_arn].arn} and {arn} are versions of the same layer."
            )
        if name == HOST_LAYER:
            found[layer_arn] = Layer(arn=arn, blob="", size_bytes=0)
            continue
        raw = view.state.get(("layer", name, int(number)))
        if raw is None:
            raise errors.invalid(f"Layer version {arn} does not exist.")
        code = store.LAYERS.decode(raw).code
        found[layer_arn] = Layer(arn=arn, blob=code.blob, size_bytes=code.size_bytes)
    return list(found.values())


async def check_role(call: StreamCall, role: str, function: str) -> None:
    """Raise unless Lambda may assume the role."""
    await call.part(Functions).check_role(scope_of(call.account, call.region), role, function)
