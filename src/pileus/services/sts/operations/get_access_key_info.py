"""GetAccessKeyInfo. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import StreamCall
from pileus.kernel.credentials import account_of
from pileus.kernel.operations import stream
from pileus.services.sts import errors
from pileus.values.body import Body


@stream
async def get_access_key_info(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """The account that an access key id names."""
    account = account_of(request["AccessKeyId"])
    if account is None:
        raise errors.invalid_access_key_id()
    return {"Account": account}
