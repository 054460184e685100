"""A template as a request gives it: fetched, read, and refused when it cannot be carried out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pileus.kernel.calls import StreamCall
from pileus.languages.cfn import Resource, Template, TemplateError, parse_template
from pileus.services.cloudformation import errors
from pileus.services.cloudformation.limits import LIMITS
from pileus.values.errors import ServiceError

SAM = "AWS::Serverless-2016-10-31"
CUSTOM = "Custom::"
_IAM_NAMES = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
}
_S3_HOST = re.compile(
    r"s3[.-](?:[a-z0-9-]+\.)?(?:amazonaws\.com|localhost|localhost\.localstack\.cloud)\Z"
)
_BUCKET_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3[.-].*|s3|localhost)\Z")
_PATH_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "s3.amazonaws.com"})


_STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")


def check_stack_name(name: str) -> None:
    """Raises ValidationError for what a new stack cannot be called."""
    if not _STACK_NAME.fullmatch(name):
        told = "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        raise errors.invalid_stack_name(name, told)
    if len(name) > LIMITS.stack_name_characters_max:
        told = f"have length less than or equal to {LIMITS.stack_name_characters_max}"
        raise errors.invalid_stack_name(name, told)


async def text_of(call: StreamCall, request: Mapping[str, Any]) -> str | None:
    """The text of ``TemplateBody`` or behind ``TemplateURL``; None where neither is given.

    Raises:
        ServiceError: ValidationError for both, too long a text, or a text that cannot be had.
    """
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if body is not None and url is not None:
        raise errors.validation("You must specify only one of TemplateBody or TemplateURL.")
    if url is not None:
        return await _fetched(call, url)
    if body is None:
        return None
    if len(body.encode()) > LIMITS.template_body_bytes_max:
        raise errors.validation(
            f"1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy "
            f"constraint: Member must have length less than or equal to "
            f"{LIMITS.template_body_bytes_max}"
        )
    return str(body)


async def _fetched(call: StreamCall, url: str) -> str:
    given = place_of(url)
    try:
        reply = await call.invoke("s3", "GetObject", given)
    except ServiceError as error:
        if error.status == 501:
            raise
        raise errors.validation(
            f"S3 error: {error.message}\nFor more information check "
            "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        ) from error
    if reply.body is None:
        raise errors.validation("S3 error: the object has no body")
    limit = LIMITS.template_file_bytes_max
    if (reply.body.size_bytes or 0) > limit:
        raise errors.validation(f"Template may not exceed {limit} bytes in size.")
    try:
        return (await reply.body.read(limit)).decode()
    except UnicodeDecodeError:
        raise errors.validation("Template format error: the template is not UTF-8.") from None
    except ValueError:
        raise errors.validation(f"Template may not exceed {limit} bytes in size.") from None


def place_of(url: str) -> dict[str, str]:
    """GetObject's input for a URL: ``s3://bucket/key``, path style or virtual-hosted style.

    Raises:
        ServiceError: ValidationError for what is no address of an object.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path)
    bucket, key = "", path.lstrip("/")
    if parts.scheme == "s3":
        bucket = parts.netloc
    elif parts.scheme in ("http", "https"):
        virtual = _BUCKET_HOST.match(host)
        if host in _PATH_HOSTS or _S3_HOST.match(host):
            bucket, _, key = key.partition("/")
        elif virtual is not None:
            bucket = virtual["bucket"]
    if not bucket or not key:
        raise errors.validation("TemplateURL must be a supported URL.")
    place = {"Bucket": bucket, "Key": key}
    if version := parse_qs(parts.query).get("versionId"):
        place["VersionId"] = version[0]
    return place


def read_template(text: str) -> Template:
    """Read a template's text; raises ValidationError in AWS's words."""
    try:
        return parse_template(text)
    except TemplateError as error:
        raise errors.validation(str(error)) from error


def check_supported(template: Template) -> None:
    """Refuse, before anything is made, what this platform cannot carry out.

    Raises:
        ServiceError: ValidationError naming transforms, attributes or policies.
    """
    for transform in template.transforms:
        raise errors.no_sam() if transform == SAM else errors.unknown_transform(transform)
    for resource in template.resources.values():
        if resource.creation_policy is not None:
            raise errors.not_supported(f"CreationPolicy (resource {resource.logical_id})")
        for member in (resource.deletion_policy, resource.update_replace_policy):
            if member == "Snapshot":
                raise errors.validation(
                    f"Template error: resource type {resource.type} does not support deletion "
                    "policy Snapshot"
                )
            if member is not None and not isinstance(member, str):
                raise errors.validation(
                    "Template format error: Every DeletionPolicy and UpdateReplacePolicy must be a "
                    "string."
                )


def check_types(resources: Iterable[Resource], known_types: list[str]) -> None:
    """Refuse types that no room knows, among the resources whose condition holds.

    AWS knows more types than Pileus: a resource that will not be made needs none of them.

    Raises:
        ServiceError: ValidationError naming every such type.
    """
    known = frozenset(known_types)
    types = dict.fromkeys(each.type for each in resources)
    unknown = [t for t in types if t not in known and not t.startswith(CUSTOM)]
    if unknown:
        raise errors.unrecognized_types(unknown)


def check_allowed(template: Template, allowed: list[str]) -> None:
    """Refuse types that the request's ``ResourceTypes`` (``AWS::*``, ``AWS::SQS::*`` …) leave out."""
    for resource in template.resources.values():
        if allowed and not any(fnmatchcase(resource.type, pattern) for pattern in allowed):
            raise errors.validation(
                f"Resource type {resource.type} is not allowed by parameter ResourceTypes "
                f"[{', '.join(allowed)}]"
            )


def capabilities_needed(template: Template) -> tuple[list[str], str]:
    """What must be acknowledged, and why, as GetTemplateSummary tells."""
    involved = [each for each in template.resources.values() if each.type in _IAM_NAMES]
    if not involved:
        return [], ""
    types = ", ".join(dict.fromkeys(each.type for each in involved))
    named = any(_IAM_NAMES[each.type] in each.properties for each in involved)
    name = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    return [name], f"The following resource(s) require capabilities: [{types}]"


def check_capabilities(template: Template, given: list[str]) -> None:
    """Raises InsufficientCapabilitiesException."""
    needed, _ = capabilities_needed(template)
    for name in needed:
        if name not in given and "CAPABILITY_NAMED_IAM" not in given:
            raise errors.requires_capabilities([name])
