"""Why a state machine is refused, and why a state of a running one fails."""

from __future__ import annotations

from typing import Final

import msgspec

RUNTIME: Final = "States.Runtime"
"""Something the definition asks for cannot be done with this input; never retried nor caught."""
TIMEOUT: Final = "States.Timeout"
HEARTBEAT_TIMEOUT: Final = "States.HeartbeatTimeout"
TASK_FAILED: Final = "States.TaskFailed"
ALL: Final = "States.ALL"
DATA_LIMIT: Final = "States.DataLimitExceeded"
QUERY_EVALUATION: Final = "States.QueryEvaluationError"
REFERENCE_PATH_CONFLICT: Final = "States.ReferencePathConflict"


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding about a definition, as ValidateStateMachineDefinition reports it.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html

    Attributes:
        severity: ``ERROR`` or ``WARNING``.
        location: ``/States/Name/Field``; None where there is none.
    """

    severity: str
    code: str
    message: str
    location: str | None = None


class InvalidDefinition(Exception):
    """The definition cannot be a state machine; ``str()`` is CreateStateMachine's sentence."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = diagnostics
        told = ", ".join(
            f"{each.code}: {each.message} at {each.location or 'null'}" for each in diagnostics
        )
        super().__init__(f"Invalid State Machine Definition: '{told}'")


class InvalidExpression(Exception):
    """A path, an intrinsic function or a template that cannot be read."""


class NoSuchPath(Exception):
    """A definite path leads to nothing.

    Attributes:
        path: as written.
        reason: in the words of the JSONPath library that the service uses.
        is_past_end: the last step is an index behind the end of an array, which a payload template
            reads as null.
    """

    def __init__(self, path: str, reason: str, *, is_past_end: bool = False) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.is_past_end = is_past_end


class StateFailure(Exception):
    """A state fails.

    Attributes:
        error: its name; ``States.Runtime`` ends the execution whatever catches.
        cause: None when nothing is said.
        location: the field whose JSONata failed; such failures leave an EvaluationFailed event.
        is_located: whether the cause is to be opened with the state's name and event.
    """

    def __init__(
        self, error: str, cause: str | None, *, location: str | None = None, is_located: bool = True
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location
        self.is_located = is_located


def runtime(cause: str) -> StateFailure:
    """A failure that nothing catches."""
    return StateFailure(RUNTIME, cause)
