"""GetPolicyVersion. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam import (
    managed,
    shapes,
)


@read
def get_policy_version(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """One text of a managed policy."""
    version, default = managed.version(call, request["PolicyArn"], request["VersionId"])
    return {"PolicyVersion": shapes.wire_version(version, default, has_document=True)}
