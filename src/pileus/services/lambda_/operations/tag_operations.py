"""Tags. https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.limits import LIMITS
from pileus.services.lambda_.model import CodeSigning, Function
from pileus.services.lambda_.model import Mapping as SourceMapping
from pileus.services.lambda_.names import function_name

_MAPPING = ":event-source-mapping:"
_CODE_SIGNING = ":code-signing-config:"
_Tagged = Function | SourceMapping | CodeSigning


def _tagged(call: ReadCall, arn: str) -> _Tagged:
    """What carries the tags."""
    if _MAPPING in arn:
        return store.find_mapping(call, arn.rpartition(":")[2])
    if _CODE_SIGNING in arn:
        return store.find_code_signing(call, arn)
    if function_name(arn)[1]:
        raise errors.invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return store.find_function(call, arn)


def _put(call: WriteCall, tagged: _Tagged) -> None:
    if isinstance(tagged, Function):
        store.put_function(call.state, tagged)
    elif isinstance(tagged, CodeSigning):
        store.put_code_signing(call.state, tagged)
    else:
        store.put_mapping(call.state, tagged)


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags to a function, an event source mapping or a code signing configuration."""
    tagged = _tagged(call, request["Resource"])
    if not request["Tags"]:
        raise errors.invalid("An error occurred and the request cannot be processed.")
    tagged.tags = {**tagged.tags, **request["Tags"]}
    if len(tagged.tags) > LIMITS.tags_max:
        raise errors.invalid(f"Number of tags exceeds resource tag limit of {LIMITS.tags_max}.")
    _put(call, tagged)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Remove tags."""
    tagged = _tagged(call, request["Resource"])
    tagged.tags = {k: v for k, v in tagged.tags.items() if k not in request["TagKeys"]}
    _put(call, tagged)


@read
def list_tags(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of one of these."""
    return {"Tags": _tagged(call, request["Resource"]).tags}
