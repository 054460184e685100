"""Telephone numbers that want no texts. Nobody can say so here: a text of STOP is one like any other.

https://docs.aws.amazon.com/sns/latest/dg/sms_manage.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.sns import errors, paging

_NUMBER = re.compile(r"\+?[1-9][0-9]{3,14}")


def _check(request: Mapping[str, Any]) -> None:
    if not _NUMBER.fullmatch(request["phoneNumber"]):
        raise errors.invalid("PhoneNumber Reason: input incorrectly formatted")


@read
def check_if_phone_number_is_opted_out(
    call: ReadCall, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Whether a number wants no texts."""
    _check(request)
    return {"isOptedOut": False}


@read
def list_phone_numbers_opted_out(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that want no texts."""
    return paging.page("phoneNumbers", [], {"NextToken": request.get("nextToken")})


@read
def opt_in_phone_number(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Let a number have texts again; every number has them."""
    _check(request)
    return {}
