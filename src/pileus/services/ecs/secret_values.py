"""Variables whose values lie elsewhere: parameters, secrets, environment files.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pileus.kernel.kernel import Kernel
from pileus.values.arns import Arn, is_arn
from pileus.values.context import CallContext
from pileus.values.errors import PileusError, ServiceError

_FILE_BYTES_MAX = 1 << 20
_PARTS_OF_SECRET = 7
"""``secret:name`` and what may follow: JSON key, version stage, version id."""


class CannotPlan(PileusError):
    """The task cannot start; the text is its stopped reason."""


async def variables(
    kernel: Kernel, context: CallContext, body: Mapping[str, Any]
) -> dict[str, str]:
    """A container's secrets by name. Raises CannotPlan."""
    found = {}
    for secret in body.get("secrets") or ():
        source = secret["valueFrom"]
        is_secret = is_arn(source) and Arn.parse(source).service == "secretsmanager"
        if is_secret:
            found[secret["name"]] = await _secret(kernel, context, source)
        else:
            found[secret["name"]] = await _parameter(kernel, context, source)
    return found


async def _parameter(kernel: Kernel, context: CallContext, source: str) -> str:
    name = source
    if is_arn(source):
        name = Arn.parse(source).resource.removeprefix("parameter")
        name = name if name.count("/") > 1 else name.removeprefix("/")
    given = {"Names": [name], "WithDecryption": True}
    try:
        reply = await kernel.invoke(context, "ssm", "GetParameters", given)
    except ServiceError as error:
        raise _cannot("ssm", f"{error.code}: {error.message}") from error
    if not reply.output["Parameters"]:
        raise _cannot("ssm", f"invalid ssm parameters: {name}")
    return str(reply.output["Parameters"][0]["Value"])


async def _secret(kernel: Kernel, context: CallContext, source: str) -> str:
    parts = source.split(":")
    arn, (key, stage, version) = (
        ":".join(parts[:_PARTS_OF_SECRET]),
        (
            *parts[_PARTS_OF_SECRET:],
            "",
            "",
            "",
        )[:3],
    )
    given = {"SecretId": arn}
    if stage:
        given["VersionStage"] = stage
    if version:
        given["VersionId"] = version
    try:
        reply = await kernel.invoke(context, "secretsmanager", "GetSecretValue", given)
    except ServiceError as error:
        raise _cannot("asm", f"{error.code}: {error.message}") from error
    text = reply.output.get("SecretString")
    if text is None:
        raise _cannot("asm", f"secret {arn} holds no text")
    if not key:
        return str(text)
    try:
        value = orjson.loads(text)[key]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _cannot("asm", f"retrieved secret did not contain json key {key}") from None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _cannot(store: str, why: str) -> CannotPlan:
    return CannotPlan(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        f"retrieval failed: unable to retrieve secret from {store}: service call has been retried "
        f"1 time(s): {why}"
    )


async def files(
    kernel: Kernel, context: CallContext, given: Sequence[Mapping[str, Any]] | None
) -> dict[str, str]:
    """The variables of environment files in S3, later files first in line. Raises CannotPlan."""
    found: dict[str, str] = {}
    for one in given or ():
        bucket, _, key = one["value"].removeprefix("arn:aws:s3:::").partition("/")
        wanted = {"Bucket": bucket, "Key": key}
        try:
            reply = await kernel.invoke(context, "s3", "GetObject", wanted)
            assert reply.body is not None
            text = (await reply.body.read(_FILE_BYTES_MAX)).decode()
        except (ServiceError, ValueError) as error:
            raise CannotPlan(
                "ResourceInitializationError: failed to download env files: file download command: "
                f"non empty error stream: {one['value']}: {error}"
            ) from error
        found |= parse_environment(text)
    return found


def parse_environment(text: str) -> dict[str, str]:
    """``NAME=value`` lines; blank ones and those that begin with ``#`` are passed over."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() and not line.lstrip().startswith("#"):
            found[name.strip()] = value.strip()
    return found
