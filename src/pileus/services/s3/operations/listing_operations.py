"""Listings of objects and versions.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pileus.kernel.calls import Call, ReadCall
from pileus.kernel.operations import read
from pileus.services.s3 import errors, listing, store, versions
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.model import Version, owner
from pileus.services.s3.paging import name_of, token_after
from pileus.values.times import utc


def _limit(request: Mapping[str, Any], member: str = "MaxKeys", name: str = "max-keys") -> int:
    limit = request.get(member)
    if limit is None:
        return LIMITS.list_results_max
    if not 0 <= limit < 1 << 31:
        raise errors.invalid_argument(
            f"Argument {name} must be an integer between 0 and 2147483647", name, limit
        )
    return min(int(limit), LIMITS.list_results_max)


def shown_text(text: str, request: Mapping[str, Any]) -> str:
    """A key, prefix or marker as ``encoding-type`` wants it."""
    return quote(text, safe="/*-._") if request.get("EncodingType") == "url" else text


def shown_prefixes(prefixes: list[str], request: Mapping[str, Any]) -> list[dict[str, str]]:
    """Common prefixes as S3 shows them."""
    return [{"Prefix": shown_text(prefix, request)} for prefix in prefixes]


def _shown(call: Call, key: str, version: Version, request: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Key": shown_text(key, request),
        "LastModified": utc(version.modified_ms),
        "ETag": f'"{version.etag}"',
        "Size": version.size_bytes,
        "StorageClass": version.settings.storage_class,
    }
    if version.digest is not None:
        row["ChecksumAlgorithm"] = [version.digest.algorithm]
        row["ChecksumType"] = version.digest.kind
    return row


def _head(request: Mapping[str, Any], limit: int, page: listing.Page) -> dict[str, Any]:
    output: dict[str, Any] = {
        "Name": request["Bucket"],
        "Prefix": shown_text(request.get("Prefix") or "", request),
        "MaxKeys": limit,
        "IsTruncated": page.is_truncated,
    }
    if request.get("Delimiter"):
        output["Delimiter"] = shown_text(request["Delimiter"], request)
    if request.get("EncodingType"):
        output["EncodingType"] = request["EncodingType"]
    if page.prefixes:
        output["CommonPrefixes"] = shown_prefixes(page.prefixes, request)
    return output


def _objects(call: ReadCall, request: Mapping[str, Any], after: str, limit: int) -> listing.Page:
    store.bucket_of(call, request)
    query = listing.Query(
        bucket=request["Bucket"],
        prefix=request.get("Prefix") or "",
        delimiter=request.get("Delimiter") or "",
        after=after,
        limit=limit,
    )
    return listing.objects(call.state, query) if limit else listing.Page()


@read
def list_objects_v2(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a bucket's objects."""
    limit = _limit(request)
    token = request.get("ContinuationToken")
    start_after = request.get("StartAfter") or ""
    page = _objects(call, request, start_after if token is None else name_of(token), limit)
    output = _head(request, limit, page)
    output["KeyCount"] = len(page)
    rows = [_shown(call, key, version, request) for key, version in page.rows]
    if request.get("FetchOwner"):
        for row in rows:
            row["Owner"] = owner(call.account)
    if rows:
        output["Contents"] = rows
    if token is not None:
        output["ContinuationToken"] = token
    elif start_after:
        output["StartAfter"] = shown_text(start_after, request)
    if page.is_truncated:
        output["NextContinuationToken"] = token_after(page.last)
    return output


@read
def list_objects(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a bucket's objects, in the older form."""
    limit = _limit(request)
    marker = request.get("Marker") or ""
    page = _objects(call, request, marker, limit)
    output = _head(request, limit, page)
    output["Marker"] = shown_text(marker, request)
    rows = [_shown(call, key, version, request) for key, version in page.rows]
    for row in rows:
        row["Owner"] = owner(call.account)
    if rows:
        output["Contents"] = rows
    if page.is_truncated and request.get("Delimiter"):
        output["NextMarker"] = shown_text(page.last, request)
    return output


@read
def list_object_versions(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a bucket's versions and delete markers."""
    store.bucket_of(call, request)
    limit = _limit(request)
    key_marker = request.get("KeyMarker") or ""
    id_marker = request.get("VersionIdMarker") or ""
    after = None
    if id_marker:
        if not key_marker:
            raise errors.invalid_argument(
                "A version-id marker cannot be specified without a key marker.",
                "version-id-marker",
                id_marker,
            )
        after = versions.find(call.state, request["Bucket"], key_marker, id_marker)
    query = listing.Query(
        bucket=request["Bucket"],
        prefix=request.get("Prefix") or "",
        delimiter=request.get("Delimiter") or "",
        after=key_marker,
        limit=limit,
    )
    page = listing.versions(call.state, query, after) if limit else listing.VersionsPage()
    output = _head(request, limit, page)
    output["KeyMarker"] = shown_text(key_marker, request)
    output["VersionIdMarker"] = id_marker
    if page.is_truncated:
        output["NextKeyMarker"] = shown_text(page.last, request)
        if page.last_version:
            output["NextVersionIdMarker"] = page.last_version
    for key, (version, is_latest) in page.rows:
        row = _shown(call, key, version, request)
        row |= {"Owner": owner(call.account), "IsLatest": is_latest}
        row["VersionId"] = version.version_id
        if version.is_delete_marker:
            for member in ("ETag", "Size", "StorageClass"):
                row.pop(member)
        kind = "DeleteMarkers" if version.is_delete_marker else "Versions"
        output.setdefault(kind, []).append(row)
    return output
