"""GetPolicy. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    aws_managed,
    errors,
    managed,
)


@read
def get_policy(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """A managed policy, the account's or AWS's."""
    arn = request["PolicyArn"]
    record = managed.find(call, arn)
    if record is not None:
        return {"Policy": {"Tags": [], **managed.described(call, record)}}
    if not aws_managed.is_aws_managed(arn):
        raise errors.no_such_policy(arn)
    return {"Policy": {**managed.described_aws(call, arn), "Tags": []}}
