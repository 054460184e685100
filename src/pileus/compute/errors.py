"""What pools tell their callers, in AWS's words."""

from __future__ import annotations

from pileus.compute import scaling
from pileus.values.errors import ServiceError


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


class PackageError(ValueError):
    """A deployment package that cannot be used; the text is AWS's."""
