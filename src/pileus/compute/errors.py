"""What pools tell their callers, in AWS's words."""

from __future__ import annotations

from pileus.compute import scaling
from pileus.values.errors import ServiceError

_USER = {"Type": "User"}


def too_many_requests(reason: str) -> ServiceError:
    """The invocation was throttled; ``reason`` is one of AWS's (see ``scaling``)."""
    return ServiceError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        status=429,
        fields={"Reason": reason, "Type": "User"},
    )


def no_capacity() -> ServiceError:
    """The machine is full; callers see what a full account gives them."""
    return too_many_requests(scaling.ACCOUNT_EXCEEDED)


def restore_failed() -> ServiceError:
    """A hook that runs after a restore raised, or ended the process.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    return ServiceError(
        "SnapStartException",
        "The afterRestore() runtime hook encountered an error. For more information, check the "
        "Amazon CloudWatch logs.",
        status=400,
        fields=_USER,
    )


def restore_timed_out() -> ServiceError:
    """Those hooks took more than ten seconds."""
    return ServiceError(
        "SnapStartTimeoutException",
        "Lambda couldn't restore the snapshot within the timeout limit.",
        status=408,
        fields=_USER,
    )


class PackageError(ValueError):
    """A deployment package that cannot be used; the text is AWS's."""
