"""Stack policies: kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pileus.kernel.calls import StreamCall
from pileus.services.cloudformation import errors
from pileus.services.cloudformation.templates import text_of

_BYTES_MAX = 16_384


async def text_of_policy(
    call: StreamCall, request: Mapping[str, Any], body_member: str, url_member: str
) -> str:
    """The policy given as text or behind a URL; empty where there is none.

    Raises:
        ServiceError: ValidationError for both, or for what is no policy.
    """
    given = {"TemplateBody": request.get(body_member), "TemplateURL": request.get(url_member)}
    if given["TemplateBody"] is not None and given["TemplateURL"] is not None:
        raise errors.validation(f"You cannot specify both {body_member} and {url_member}.")
    text = await text_of(call, given)
    if text is None:
        return ""
    if len(text.encode()) > _BYTES_MAX:
        raise errors.validation(f"Stack policy may not exceed {_BYTES_MAX} bytes in size.")
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise errors.validation(f"Error validating stack policy: Invalid stack policy: {error}") \
            from error  # fmt: skip
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list):
        raise errors.validation("Error validating stack policy: Invalid stack policy")
    return text
