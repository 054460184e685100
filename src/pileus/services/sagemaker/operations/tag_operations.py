"""Tags. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.sagemaker import errors, store
from pileus.services.sagemaker.limits import LIMITS
from pileus.values.page_tokens import cut_page


@write
def add_tags(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Set tags of a resource; all it has afterwards."""
    kind, record = _resource(call, request)
    record.tags = {**record.tags, **store.tags_of(request)}
    if len(record.tags) > LIMITS.tags_max:
        raise errors.invalid(f"A resource cannot have more than {LIMITS.tags_max} tags.")
    store.put(call, kind, record)
    return {"Tags": _shown(record.tags)}


@write
def delete_tags(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove tags; ones that are not there are passed over."""
    kind, record = _resource(call, request)
    gone = set(request["TagKeys"])
    record.tags = {key: value for key, value in record.tags.items() if key not in gone}
    store.put(call, kind, record)
    return {}


@read
def list_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a resource."""
    _, record = _resource(call, request)
    limit = request.get("MaxResults") or LIMITS.tags_max
    try:
        found, token = cut_page(_shown(record.tags), request.get("NextToken"), limit)
    except ValueError:
        raise errors.invalid("Invalid pagination token.") from None
    return {"Tags": found} | ({"NextToken": token} if token else {})


def _resource(call: ReadCall, request: Mapping[str, Any]) -> tuple[str, Any]:
    arn = request["ResourceArn"]
    kind, _, name = (
        arn.partition(":sagemaker:")[2].partition(":")[2].partition(":")[2].partition("/")
    )
    if kind not in errors.TITLES:
        raise errors.invalid(f"Pileus does not support tags of {kind or arn} yet.")
    if arn != store.arn_of(call, kind, name):
        raise errors.not_found(kind, arn)
    return kind, store.find(call, kind, name)


def _shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
