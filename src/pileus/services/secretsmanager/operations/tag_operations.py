"""TagResource, UntagResource. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.secretsmanager import store, tagging


@write
def tag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Add tags; a key that is there gets the new value."""
    found = store.active(call, request["SecretId"])
    found.tags = tagging.merged(found.tags, request["Tags"])
    store.put(call.state, found)


@write
def untag_resource(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take tags away; keys that are not there are left out."""
    found = store.active(call, request["SecretId"])
    gone = set(request["TagKeys"])
    found.tags = {key: value for key, value in found.tags.items() if key not in gone}
    store.put(call.state, found)
