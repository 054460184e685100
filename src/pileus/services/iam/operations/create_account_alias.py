"""CreateAccountAlias. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.kernel.operations import write


@write
def create_account_alias(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Give the account its alias, in place of an earlier one."""
    call.state.put(("alias",), request["AccountAlias"].encode())
