"""DeleteAccountAlias. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountAlias.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write
from pileus.services.iam import (
    errors,
)


@write
def delete_account_alias(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Take the account's alias away."""
    raw = call.state.get(("alias",))
    if raw is None or raw.decode() != request["AccountAlias"]:
        raise errors.no_such_alias(request["AccountAlias"])
    call.state.delete(("alias",))
