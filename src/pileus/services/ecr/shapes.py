"""Records as AWS tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pileus.compute.images import catalogue
from pileus.compute.images.catalogue import ImageRecord
from pileus.kernel.calls import Call
from pileus.services.ecr.errors import invalid_parameter
from pileus.services.ecr.limits import LIMITS
from pileus.services.ecr.model import Repository


def arn(call: Call, name: str) -> str:
    """A repository's ARN."""
    return call.arn(f"repository/{name}")


def uri(call: Call, name: str) -> str:
    """What clients push to: this platform's own address."""
    return f"{call.context.endpoint.partition('://')[2]}/{name}"


def moment(at_ms: int) -> datetime:
    """A time as the wire wants it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def repository(call: Call, record: Repository) -> dict[str, Any]:
    """``Repository``."""
    encryption = {"encryptionType": record.encryption_type}
    if record.kms_key:
        encryption["kmsKey"] = record.kms_key
    told: dict[str, Any] = {
        "repositoryArn": arn(call, record.name),
        "registryId": call.account,
        "repositoryName": record.name,
        "repositoryUri": uri(call, record.name),
        "createdAt": moment(record.created_ms),
        "imageTagMutability": record.mutability,
        "imageScanningConfiguration": {"scanOnPush": record.scan_on_push},
        "encryptionConfiguration": encryption,
    }
    if record.exclusions:
        told["imageTagMutabilityExclusionFilters"] = [
            {"filterType": e.filter_type, "filter": e.filter} for e in record.exclusions
        ]
    return told


def image_detail(call: Any, name: str, image: ImageRecord) -> dict[str, Any]:
    """``ImageDetail``."""
    told: dict[str, Any] = {
        "registryId": call.account,
        "repositoryName": name,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size_bytes,
        "imagePushedAt": moment(image.pushed_ms),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    }
    if tags := catalogue.tags_of(call.state, name, image.digest):
        told["imageTags"] = tags
    if artifact := artifact_type(image):
        told["artifactMediaType"] = artifact
    if image.pulled_ms:
        told["lastRecordedPullTime"] = moment(image.pulled_ms)
    return told


def artifact_type(image: ImageRecord) -> str:
    """What the manifest is of; ECR tells the config's type of images as well."""
    if image.artifact_type or image.image is None:
        return image.artifact_type
    is_docker = image.media_type.startswith("application/vnd.docker.")
    return (
        "application/vnd.docker.container.image.v1+json"
        if is_docker
        else "application/vnd.oci.image.config.v1+json"
    )


def page(entries: Sequence[Any], request: Mapping[str, Any]) -> tuple[Sequence[Any], str]:
    """The entries of a page and the token of the next one, which may be empty."""
    token = request.get("nextToken") or "0"
    if not token.isdecimal():
        raise invalid_parameter("nextToken", "must be a token that was given out")
    begin = int(token)
    end = begin + (request.get("maxResults") or LIMITS.page)
    return entries[begin:end], str(end) if end < len(entries) else ""


def tag_map(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """A list of Key and Value as a mapping."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}
