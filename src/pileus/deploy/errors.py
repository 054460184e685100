"""What can go wrong on the client's side; every text says what to do."""

from __future__ import annotations

from pileus.values.errors import PileusError


class DeployError(PileusError):
    """Base of everything ``deploy`` raises."""


class PlatformUnreachable(DeployError):
    """Nothing answers at the endpoint."""

    def __init__(self, endpoint: str, detail: str = "") -> None:
        more = f" ({detail})" if detail else ""
        super().__init__(f"nothing answers at {endpoint}{more}; start it with: pileus up")


class PlatformGone(DeployError):
    """The connection broke in the middle of a call; whether it was done is not known."""

    def __init__(self, endpoint: str, call: str) -> None:
        super().__init__(
            f"the connection to {endpoint} broke during {call}: was the platform ended? "
            "Start it with: pileus up"
        )


class NoAnswer(DeployError):
    """The platform took a call and did not answer in time."""

    def __init__(self, endpoint: str, call: str, after_s: float) -> None:
        super().__init__(
            f"{endpoint} did not answer {call} within {after_s:.0f} s; it may still be at work on "
            "it: look with pileus ps and pileus logs"
        )


class ApiError(DeployError):
    """The platform refused a call.

    Attributes:
        code: AWS's error code.
        detail: the sentence that came with it.
    """

    def __init__(self, service: str, operation: str, code: str, detail: str) -> None:
        super().__init__(f"{service}:{operation}: {code}: {detail}")
        self.code = code
        self.detail = detail


class PackageTooLarge(DeployError):
    """A package beyond what AWS runs."""


class StackFailed(DeployError):
    """A stack did not reach what was asked.

    Attributes:
        stack: its name.
        status: where it ended (``ROLLBACK_COMPLETE``).
        resource: logical id of the first resource that failed; empty when none did.
        reason: what CloudFormation said of it.
    """

    def __init__(self, stack: str, status: str, resource: str, kind: str, reason: str) -> None:
        what = f"{resource} ({kind}): {reason}" if resource else reason or "no reason was given"
        super().__init__(f"stack {stack} ended in {status}: {what}")
        self.stack = stack
        self.status = status
        self.resource = resource
        self.reason = reason


class RequirementsError(DeployError):
    """Python requirements that cannot be had; the text holds what the installer said."""
