"""Which updates a checkpoint may make. Pure.

https://docs.aws.amazon.com/lambda/latest/api/API_OperationUpdate.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pileus.services.lambda_ import errors
from pileus.services.lambda_.durable.limits import DURABLE_LIMITS
from pileus.services.lambda_.durable.model import READY, STARTED, Operation
from pileus.services.lambda_.durable.payloads import error_bytes

Update = Mapping[str, Any]
_ACTIONS = {
    "EXECUTION": ("SUCCEED", "FAIL"),
    "CONTEXT": ("START", "SUCCEED", "FAIL"),
    "STEP": ("START", "SUCCEED", "FAIL", "RETRY"),
    "WAIT": ("START", "CANCEL"),
    "CALLBACK": ("START",),
    "CHAINED_INVOKE": ("START",),
}
_OPTIONS = {
    "StepOptions": "STEP",
    "WaitOptions": "WAIT",
    "CallbackOptions": "CALLBACK",
    "ChainedInvokeOptions": "CHAINED_INVOKE",
    "ContextOptions": "CONTEXT",
}
_ONCE_MORE = ("STEP", "CONTEXT")
"""What may be started and ended by one request."""


def check_request(updates: Sequence[Update], *, is_synchronous: bool) -> None:
    """What can be told without looking at the execution.

    Raises:
        ServiceError: InvalidParameterValueException.
    """
    executions = [update for update in updates if update["Type"] == "EXECUTION"]
    if len(executions) > 1:
        raise errors.invalid("Cannot checkpoint multiple EXECUTION updates.")
    if executions and updates[-1]["Type"] != "EXECUTION":
        raise errors.invalid("EXECUTION checkpoint must be the last update.")
    begun: dict[str, Update] = {}
    for update in updates:
        earlier = begun.get(update["Id"])
        if earlier is not None and not _completes(earlier, update):
            raise errors.invalid("Cannot update the same operation twice in a single request.")
        begun[update["Id"]] = update
        _check_alone(update, is_synchronous=is_synchronous)


def _completes(earlier: Update, update: Update) -> bool:
    return (
        update["Type"] in _ONCE_MORE
        and earlier["Type"] == update["Type"]
        and earlier["Action"] == "START"
        and update["Action"] != "START"
    )


def _check_alone(update: Update, *, is_synchronous: bool) -> None:
    kind, action = update["Type"], update["Action"]
    if action not in _ACTIONS[kind]:
        raise errors.invalid("Invalid action for the given operation type.")
    for name, owner in _OPTIONS.items():
        if update.get(name) is not None and kind != owner:
            raise errors.invalid(f"Cannot provide {name} for {kind} operations.")
    limit = DURABLE_LIMITS.payload_bytes_max
    if kind == "EXECUTION" and is_synchronous:
        limit = DURABLE_LIMITS.execution_payload_bytes_max
    if len((update.get("Payload") or "").encode()) > limit:
        raise errors.invalid(
            f"{kind} output payload size must be less than or equal to {limit} bytes."
        )
    if update.get("Error") is not None:
        check_error_size(update["Error"])
        if action == "SUCCEED":
            raise errors.invalid("Cannot provide an Error for SUCCEED action.")
    if action == "FAIL" and update.get("Payload") is not None:
        raise errors.invalid("Cannot provide a Payload for FAIL action.")
    _NEEDS.get((kind, action), _nothing)(update)


def check_error_size(error: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueException for an ErrorObject that is too large."""
    if len(error_bytes(error)) > DURABLE_LIMITS.error_bytes_max:
        raise errors.invalid(
            f"Error object size must be less than {DURABLE_LIMITS.error_bytes_max} bytes."
        )


def _nothing(update: Update) -> None:
    return None


def _needs_delay(update: Update) -> None:
    if (update.get("StepOptions") or {}).get("NextAttemptDelaySeconds") is None:
        raise errors.invalid("Invalid StepOptions for the given action.")
    if update.get("Error") is not None and update.get("Payload") is not None:
        raise errors.invalid("Cannot provide both error and payload to RETRY a STEP.")


def _needs_seconds(update: Update) -> None:
    if (update.get("WaitOptions") or {}).get("WaitSeconds") is None:
        raise errors.invalid("Invalid WaitOptions for the given action.")


def _needs_function(update: Update) -> None:
    if not (update.get("ChainedInvokeOptions") or {}).get("FunctionName"):
        raise errors.invalid("Invalid ChainedInvokeOptions for the given action.")
    if (update["ChainedInvokeOptions"]).get("TenantId"):
        raise errors.invalid("Pileus does not implement tenant isolation of functions yet.")


_NEEDS: dict[tuple[str, str], Callable[[Update], None]] = {
    ("STEP", "RETRY"): _needs_delay,
    ("WAIT", "START"): _needs_seconds,
    ("CHAINED_INVOKE", "START"): _needs_function,
}


def check_against(update: Update, known: Operation | None, parent: Operation | None) -> None:
    """What depends on the operation and its parent as they are now.

    Raises:
        ServiceError: InvalidParameterValueException.
    """
    kind, action = update["Type"], update["Action"]
    if update.get("ParentId") and (parent is None or parent.type != "CONTEXT"):
        raise errors.invalid("Invalid parent operation id.")
    if known is not None:
        _check_same(update, known)
    if kind == "STEP":
        _check_step(action, known)
    elif action == "START":
        if known is not None:
            raise errors.invalid(f"Cannot start a {kind} operation that already exists.")
    elif kind == "CONTEXT":
        if known is not None and known.status != STARTED:
            raise errors.invalid("Invalid current CONTEXT state to close.")
    elif kind == "WAIT" and (known is None or known.status != STARTED):
        raise errors.invalid("Cannot cancel a WAIT that does not exist or has already completed.")


def _check_same(update: Update, known: Operation) -> None:
    """An operation keeps its type, name and parent: anything else is another program's."""
    if known.type != update["Type"]:
        raise errors.invalid(
            f"Operation {known.id} is of type {known.type} and cannot be updated as "
            f"{update['Type']}."
        )
    if update.get("Name") is not None and update["Name"] != known.name:
        raise errors.invalid(f"The Name of operation {known.id} does not match its first update.")
    if update.get("ParentId") is not None and update["ParentId"] != known.parent:
        raise errors.invalid("Invalid parent operation id.")


def _check_step(action: str, known: Operation | None) -> None:
    status = None if known is None else known.status
    if action == "START":
        if status not in (None, READY):
            raise errors.invalid("Invalid current STEP state to start.")
    elif action == "RETRY":
        if status not in (None, STARTED, READY):
            raise errors.invalid("Invalid current STEP state to re-attempt.")
    elif status not in (None, STARTED, READY):
        # A step that waits for its next attempt (PENDING) has to be started first.
        raise errors.invalid("Invalid current STEP state to close.")
