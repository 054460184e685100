"""Which functions may have SnapStart, and how a version's state is told. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.compute import runtimes
from pileus.ports.nodes import ExitReason, InitFailed
from pileus.services.lambda_ import errors
from pileus.services.lambda_.model import Configuration
from pileus.services.lambda_.names import LATEST

PUBLISHED_VERSIONS = "PublishedVersions"
PENDING, ACTIVE, FAILED = "Pending", "Active", "Failed"
_TMP_MB_MAX = 512
_CREATING = ("The function is being created.", "Creating")


def check(latest: Configuration | None, request: Mapping[str, Any]) -> None:
    """Refuse what SnapStart does not go with.

    Args:
        latest: the function as it is; None for a new one.

    Raises:
        ServiceError: InvalidParameterValueException.
    """
    apply_on = (request.get("SnapStart") or {}).get("ApplyOn")
    is_wanted = apply_on == PUBLISHED_VERSIONS if apply_on else latest and latest.snap_start
    if not is_wanted:
        return
    is_image = request.get("PackageType") == "Image" or (latest and latest.code.image)
    if is_image:
        raise errors.without_snap_start("ContainerImage")
    runtime = request.get("Runtime") or (latest.runtime if latest else "")
    if runtime and runtime not in runtimes.SNAPSHOT_RUNTIMES:
        raise errors.without_snap_start(runtime)
    storage = request.get("EphemeralStorage")
    tmp_mb = storage["Size"] if storage else latest.tmp_mb if latest else 0
    if tmp_mb > _TMP_MB_MAX:
        raise errors.without_snap_start(f"Ephemeral storage greater than {_TMP_MB_MAX} MB")
    if request.get("FileSystemConfigs"):
        raise errors.without_snap_start("Amazon EFS")


def check_callable(version: Configuration) -> None:
    """Refuse calls of a version whose snapshot is not there yet, or could not be made."""
    if version.state == PENDING:
        raise errors.snapshot_not_ready()
    if version.state == FAILED:
        raise errors.not_in_state(version.state)


def shown(version: Configuration) -> dict[str, Any]:
    """SnapStart, State and what goes with it."""
    is_on = version.snap_start and version.version != LATEST and not version.snap_obstacle
    told: dict[str, Any] = {
        "SnapStart": {
            "ApplyOn": PUBLISHED_VERSIONS if version.snap_start else "None",
            "OptimizationStatus": "On" if is_on else "Off",
        },
        "State": version.state,
    }
    if version.state == PENDING:
        told["StateReason"], told["StateReasonCode"] = _CREATING
    elif version.state_reason:
        told["StateReason"], told["StateReasonCode"] = version.state_reason
    return told


def failure(error: InitFailed) -> tuple[str, str]:
    """StateReason and StateReasonCode of a version that could not be initialised."""
    code = "FunctionError.RuntimeInitError"
    if error.exit.reason is ExitReason.TIMED_OUT:
        code = "FunctionError.InitTimeout"
    elif error.exit.reason is ExitReason.OUT_OF_MEMORY:
        code = "FunctionError.InitResourceExhausted"
    return f"Lambda could not initialize the function to take a snapshot: {error}", code
