"""The kinds of error the house raises on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PileusError(Exception):
    """Base of every error Pileus raises on purpose; its text says what to do."""


class StoreUnavailable(PileusError):
    """A store could not do it now: its disk is full or fails. Nothing of it was kept.

    The same may succeed later, so what is durable waits and tries again for as long as it takes.
    """


class ServiceError(PileusError):
    """A fact an AWS API tells its caller: a code, a sentence, an HTTP status.

    Rooms raise it from their ``errors.py``; the codecs of ``protocols/`` turn it into the wire
    form of whichever protocol the client speaks.

    Args:
        code: AWS's error code as documented for the operation (``QueueDoesNotExist``).
        message: the sentence for the caller.
        status: HTTP status, 400 unless AWS documents another.
        fields: further members of a modelled error shape (``{"Resource": …}``).
        query_code: the code older query-protocol clients expect, where it differs
            (``AWS.SimpleQueueService.NonExistentQueue``).
        headers: extra HTTP headers (``Retry-After``).
        query_message: the sentence of the query protocol, where it differs.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
        query_code: str | None = None,
        headers: Mapping[str, str] | None = None,
        query_message: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.query_code = query_code
        self.headers = dict(headers or {})
        self.query_message = query_message

    @property
    def fault(self) -> str:
        """``Sender`` when the caller must change something, ``Receiver`` when we must."""
        return "Sender" if self.status < 500 else "Receiver"

    @property
    def is_retryable(self) -> bool:
        """True for throttling and our own faults: the same call may succeed later."""
        if self.status >= 500 or self.status == 429:
            return True
        return "Throttl" in self.code or "ThroughputExceeded" in self.code


def no_service(service: str) -> ServiceError:
    """The answer to a call of a service AWS has and this house does not (yet)."""
    return ServiceError("NotImplemented", f"Pileus has no {service} yet.", status=501)


def not_implemented(service: str, operation: str) -> ServiceError:
    """The answer to an operation AWS has and this house does not (yet)."""
    return ServiceError(
        "NotImplemented",
        f"Pileus does not implement {service}:{operation} yet.",
        status=501,
    )
