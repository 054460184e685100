"""Names and ARNs of this room's things.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import re

from pileus.kernel.calls import Call
from pileus.services.stepfunctions import errors
from pileus.services.stepfunctions.limits import LIMITS

ARN_SERVICE = "states"
_FORBIDDEN = re.compile(
    r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff]|[\ud800-\udfff]"
)
_ARN_PARTS = 7


def check_name(name: str) -> str:
    """The name; InvalidName for one with characters that AWS does not take."""
    if not name or len(name) > LIMITS.name_length_max or _FORBIDDEN.search(name):
        raise errors.invalid_name(name)
    return name


def machine_arn(call: Call, name: str) -> str:
    return call.arn(f"stateMachine:{name}", ARN_SERVICE)


def activity_arn(call: Call, name: str) -> str:
    return call.arn(f"activity:{name}", ARN_SERVICE)


def execution_arn(call: Call, execution_id: str) -> str:
    """The ARN of an execution, whose id is ``<machine>:<name>``."""
    return call.arn(f"execution:{execution_id}", ARN_SERVICE)


def express_arn(call: Call, machine: str, name: str, run: str) -> str:
    """The ARN of an Express execution, of which each has one of its own."""
    return call.arn(f"express:{machine}:{name}:{run}", ARN_SERVICE)


def _split(arn: str, kind: str) -> list[str]:
    parts = arn.split(":")
    if len(parts) < _ARN_PARTS or parts[0] != "arn" or parts[2] != ARN_SERVICE:
        raise errors.invalid_arn(arn)
    if parts[5] != kind:
        raise errors.wrong_resource_type(parts[5])
    return parts[6:]


def machine_name(arn: str) -> str:
    """The state machine that an ARN is of.

    Raises:
        ServiceError: InvalidArn; ValidationException for versions and aliases.
    """
    rest = _split(arn, "stateMachine")
    if len(rest) > 1:
        raise errors.not_yet("versions and aliases of state machines")
    return rest[0]


def activity_name(arn: str) -> str:
    """The activity that an ARN is of; InvalidArn."""
    rest = _split(arn, "activity")
    if len(rest) > 1:
        raise errors.invalid_arn(arn)
    return rest[0]


def execution_id(arn: str) -> str:
    """``<machine>:<name>`` of an execution's ARN; InvalidArn."""
    rest = _split(arn, "execution")
    if len(rest) != 2:
        raise errors.invalid_arn(arn)
    return ":".join(rest)
