"""ListAccountAliases. https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read


@read
def list_account_aliases(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """The account's alias, if it has one."""
    raw = call.state.get(("alias",))
    return {"AccountAliases": [raw.decode()] if raw else [], "IsTruncated": False}
