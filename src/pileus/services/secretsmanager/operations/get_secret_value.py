"""GetSecretValue. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.operations import stream
from pileus.services.secretsmanager import access
from pileus.values.body import Body


@stream
async def get_secret_value(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """A version's value: the current one's unless another is asked for."""
    found, output = call.read(lambda c: access.value_of(c, request))
    await access.note(call, [found])
    return output
